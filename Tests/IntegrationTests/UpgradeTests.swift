import Basics
import Foundation
import Synchronization
import TestSupport
import Testing

/// Three servers that are restarted one after the other, and taken to the next release and back, while clients write.
@Suite struct UpgradeTests {
    /// Clients that write namespaces all the time, each until a server acknowledges it.
    private final class Writers: Sendable {
        private struct State {
            var acknowledged: Set<String> = []
            var isOver = false
        }

        private static let count = 4
        private let state = Mutex(State())
        private let ended = DispatchGroup()
        private let prefix: String

        init(_ prefix: String, ports: [Int]) {
            self.prefix = prefix
            for writer in 0..<Writers.count {
                let thread = Thread { [self] in
                    write(writer, connections: ports.map { HTTPConnection(port: $0) })
                    ended.leave()
                }
                ended.enter()
                thread.start()
            }
        }

        private func write(_ writer: Int, connections: [HTTPConnection]) {
            var number = 0
            while !state.withLock({ $0.isOver }) {
                let name = "\(prefix)-\(writer)-\(number)"
                var target = writer + number
                // The same write again is the same state, so it may be asked of another server.
                while true {
                    let body = JSON.object([("Name", .string(name))])
                    let answer = try? connections[target % connections.count].put("/v1/namespace", body)
                    if answer?.status == 200 { break }
                    if state.withLock({ $0.isOver }) { return }
                    target += 1
                    usleep(20_000)
                }
                state.withLock { _ = $0.acknowledged.insert(name) }
                number += 1
                usleep(2_000)
            }
        }

        var acknowledged: Set<String> { state.withLock { $0.acknowledged } }

        /// Ends the writing; what was acknowledged.
        func end() -> Set<String> {
            state.withLock { $0.isOver = true }
            ended.wait()
            return acknowledged
        }
    }

    private final class Cluster {
        let servers: [AgentProcess]
        private let join: [String]

        init() throws {
            servers = try (1...3).map { number in
                try AgentProcess(["-server", "-bootstrap-expect", "3", "-node", "s\(number)", "-bind", "127.0.0.1"])
            }
            join = servers.flatMap { ["-retry-join", $0.gossip] }
            for server in servers { try start(server, isNext: false) }
            for server in servers { try waitUntilMember(server) }
        }

        var log: String { servers.map { "\($0.log.suffix(3_000))" }.joined(separator: "\n---\n") }

        private func start(_ server: AgentProcess, isNext: Bool) throws {
            try server.start(join, environment: isNext ? ["DROVER_PLAY_NEXT_RELEASE": "1"] : [:])
        }

        private func waitUntilMember(_ server: AgentProcess) throws {
            try eventually("a leader and three voters", seconds: 40, details: { self.log }) {
                let peers = try? server.http.getJSON("/v1/status/peers").array?.count
                return peers == 3 && (try? server.http.getJSON("/v1/status/leader").string)?.isEmpty == false
            }
        }

        /// Restarts one after the other, as an operator would: the next once the last is a member that has caught up.
        func roll(isNext: Bool, killing killed: AgentProcess? = nil, _ writers: Writers) throws {
            for server in servers {
                if server === killed { server.kill() } else { server.signal(15) }
                #expect(server === killed || server.wait() == 0, "\(server.log.suffix(2_000))")
                let before = writers.acknowledged
                try start(server, isNext: isNext)
                try waitUntilMember(server)
                try eventually("it has what was written before", seconds: 40, details: { self.log }) {
                    try self.namespaces(server).keys.count { before.contains($0) } == before.count
                }
                try eventually("writing goes on", seconds: 40, details: { self.log }) {
                    writers.acknowledged.count >= before.count + 50
                }
            }
        }

        /// Every namespace a server has in its own state, with its note.
        func namespaces(_ server: AgentProcess) throws -> [String: String] {
            let list = try server.http.getJSON("/v1/namespaces?stale").array ?? []
            let pairs = list.map { ($0["Name"]?.string ?? "", $0["Meta"]?["note"]?.string ?? "") }
            return Dictionary(pairs) { first, _ in first }
        }

        /// Checks that each server has all of these.
        func expect(_ acknowledged: Set<String>) throws {
            for server in servers {
                try eventually("nothing is lost", details: { self.log }) {
                    try acknowledged.subtracting(self.namespaces(server).keys).isEmpty
                }
            }
        }
    }

    @Test func aRollingRestartLosesNoWrite() throws {
        let cluster = try Cluster()
        let writers = Writers("restart", ports: cluster.servers.map(\.httpPort))
        try cluster.roll(isNext: false, writers)
        let acknowledged = writers.end()
        try cluster.expect(acknowledged)
    }

    /// The next release writes entries and snapshot records that this one does not know.
    @Test func anUpgradeAndItsWayBackLoseNothing() throws {
        let cluster = try Cluster()
        let writers = Writers("upgrade", ports: cluster.servers.map(\.httpPort))
        try cluster.roll(isNext: true, writers)
        try eventually("the next release's entries are written", details: { cluster.log }) {
            try cluster.namespaces(cluster.servers[0]).values.count { !$0.isEmpty } > 100
        }
        let noted = try cluster.namespaces(cluster.servers[0]).filter { !$0.value.isEmpty }
        // What one that is killed has in its log, the earlier release finds there.
        try cluster.roll(isNext: false, killing: cluster.servers[0], writers)
        #expect(cluster.servers.contains { $0.log.contains("the log has entries of a later release") })
        #expect(cluster.servers.contains { $0.log.contains("saved a snapshot for a server of an earlier release") })
        try eventually("this release's entries are written", details: { cluster.log }) {
            writers.acknowledged.count > noted.count + 100
        }
        #expect(try cluster.namespaces(cluster.servers[0]).values.allSatisfy { $0.isEmpty })
        try cluster.expect(writers.acknowledged)
        try cluster.roll(isNext: true, writers)
        let acknowledged = writers.end()
        try cluster.expect(acknowledged)
        for server in cluster.servers {
            let found = try cluster.namespaces(server)
            #expect(noted.allSatisfy { found[$0.key] == $0.value }, "what only the next release knows is there again")
        }
    }
}
