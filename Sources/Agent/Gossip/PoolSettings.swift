internal import AgentConfiguration
internal import Basics
internal import Membership

/// How a server finds the gossip pool of its servers, and leaves it.
package struct PoolSettings: Sendable {
    /// The key of the configuration, checked; empty gossips in clear. A keyring in the data folder counts more.
    package var encrypt = ""
    /// `host:port` of members: joined at the start, where one must answer, and tried until one answers.
    package var startJoin: [String] = []
    package var retryJoin: [String] = []
    package var retryInterval = Duration.seconds(30)
    /// Tries of ``retryJoin``, after which the agent ends; 0 has no end.
    package var retriesMax = 0
    package var rejoinsAfterLeave = false
    package var leavesOnInterrupt = false
    package var leavesOnTerminate = false
    /// The region whose policies and global tokens count everywhere.
    package var authoritativeRegion = ""

    package init() {}

    /// - Throws: ``AgentError`` for a key or an address that cannot be one.
    init(_ configuration: Configuration) throws {
        let block = configuration.server
        encrypt = block.encrypt
        do {
            if !encrypt.isEmpty { _ = try Keyring(base64: [encrypt]) }
        } catch {
            throw AgentError("server.encrypt: \(error)")
        }
        startJoin = try PoolSettings.addresses(block.join.startJoin, of: "server_join.start_join")
        retryJoin = try PoolSettings.addresses(block.join.retryJoin, of: "server_join.retry_join")
        retryInterval = block.join.retryInterval
        retriesMax = block.join.retriesMax
        rejoinsAfterLeave = block.rejoinAfterLeave
        leavesOnInterrupt = configuration.leaveOnInterrupt
        leavesOnTerminate = configuration.leaveOnTerminate
        authoritativeRegion = block.authoritativeRegion
    }

    private static func addresses(_ texts: [String], of key: String) throws -> [String] {
        try texts.map { text in
            guard !text.contains("provider=") else {
                throw AgentError(
                    "\(key): \"\(text)\": this release does not ask cloud providers; list host or host:port")
            }
            return try AgentSettings.address(text, port: GossipPool.defaultPort, of: key).description
        }
    }
}
