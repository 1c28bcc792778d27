internal import AgentConfiguration
public import ArgumentParser
internal import Basics
internal import Glibc
internal import Linux
internal import StateStore

/// `drover agent`: runs a server, a client or both until it is told to stop.
public struct AgentCommand: AsyncParsableCommand, Sendable {
    public static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "Runs an agent: a server, a client, or both.",
        discussion: """
            Settings come from -config files and folders in order, later ones winning, then from these flags.

              drover agent -dev                       server and client in one process, to try it out
              drover agent -config /etc/drover.d      as the files say
            """)

    @Flag(name: .customLong("dev", withSingleDash: true), help: "Server and client in one process on 127.0.0.1.")
    var development = false
    @Flag(name: .customLong("server", withSingleDash: true), help: "Run a server.")
    var server = false
    @Flag(name: .customLong("client", withSingleDash: true), help: "Run a client.")
    var client = false
    @Option(name: .customLong("config", withSingleDash: true), help: "A configuration file or folder; may be repeated.")
    var config: [String] = []
    @Option(name: .customLong("bind", withSingleDash: true), help: "Address to listen on.")
    var bind: String?
    @Option(name: .customLong("region", withSingleDash: true), help: "Name of the region.")
    var region: String?
    @Option(name: .customLong("dc", withSingleDash: true), help: "Name of the datacenter.")
    var datacenter: String?
    @Option(name: .customLong("node", withSingleDash: true), help: "Name of this agent; default: the host's name.")
    var node: String?
    @Option(name: .customLong("data-dir", withSingleDash: true), help: "Folder for all that must survive.")
    var dataFolder: String?
    @Option(name: .customLong("plugin-dir", withSingleDash: true), help: "Folder of further plug-ins.")
    var pluginFolder: String?
    @Option(name: .customLong("log-level", withSingleDash: true), help: "TRACE, DEBUG, INFO, WARN, ERROR or OFF.")
    var logLevel: String?
    @Flag(name: .customLong("log-json", withSingleDash: true), help: "Log lines as JSON objects.")
    var logJSON = false
    @Option(name: .customLong("bootstrap-expect", withSingleDash: true), help: "Servers of a new cluster.")
    var bootstrapExpect: Int?
    @Option(
        name: .customLong("encrypt", withSingleDash: true),
        help: "Gossip key, the same on all servers; make one with: drover operator gossip keyring generate.")
    var encrypt: String?
    @Option(
        name: .customLong("join", withSingleDash: true),
        help: "Gossip address of another server, host or host:port; may be repeated. Tried once, at the start.")
    var join: [String] = []
    @Option(
        name: .customLong("retry-join", withSingleDash: true),
        help: "Gossip address of another server; may be repeated. Tried until one answers.")
    var retryJoin: [String] = []
    @Option(name: .customLong("retry-max", withSingleDash: true), help: "Tries of -retry-join; default: no end.")
    var retriesMax: Int?
    @Option(name: .customLong("retry-interval", withSingleDash: true), help: "Pause between them, such as 30s.")
    var retryInterval: String?
    @Flag(name: .customLong("rejoin", withSingleDash: true), help: "Go back to the pool this server left.")
    var rejoin = false
    @Option(
        name: .customLong("servers", withSingleDash: true), help: "host:port of servers, for clients; may be repeated.")
    var servers: [String] = []
    @Option(name: .customLong("state-dir", withSingleDash: true), help: "Folder for the client's state.")
    var stateFolder: String?
    @Option(name: .customLong("alloc-dir", withSingleDash: true), help: "Folder for allocations.")
    var allocationFolder: String?
    @Option(name: .customLong("node-class", withSingleDash: true), help: "Class of this node.")
    var nodeClass: String?
    @Option(name: .customLong("node-pool", withSingleDash: true), help: "Pool of this node.")
    var nodePool: String?
    @Option(name: .customLong("meta", withSingleDash: true), help: "key=value for this node; may be repeated.")
    var meta: [String] = []
    @Option(name: .customLong("network-interface", withSingleDash: true), help: "Interface whose address tasks get.")
    var networkInterface: String?
    @Option(name: .customLong("network-speed", withSingleDash: true), help: "Its speed in Mbit/s.")
    var networkSpeed: Int?

    public init() {}

    public func run() async throws {
        #if DEBUG
            if AgentSettings.environment()["DROVER_PLAY_NEXT_RELEASE"] == "1" { NextRelease.play() }
        #endif
        do {
            let settings = try readSettings()
            let output = try LogOutput(settings)
            signal(SIGPIPE, SIG_IGN)
            Machine.raiseOpenFilesLimit()
            Machine.keepFreedMemory()
            let agent = AgentRuntime(settings, output: output, rereading: readSettings)
            Banner(settings).printHead()
            try await agent.run { addresses in Banner(settings).printStarted(addresses) }
        } catch {
            throw ValidationFailure(error)
        }
    }

    @Sendable private func readSettings() throws -> AgentSettings { try AgentSettings(readConfiguration()) }

    private func readConfiguration() throws -> Configuration {
        var configuration = development ? Configuration.development() : Configuration()
        let disk = SystemDisk()
        let loader = ConfigurationLoader(
            kind: { path in !disk.exists(path) ? .absent : (try? disk.list(path)) == nil ? .file : .folder },
            list: { try disk.list($0) }, read: { try disk.read($0, limit: 4 << 20) })
        try loader.apply(config.map(AgentSettings.absolute), to: &configuration)
        try apply(to: &configuration)
        let problems = configuration.validate()
        guard problems.isEmpty else { throw AgentError(problems.joined(separator: "\n")) }
        return configuration
    }

    private func apply(to configuration: inout Configuration) throws {
        if server { configuration.server.isEnabled = true }
        if client { configuration.client.isEnabled = true }
        if let bind { configuration.bindAddress = bind }
        if let region { configuration.region = region }
        if let datacenter { configuration.datacenter = datacenter }
        if let node { configuration.name = node }
        if let dataFolder { configuration.dataDirectory = AgentSettings.absolute(dataFolder) }
        if let pluginFolder { configuration.pluginDirectory = AgentSettings.absolute(pluginFolder) }
        if let logLevel { configuration.logLevel = logLevel }
        if logJSON { configuration.logJSON = true }
        if let bootstrapExpect { configuration.server.bootstrapExpect = bootstrapExpect }
        if let encrypt { configuration.server.encrypt = encrypt }
        configuration.server.join.startJoin += join
        configuration.server.join.retryJoin += retryJoin
        if let retriesMax { configuration.server.join.retriesMax = retriesMax }
        if let retryInterval {
            guard let interval = Duration(goText: retryInterval), interval > .zero else {
                throw AgentError("-retry-interval \(retryInterval): write a time such as 30s")
            }
            configuration.server.join.retryInterval = interval
        }
        if rejoin { configuration.server.rejoinAfterLeave = true }
        if !servers.isEmpty { configuration.client.servers = servers }
        if let stateFolder { configuration.client.stateDirectory = AgentSettings.absolute(stateFolder) }
        if let allocationFolder { configuration.client.allocDirectory = AgentSettings.absolute(allocationFolder) }
        if let nodeClass { configuration.client.nodeClass = nodeClass }
        if let nodePool { configuration.client.nodePool = nodePool }
        if let networkInterface { configuration.client.networkInterface = networkInterface }
        if let networkSpeed { configuration.client.networkSpeed = networkSpeed }
        for pair in meta {
            guard let equals = pair.firstIndex(of: "="), equals > pair.startIndex else {
                throw AgentError("-meta \(pair): write key=value")
            }
            configuration.client.meta[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
    }
}

/// An agent that did not start, or ended by a failure: its message as it stands, and exit code 1.
private struct ValidationFailure: Error, CustomStringConvertible {
    let description: String

    init(_ error: any Error) { description = "==> \(error)" }
}
