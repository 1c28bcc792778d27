public import DroverSDK

extension DockerDriver {
    /// Asks the engine what it is; begins to follow it the first time it answers.
    public func fingerprint() throws -> DriverFingerprint {
        do throws(PluginError) {
            return try operations.blocking { [self] in try await look() }
        } catch {
            guard watch.wasSeen else { return DriverFingerprint(.undetected, error.message) }
            return DriverFingerprint(.unhealthy, error.message)
        }
    }

    private func look() async throws -> DriverFingerprint {
        let info = try await client.demand(
            EngineRequest("GET", "/info"), "the engine does not tell what it is", seconds: 20)
        let version = try await client.demand(
            EngineRequest("GET", "/version"), "the engine has no version", seconds: 20)
        let isFirst = !watch.wasSeen
        let runtimes = (info["Runtimes"]?.object ?? [:]).keys.sorted()
        watch.note(runtimes: Set(runtimes))
        if isFirst {
            images.resume()
            operations.spawn { [self] in await sweepOrphans() }
        }
        var attributes = [
            "driver.docker": "1", "driver.docker.version": version["Version"]?.string ?? "",
            "driver.docker.os_type": info["OSType"]?.string ?? "linux",
            "driver.docker.runtimes": runtimes.joined(separator: ","),
        ]
        if settings.allowsPrivileged { attributes["driver.docker.privileged.enabled"] = "true" }
        if settings.volumes.areEnabled { attributes["driver.docker.volumes.enabled"] = "true" }
        if settings.processesMax > 0 { attributes["driver.docker.pids.limit"] = String(settings.processesMax) }
        let bridge = try await client.ask(EngineRequest("GET", "/networks/bridge"), seconds: 20)
        if let address = bridge.json["IPAM"]?["Config"]?.array?.first?["Gateway"]?.string {
            attributes["driver.docker.bridge_ip"] = address
        }
        return DriverFingerprint(.healthy, "Healthy", attributes: attributes)
    }
}
