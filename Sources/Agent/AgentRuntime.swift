internal import Basics
internal import Client
internal import Connections
internal import HTTPAPI
internal import Linux
internal import Logging
internal import Model
internal import PluginHost
internal import RPC
internal import Raft
internal import Server
internal import ServiceLifecycle
internal import UnixSignals

/// One agent: the parts that its settings ask for, wired together and run as one service group.
///
/// ```
/// PluginManager ◄── Server ◄── RPC listener      services end in the reverse order: nobody new comes in,
///     ▲            ▲   ▲                      then work is let go of, then what it stood on
///     └─ Client ───┘   └── HTTP API
/// ```
package struct AgentRuntime {
    private let settings: AgentSettings
    private let output: LogOutput
    private let rereading: @Sendable () throws -> AgentSettings

    /// `rereading` reads the settings anew, for SIGHUP.
    package init(
        _ settings: AgentSettings, output: LogOutput, rereading: @escaping @Sendable () throws -> AgentSettings
    ) {
        self.settings = settings
        self.output = output
        self.rereading = rereading
    }

    /// Runs until SIGINT or SIGTERM, or until a part fails.
    ///
    /// - Parameter started: called once the API answers, with the addresses bound.
    /// - Throws: ``AgentError`` or the failing part's error, each saying what to do.
    package func run(started: @escaping @Sendable ([String]) -> Void) async throws {
        let log = output.logger("agent")
        let certificates = try settings.security.map { try TLSSource($0.files) }
        let refusals = RefusalLog(log: output.logger("connections"), time: SystemTime())
        let network = TCPNetwork(
            settings: transport, security: rpcSecurity(certificates),
            report: { refusals.note(port: "rpc", address: $0, reason: $1) })
        let seam = Seam.system(network: network)
        let lock = try await AgentFolder(settings.dataFolder, seam).prepare()
        defer { lock.release() }
        try settings.checkAddresses()
        let plugins = PluginManager(seam: seam, configuration: settings.plugins, log: output.logger("plugin"))
        // Loading plug-ins and reading the log back take longest: do both at once.
        async let loading: Void = plugins.start()
        let options = try await serverOptions(seam)
        var pool: PoolService?
        if let options {
            pool = try await PoolService.open(options, settings, seam: seam, log: output.logger("gossip"))
        }
        let server = try await openServer(options, seam, plugins, pool)
        await loading
        let list = ServerList(
            settings.servers, network: network, start: Int(seam.random.next() >> 33), random: seam.random)
        let servers: any Caller = server ?? list
        let client = try await openClient(seam, servers, plugins)
        var services: [any ServiceLifecycle.Service] = [CancelledService { await plugins.run() }]
        if let pool { services.append(pool) }
        if let server {
            services.append(
                CancelledService(atShutdown: { await server.prepareForEarlierRelease() }) { try await server.run() })
            services.append(
                CancelledService { [settings] in
                    try await network.serve(at: settings.rpcAddress, handler: server) { _ in }
                })
        } else {
            services.append(CancelledService { try await list.rebalance(time: seam.time) })
        }
        if let client {
            // Its tasks run on without it, but for a development agent's.
            let stopsTasks = settings.isDevelopment
            services.append(
                CancelledService(atShutdown: { if stopsTasks { try await client.stopAll() } }) {
                    try await client.run()
                })
        }
        services.append(
            api(
                endpoints(servers, client, server, pool, plugins, seam), certificates,
                report: { refusals.note(port: "http", address: $0, reason: $1) }, started))
        let reload = Reload(
            certificates: certificates, client: client, plugins: plugins, settings: rereading, log: log)
        services.append(CancelledService { await reload.run() })
        services.append(signals(server, pool))
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map {
                    .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
                }, logger: output.logger("agent.lifecycle").quiet))
        try await group.run()
        if settings.removesDataFolder { try? SystemDisk().remove(settings.dataFolder) }
        log.info("stopped")
    }

    private var transport: TransportSettings {
        var transport = TransportSettings()
        transport.role = settings.server == nil ? .client : .server
        transport.name = settings.name
        // Servers that were away are to be in touch again well before an election is due.
        transport.retryLimit = .seconds(1)
        transport.connectionsPerClientMax = settings.rpcConnectionsPerClientMax
        transport.handshakeTimeout = settings.rpcHandshakeTimeout
        return transport
    }

    private func rpcSecurity(_ certificates: TLSSource?) -> TransportSecurity? {
        guard let certificates, let wanted = settings.security, wanted.isOnRPC else { return nil }
        return TransportSecurity(
            source: certificates, region: wanted.checksNames ? settings.region : nil, allowsPlain: wanted.allowsPlain)
    }

    /// What ends the agent, and how its server leaves.
    private func signals(_ server: ServerAgent?, _ pool: PoolService?) -> SignalService {
        let leaving: [UnixSignal] =
            (settings.pool.leavesOnInterrupt ? [.sigint] : []) + (settings.pool.leavesOnTerminate ? [.sigterm] : [])
        let log = output.logger("agent")
        return SignalService(
            leaving: Set(leaving),
            leave: {
                do {
                    try await server?.leave()
                } catch {
                    log.warning("the other servers did not let this one go", metadata: ["error": "\(error)"])
                }
                await pool?.leave()
            },
            handLeadershipOn: { await server?.handLeadershipOn() }, log: log)
    }

    /// The server's options with its id; nil for a client.
    private func serverOptions(_ seam: Seam) async throws -> ServerOptions? {
        guard var wanted = settings.server else { return nil }
        wanted.id = try await ServerIdentity.load(folder: wanted.folder, seam: seam)
        if wanted.expect == 1 {
            let itself = Raft.Membership.Member(id: ServerID(wanted.id), address: wanted.rpcAddress.description)
            wanted.bootstrap = Raft.Membership(members: [itself])
        }
        return wanted
    }

    private func openServer(
        _ options: ServerOptions?, _ seam: Seam, _ plugins: PluginManager, _ pool: PoolService?
    ) async throws -> ServerAgent? {
        guard let options else { return nil }
        return try await ServerAgent.open(
            options, seam: seam, placers: plugins, log: output.logger("server"), pool: pool?.pool)
    }

    private func openClient(_ seam: Seam, _ servers: any Caller, _ plugins: PluginManager) async throws -> ClientAgent?
    {
        guard let wanted = settings.client else { return nil }
        let log = output.logger("client")
        let store = try await SQLiteClientStore.open(wanted.stateFolder + "/state.db", seam: seam, log: log)
        return try await ClientAgent(
            ClientWorld(
                configuration: wanted, seam: seam, servers: servers, drivers: plugins, fingerprinters: plugins,
                devices: plugins, store: store, modes: LinuxFileModes(),
                network: LinuxNetworkTools(), log: log))
    }

    private func endpoints(
        _ servers: any Caller, _ client: ClientAgent?, _ server: ServerAgent?, _ pool: PoolService?,
        _ plugins: PluginManager, _ seam: Seam
    ) -> Endpoints {
        let settings = settings
        let info = AgentInfo(
            region: settings.region, nodeName: settings.name, version: Version.text, isServer: server != nil,
            describe: { try await AgentRuntime.describe(settings, servers, server, client) },
            plugins: { .array(plugins.status.map(\.json)) })
        return Endpoints(
            caller: servers, client: client, pool: pool.map { PoolDoor(pool: $0.pool) }, agent: info, time: seam.time)
    }

    private func api(
        _ endpoints: Endpoints, _ certificates: TLSSource?,
        report: @escaping @Sendable (_ address: String, _ reason: String) -> Void,
        _ started: @escaping @Sendable ([String]) -> Void
    ) -> APIServer {
        let isSecure = settings.security?.isOnHTTP ?? false
        var configuration = APIConfiguration(
            addresses: settings.httpAddresses.map { isSecure ? .tls($0) : .tcp($0) })
        configuration.security = certificates.map { APISecurity(source: $0) }
        configuration.security?.asksCertificate = settings.security?.asksCertificate ?? false
        configuration.security?.handshakeTimeout = settings.httpsHandshakeTimeout
        configuration.responseHeaders = settings.responseHeaders
        configuration.connectionsPerClientMax = settings.connectionsPerClientMax
        return APIServer(
            configuration: configuration, endpoints: endpoints, log: output.logger("http"), report: report,
            onReady: { started($0.map(\.description)) })
    }

    /// The answer of `/v1/agent/self`.
    private static func describe(
        _ settings: AgentSettings, _ servers: any Caller, _ server: ServerAgent?, _ client: ClientAgent?
    ) async throws -> JSON {
        let members = try? await servers.call(Query(.members), context: .ownRegion)
        let pool = members.flatMap { try? JSONParser.parse($0.body.bytes) }?["Members"]?.array ?? []
        let member = pool.first { $0["Tags"]?["id"]?.string == server?.id } ?? .null
        let facts = [("server", "\(server != nil)"), ("leader", "\(server?.isLeader ?? false)")]
        var stats: [(String, JSON)] = [("nomad", .object(facts.map { ($0.0, .string($0.1)) }))]
        if let client {
            let facts = [("node_id", client.nodeID.description), ("num_allocations", "\(client.allocationCount)")]
            stats.append(("client", .object(facts.map { ($0.0, .string($0.1)) })))
        }
        return .object([("config", settings.shownConfiguration), ("member", member), ("stats", .object(stats))])
    }
}

extension Logger {
    /// The same logger without what only developers of the library want to know.
    fileprivate var quiet: Logger {
        var quiet = self
        quiet.logLevel = .warning
        return quiet
    }
}
