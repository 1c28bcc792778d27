import Basics
import Foundation
import TestSupport
import Testing

/// Three real servers and a client on loopback.
@Suite struct ClusterTests {
    /// Three servers that look for each other, started.
    final class Servers {
        private(set) var all: [AgentProcess]
        private let join: [String]

        init() throws {
            all = try (1...3).map { number in
                try AgentProcess(["-server", "-bootstrap-expect", "3", "-node", "s\(number)", "-bind", "127.0.0.1"])
            }
            join = all.flatMap { ["-retry-join", $0.gossip] }
            for server in all { try start(server) }
        }

        func start(_ server: AgentProcess) throws { try server.start(join) }

        var log: String { all.map { "\($0.log.suffix(3_000))" }.joined(separator: "\n---\n") }

        /// Waits until each of these knows a leader and three voters.
        func waitUntilFormed(_ some: [AgentProcess]? = nil) throws {
            for server in some ?? all {
                try eventually("three voters", seconds: 30, details: { self.log }) {
                    let peers = try? server.http.getJSON("/v1/status/peers").array?.count
                    let leader = try? server.http.getJSON("/v1/status/leader").string
                    return peers == 3 && leader?.isEmpty == false
                }
            }
        }

        func leader() throws -> AgentProcess {
            var found: AgentProcess?
            try eventually("a server leads", details: { self.log }) {
                for server in self.all where server.pid > 0 {
                    let address = try? server.http.getJSON("/v1/status/leader").string
                    found = self.all.first { $0.pid > 0 && address == "127.0.0.1:\($0.rpcPort)" }
                    if found != nil { return true }
                }
                return false
            }
            return try #require(found)
        }
    }

    private static func namespaces(_ server: AgentProcess) throws -> Set<String> {
        let list = try server.http.getJSON("/v1/namespaces?stale").array ?? []
        return Set(list.compactMap { $0["Name"]?.string })
    }

    /// Writes to the servers in turn; returns the names that were acknowledged, and calls `event` in the middle.
    private static func write(
        _ count: Int, _ prefix: String, to servers: () -> [AgentProcess], event: () throws -> Void
    ) throws -> Set<String> {
        var acknowledged: Set<String> = []
        for number in 0..<count {
            if number == count / 2 { try event() }
            let name = "\(prefix)-\(number)"
            let live = servers()
            let body = JSON.object([("Name", .string(name))])
            if let answer = try? live[number % live.count].http.put("/v1/namespace", body), answer.status == 200 {
                acknowledged.insert(name)
            }
        }
        return acknowledged
    }

    @Test func writesAndWorkSurviveTheLeader() throws {
        let servers = try Servers()
        try servers.waitUntilFormed()
        let client = try AgentProcess(
            [
                "-client", "-node", "c1", "-bind", "127.0.0.1", "-servers", "127.0.0.1:\(servers.all[0].rpcPort)",
            ], configuration: "plugin \"raw_exec\" {\n  config {\n    enabled = true\n  }\n}\n")
        try client.start()
        try client.waitUntilReady()
        let keeper = try MarkedTasks()
        try servers.all[1].register(Jobs.shell("keeper", keeper.line))
        try servers.all[2].wait("keeper", "running")

        let old = try servers.leader()
        let acknowledged = try Self.write(120, "kill", to: { servers.all.filter { $0.pid > 0 } }) { old.kill() }
        #expect(acknowledged.count > 100, "writes go on: \(acknowledged.count) of 120\n\(servers.log)")
        let survivors = servers.all.filter { $0 !== old }
        for server in survivors {
            try eventually("what was acknowledged is there", details: { servers.log }) {
                try Self.namespaces(server).isSuperset(of: acknowledged)
            }
        }

        try servers.start(old)
        try eventually("the killed server catches up", seconds: 30, details: { servers.log }) {
            (try? Self.namespaces(old).isSuperset(of: acknowledged)) == true
        }
        try servers.waitUntilFormed()

        // The client has moved on, and its task has not noticed.
        let end = Jobs.shell("once", "true", type: "batch")
        try client.register(end)
        try client.wait("once", "complete")
        #expect(keeper.processes.count == 1 && keeper.starts.count == 1)
        try survivors[0].stop("keeper")
        try eventually("the task has ended") { keeper.processes.isEmpty }
    }

    @Test func aServerWithAnEmptyFolderReplacesADeadOne() throws {
        let servers = try Servers()
        try servers.waitUntilFormed()
        let written = try Self.write(20, "before", to: { servers.all }) {}
        #expect(written.count == 20, "\(servers.log)")
        let dead = try #require(servers.all.first { try $0 !== servers.leader() })
        let rest = servers.all.filter { $0 !== dead }
        let peers = try rest[0].http.getJSON("/v1/operator/raft/configuration")["Servers"]?.array ?? []
        let id = try #require(
            peers.first { $0["Address"]?.string == "127.0.0.1:\(dead.rpcPort)" }?["ID"]?.string)
        dead.kill()
        let removal = try rest[0].drover("operator", "raft", "remove-peer", "-peer-id", id)
        #expect(removal.code == 0 && removal.output.contains("Removed peer \(id)"), "\(removal.output)")
        let left = try rest[0].drover("operator", "raft", "list-peers")
        #expect(!left.output.contains(id))

        try FileManager.default.removeItem(atPath: dead.folder.path + "/data")
        try servers.start(dead)
        try eventually("the new server has it all", seconds: 30, details: { servers.log }) {
            (try? Self.namespaces(dead).isSuperset(of: written)) == true
        }
        try servers.waitUntilFormed()
        let members = try rest[1].drover("server", "members")
        #expect(members.output.split(separator: "\n").count { $0.contains("alive") } == 3, "\(members.output)")
        let transfer = try rest[0].drover(
            "operator", "raft", "transfer-leadership", "-peer-address", "127.0.0.1:\(dead.rpcPort)")
        #expect(transfer.code == 0, "\(transfer.output)")
        #expect(try servers.leader() === dead)
        let headers = try rest[0].http.get("/v1/namespaces?stale").headers
        #expect(headers["x-nomad-knownleader"] == "true", "\(headers)")
    }
}
