package import Basics
package import Client
package import Connections
package import Logging
package import PluginHost
package import Server

/// TLS of an agent's ports.
package struct AgentSecurity: Sendable {
    package var files: TLSSettings
    package var isOnHTTP: Bool
    package var isOnRPC: Bool
    /// Certificates of other agents must name this region, and the role they call in.
    package var checksNames: Bool
    /// The RPC port takes plain connections as well.
    package var allowsPlain: Bool
    /// Callers of the HTTP API must show a certificate.
    package var asksCertificate: Bool
}

/// An agent as it is to run: configuration files and flags put together, checked, with every address and folder resolved.
package struct AgentSettings: Sendable {
    package var region = "global"
    package var datacenter = "dc1"
    /// Default: the host's name.
    package var name = ""
    /// Everything in one process for trying out; ended tasks and data go with the agent.
    package var isDevelopment = false
    /// Absolute.
    package var dataFolder: String
    /// Remove the data folder at the end: it was made for this run.
    package var removesDataFolder = false
    package var httpAddresses: [NetworkAddress] = []
    /// Where the RPC listens, and where others reach it.
    package var rpcAddress = NetworkAddress(host: "127.0.0.1", port: 4647)
    package var rpcAdvertised = NetworkAddress(host: "127.0.0.1", port: 4647)
    /// Where gossip listens, over UDP and TCP; port 0 takes a free one.
    package var serfAddress = NetworkAddress(host: "127.0.0.1", port: 4648)
    package var serfAdvertised = NetworkAddress(host: "127.0.0.1", port: 4648)
    package var httpAdvertised = NetworkAddress(host: "127.0.0.1", port: 4646)
    package var responseHeaders: [String: String] = [:]
    package var connectionsPerClientMax = 100
    package var rpcConnectionsPerClientMax = 100
    package var httpsHandshakeTimeout = Duration.seconds(5)
    package var rpcHandshakeTimeout = Duration.seconds(5)
    /// Nil: neither port speaks TLS.
    package var security: AgentSecurity?
    package var plugins: PluginHostConfiguration
    package var server: ServerOptions?
    /// How the server finds and leaves the gossip pool.
    package var pool = PoolSettings()
    package var client: ClientConfiguration?
    /// RPC addresses of servers, for an agent that is a client only.
    package var servers: [NetworkAddress] = []
    package var logLevel = Logger.Level.info
    package var logsJSON = false
    /// Nil: standard error.
    package var logFile: String?
    package var logFileBytesMax = 0
    package var logFilesMax = 0
    /// The answer of `/v1/agent/self`, secrets blanked.
    package var shownConfiguration = JSON.object([])

    package init(dataFolder: String, plugins: PluginHostConfiguration) {
        self.dataFolder = dataFolder
        self.plugins = plugins
    }
}
