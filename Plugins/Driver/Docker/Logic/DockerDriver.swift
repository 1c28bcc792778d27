public import DroverSDK
internal import PluginSupport

/// `docker`: tasks as containers of an engine that speaks the Docker Engine API.
///
/// The engine keeps the tasks; this driver asks it for them, watches its events and copies their output. Everything runs on one
/// thread (``EventLoop``); what the host waits for is told from there.
public final class DockerDriver: Driver {
    let host: Host
    let settings: DockerSettings
    let client: EngineClient
    let operations: Operations
    let table = TaskTable()
    let images: ImageStore
    let watch: EngineWatch
    let commands = CommandTable()

    /// - Throws: ``PluginError`` naming the setting whose file cannot be used.
    init(host: Host, settings: DockerSettings) throws(PluginError) {
        self.host = host
        self.settings = settings
        let loop = EventLoop()
        var security: TransportSecurity?
        if case .tcp(_, _, let isSecure) = settings.endpoint, isSecure || settings.tls != nil {
            let files = settings.tls ?? DockerSettings.TLSFiles(authority: "", certificate: "", key: "")
            security = try TransportSecurity(
                authority: files.authority, certificate: files.certificate, key: files.key)
        }
        client = EngineClient(
            endpoint: settings.endpoint, transportSecurity: security, loop: loop, clock: host.clock)
        operations = Operations(on: loop)
        images = ImageStore(client: client, settings: settings, host: host)
        watch = EngineWatch(client: client, host: host, table: table, operations: operations)
    }

    public var capabilities: DriverCapabilities {
        DriverCapabilities(
            sendSignals: true, exec: true, filesystemIsolation: "image",
            networkIsolation: ["host", "group", "task", "none"], mounts: "all", mustCreateNetwork: true)
    }

    // MARK: - Life

    public func start(_ task: TaskDocument, call: Call) throws {
        operations.begin(call) { [self] in try await run(task) }
    }

    public func recover(_ task: TaskDocument, handle: JSON?, call: Call) throws {
        operations.begin(call) { [self] in try await find(task, handle) }
    }

    public func wait(id: String, call: Call) throws { try table.wait(id, call) }

    public func stop(id: String, signal: String, timeoutNanoseconds: Int64, call: Call) throws {
        let entry = try table.required(id)
        if !signal.isEmpty { try DockerDriver.require(signal) }
        // Its own operation: cancelling the call leaves the kill scheduled.
        let ending = operations.spawn { [self] in await end(entry, signal, timeoutNanoseconds) }
        guard ending != nil else { throw PluginError(.cancelled, "the plug-in ends") }
        operations.begin(call) { [self] in
            try await table.end(of: id)
            return .null
        }
    }

    public func signal(id: String, name: String) throws {
        let entry = try table.required(id)
        guard entry.exit == nil else { throw PluginError(.state, "task \(id) has ended") }
        try DockerDriver.require(name)
        try operations.blocking { [self] in try await kill(entry.container, name) }
    }

    public func destroy(id: String, force: Bool) throws {
        guard let entry = table.entry(id) else {
            return try operations.blocking { [self] in try await remove(unknown: id, force: force) }
        }
        guard force || entry.exit != nil else { throw PluginError(.state, "task \(id) runs") }
        try operations.blocking { [self] in try await remove(entry) }
    }

    public func inspect(id: String) throws -> JSON {
        let entry = try table.required(id)
        return try operations.blocking { [self] in
            let answer = try await client.ask(EngineRequest("GET", "/containers/\(entry.container)/json"))
            let state = ContainerState(answer.json)
            var attributes: [String: JSON] = [
                "container": .string(entry.container), "image": .string(entry.image), "status": .string(state.status),
            ]
            if state.pid > 0 { attributes["pid"] = .string(String(state.pid)) }
            if let address = state.address(isIPv6: false) { attributes["ip"] = .string(address) }
            return [
                "id": .string(id), "state": entry.exit == nil ? "running" : "exited",
                "handle": entry.answer["handle"] ?? .null, "attributes": .object(attributes),
            ]
        }
    }

    /// Ends the instance; containers go on.
    func shutdown() {
        operations.close { [self] in
            table.close()
            await images.shutdown()
        }
        client.loop.stop()
    }

    /// The facts of this machine and engine that containers depend on.
    func facts() throws(PluginError) -> ContainerRequest.MachineFacts {
        let info = CPUInfo(SmallFile.read("/proc/cpuinfo") ?? "")
        return ContainerRequest.MachineFacts(
            runtimes: watch.runtimes, coreMHz: info.mhz(ofCore: 0, reading: SmallFile.readLine), owner: try owner())
    }

    /// Who made a container, of all agents that use this engine: drawn once, kept over restarts.
    func owner() throws(PluginError) -> String {
        if let bytes = try host.store.get("owner") { return String(decoding: bytes, as: UTF8.self) }
        let owner = String(host.clock.random, radix: 16) + String(host.clock.random, radix: 16)
        try host.store.put("owner", Array(owner.utf8))
        return owner
    }
}
