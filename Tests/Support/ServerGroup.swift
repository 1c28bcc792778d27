internal import Basics

/// Servers of one cluster, each a real `drover agent` on loopback with a folder of its own.
package final class ServerGroup {
    package let servers: [AgentProcess]
    private let join: [String]

    /// Starts `count` servers that look for each other, and waits until they are one cluster.
    package init(_ count: Int, _ arguments: [String] = [], configuration: String = "") throws {
        servers = try (1...count).map { number in
            try AgentProcess(
                ["-server", "-bootstrap-expect", "\(count)", "-node", "s\(number)", "-bind", "127.0.0.1"] + arguments,
                configuration: configuration)
        }
        join = count == 1 ? [] : servers.flatMap { ["-retry-join", $0.gossip] }
        for server in servers { try start(server) }
        try waitUntilFormed()
    }

    package func start(_ server: AgentProcess) throws { try server.start(join) }

    package var log: String { servers.map { "\($0.log.suffix(3_000))" }.joined(separator: "\n---\n") }

    /// Waits until each running server knows a leader and all voters.
    package func waitUntilFormed(seconds: Double = 60) throws {
        for server in servers where server.pid > 0 {
            try eventually("\(servers.count) voters", seconds: seconds, details: { self.log }) {
                let peers = try? server.http.getJSON("/v1/status/peers").array?.count
                let leader = try? server.http.getJSON("/v1/status/leader").string
                return peers == self.servers.count && leader?.isEmpty == false
            }
        }
    }

    /// The server that leads, as the others see it.
    package func leader() throws -> AgentProcess {
        var found: AgentProcess?
        try eventually("a server leads", details: { self.log }) {
            for server in self.servers where server.pid > 0 {
                let address = try? server.http.getJSON("/v1/status/leader").string
                found = self.servers.first { $0.pid > 0 && address == "127.0.0.1:\($0.rpcPort)" }
                if found != nil { return true }
            }
            return false
        }
        guard let found else { throw NeverHappened(description: "no server leads") }
        return found
    }
}
