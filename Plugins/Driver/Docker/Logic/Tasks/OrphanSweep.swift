internal import DroverSDK

extension DockerDriver {
    /// Removes containers of this agent's that no task is behind any more: every so often, for as long as the instance lives.
    func sweepOrphans() async {
        let rules = settings.collection
        guard rules.removesOrphans else { return }
        // Not at once: after a restart the host must first have found its tasks again.
        while (try? await client.clock.pause(nanoseconds: rules.orphanPeriodNanoseconds)) != nil {
            do {
                for orphan in try await orphans() { await remove(orphan: orphan) }
            } catch {
                host.log.warn("cannot look for orphaned containers", ["error": Operations.pluginError(error).message])
            }
        }
    }

    private func orphans() async throws -> [(id: String, name: String)] {
        let filters: JSON = ["label": [.string("\(ContainerRequest.Label.owner)=\(try owner())")]]
        // Ended ones are kept when the operator wants to look at them.
        let all = settings.collection.removesContainers ? "1" : "0"
        let request = EngineRequest("GET", "/containers/json", ["all": all, "filters": filters.text])
        let newest = (client.clock.wall - settings.collection.orphanGraceNanoseconds) / 1_000_000_000
        return try await client.list(request, "cannot list containers") { [table] container in
            guard let id = container["Id"]?.string,
                let task = container["Labels"]?[ContainerRequest.Label.task]?.string,
                !table.isWanted(task), container["Created"]?.integer ?? .max <= newest
            else { return nil }
            return (id, container["Names"]?.strings?.first ?? id)
        }
    }

    private func remove(orphan: (id: String, name: String)) async {
        let fields = ["container": orphan.id, "name": orphan.name]
        guard !settings.collection.onlyTellsOfOrphans else {
            return host.log.info("a container has no task; dry_run keeps it", fields)
        }
        host.log.info("a container has no task; removing it", fields)
        _ = try? await client.ask(EngineRequest("DELETE", "/containers/\(orphan.id)", ["force": "1", "v": "1"]))
    }
}
