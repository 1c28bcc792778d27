public import DroverSDK

/// Networks that containers and other tasks of a group share: the engine puts no container into a namespace by its path, so a
/// container of this driver's holds it.
extension DockerDriver {
    public func createNetwork(_ request: NetworkRequest, call: Call) throws {
        guard case .unix = settings.endpoint else {
            throw PluginError(
                .unsupported,
                "a group's network needs an engine on this machine; set \"endpoint\" of plugin \"docker\" to its socket"
            )
        }
        let container = NetworkContainer(
            allocation: request.allocation, hostname: request.hostname, owner: try owner())
        operations.begin(call) { [self] in
            let pid = try await hold(container)
            return ["path": .string("/proc/\(pid)/ns/net")]
        }
    }

    public func destroyNetwork(allocation: String, call: Call) throws {
        operations.begin(call) { [self] in
            let name = NetworkContainer.name(of: allocation)
            let answer = try await client.ask(EngineRequest("DELETE", "/containers/\(name)", ["force": "1", "v": "1"]))
            guard answer.isSuccess || answer.status == 404 else {
                throw EngineClient.failure(answer.status, answer.message, "cannot remove container \(name)")
            }
            images.leave(name)
            return .null
        }
    }

    /// Makes and starts the container, or finds the one that is there.
    ///
    /// - Returns: the number of its process.
    private func hold(_ container: NetworkContainer) async throws -> Int64 {
        let what = "cannot make container \(container.name)"
        if let pid = try await runningProcess(container) { return pid }
        let fetch = try TaskDocument(
            JSON.object([
                "id": .string(container.name),
                "config": [
                    "image": .string(settings.infraImage),
                    "image_pull_timeout": .string("\(settings.infraPullNanoseconds)ns"),
                ],
            ]).text)
        let image = try await images.prepare(fetch)
        do {
            let create = EngineRequest(
                "POST", "/containers/create", ["name": container.name], body: container.document(image: image))
            try await client.demand(create, what, seconds: 300)
            try await client.demand(EngineRequest("POST", "/containers/\(container.name)/start"), what, seconds: 120)
            guard let pid = try await runningProcess(container) else {
                throw PluginError(
                    .invalid,
                    "\(what): it has ended at once; \"infra_image\" \(settings.infraImage) must do nothing but wait")
            }
            return pid
        } catch {
            images.leave(container.name)
            _ = try? await client.ask(
                EngineRequest("DELETE", "/containers/\(container.name)", ["force": "1", "v": "1"]))
            throw error
        }
    }

    /// The process of the container, if it runs; what was made and does not run is removed.
    private func runningProcess(_ container: NetworkContainer) async throws -> Int64? {
        let answer = try await client.ask(EngineRequest("GET", "/containers/\(container.name)/json"))
        if answer.status == 404 { return nil }
        guard answer.isSuccess else {
            throw EngineClient.failure(answer.status, answer.message, "cannot look for container \(container.name)")
        }
        let state = ContainerState(answer.json)
        guard state.label(NetworkContainer.label) == container.allocation else {
            throw PluginError(
                .exists,
                "container \(container.name) is none of this agent's; remove it with: docker rm -f \(container.name)")
        }
        if !state.hasEnded, state.pid > 0 { return Int64(state.pid) }
        _ = try await client.ask(EngineRequest("DELETE", "/containers/\(container.name)", ["force": "1", "v": "1"]))
        return nil
    }
}
