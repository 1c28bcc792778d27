import Basics
import Foundation
import TestSupport
import Testing

/// A server and two clients, of which one cannot be reached for a while.
@Suite struct DisconnectTests {
    private static let heartbeats = """
        server {
          heartbeat_grace = "1s"
          min_heartbeat_ttl = "1s"
        }
        """

    private func client(_ name: String, of server: AgentProcess) throws -> AgentProcess {
        let client = try AgentProcess(
            ["-client", "-node", name, "-bind", "127.0.0.1", "-servers", "127.0.0.1:\(server.rpcPort)"],
            configuration: "plugin \"raw_exec\" {\n  config {\n    enabled = true\n  }\n}\n")
        try client.start()
        return client
    }

    private func statuses(_ server: AgentProcess) throws -> [String: String] {
        let nodes = try server.http.getJSON("/v1/nodes").array ?? []
        return Dictionary(nodes.map { ($0["Name"]?.string ?? "", $0["Status"]?.string ?? "") }) { $1 }
    }

    /// Status by client, and whether it is wanted, of each allocation by node.
    private func states(_ server: AgentProcess, _ job: String) throws -> [String: String] {
        let found = try server.allocations(job).map { allocation in
            (
                allocation["NodeName"]?.string ?? "",
                "\(allocation["ClientStatus"]?.string ?? "")/\(allocation["DesiredStatus"]?.string ?? "")"
            )
        }
        return Dictionary(found) { $1 }
    }

    @Test(arguments: ["keep_original", "keep_replacement"])
    func oneOfTwoIsKeptWhenTheClientIsBack(reconcile: String) throws {
        let group = try ServerGroup(1, configuration: Self.heartbeats)
        let server = group.servers[0]
        let clients = try ["c1", "c2"].map { try client($0, of: server) }
        try eventually("both clients are ready", seconds: 60, details: { server.log }) {
            try statuses(server) == ["c1": "ready", "c2": "ready"]
        }
        let tasks = try MarkedTasks()
        try server.register(
            Jobs.shell(
                "web", tasks.line,
                disconnect: .object([("LostAfter", .integer(600_000_000_000)), ("Reconcile", .string(reconcile))])))
        try server.wait("web", "running")
        let home = try #require(try states(server, "web").first?.key)
        let away = try #require(home == "c1" ? clients.first : clients.last)
        let other = home == "c1" ? "c2" : "c1"

        away.signal(SIGSTOP)
        defer { away.signal(SIGCONT) }
        try eventually("the node is disconnected, the job replaced", seconds: 60, details: { server.describe("web") }) {
            try statuses(server)[home] == "disconnected"
                && states(server, "web") == [home: "unknown/run", other: "running/run"]
        }
        let shown = try server.drover("job", "status", "web").output
        #expect(shown.contains("unknown") && shown.contains("Unknown"), "\(shown)")
        #expect(try server.drover("node", "status").output.contains("disconnected"))
        let summary = try server.http.getJSON("/v1/job/web/summary")["Summary"]?["group"]
        #expect(
            summary?["Unknown"] == .integer(1) && summary?["Running"] == .integer(1), "\(String(describing: summary))")

        away.signal(SIGCONT)
        let (kept, stopped) = reconcile == "keep_original" ? (home, other) : (other, home)
        try eventually("one of the two is kept", seconds: 60, details: { server.describe("web") }) {
            try statuses(server)[home] == "ready"
                && states(server, "web") == [kept: "running/run", stopped: "complete/stop"]
        }
        #expect(tasks.processes.count == 1, "what was stopped has ended")
    }
}
