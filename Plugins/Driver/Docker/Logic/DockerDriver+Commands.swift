public import DroverSDK

extension DockerDriver {
    public func exec(id: String, execID: String, request: String, streams: StandardStreams, call: Call) throws {
        let entry = try table.required(id)
        guard entry.exit == nil else { throw PluginError(.state, "task \(id) has ended") }
        let command = ContainerCommand(
            client: client, container: entry.container, request: try JSON(parsing: request), streams: streams)
        operations.begin(call) { [self] in
            let engineID = try await command.make()
            commands.set(execID, engineID)
            defer { commands.set(execID, nil) }
            return try await command.run(engineID)
        }
    }

    public func resize(execID: String, rows: Int32, columns: Int32) throws {
        guard let engineID = commands.engineID(of: execID) else {
            throw PluginError(.notFound, "no command \(execID) runs")
        }
        _ = try operations.blocking { [self] in
            do {
                return try await client.demand(
                    EngineRequest("POST", "/exec/\(engineID)/resize", ["h": "\(rows)", "w": "\(columns)"]),
                    "cannot resize the terminal of a command", seconds: 10)
            } catch let error as PluginError where error.code == .state {
                // Made, and not running yet: Docker waits for it, Podman answers 409.
                throw PluginError(.notFound, error.message)
            }
        }
    }

    /// One sample of each task, from its control group or else the engine; those that do not come within a second are left out.
    public func stats(ids: String, into sink: Sink) throws {
        let wanted = ids.isEmpty ? nil : Set(ids.split(separator: "\n").map(String.init))
        let entries = table.running.filter { wanted?.contains($0.id) ?? true }
        guard !entries.isEmpty else { return }
        let records = try operations.blocking { [self] in await ContainerStats.collect(entries, client) }
        for record in records { try sink.write(record) }
    }
}
