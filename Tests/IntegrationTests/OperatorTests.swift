import Basics
import Foundation
import TestSupport
import Testing

/// What operators do to a cluster of real servers.
@Suite struct OperatorTests {
    private static func names(_ server: AgentProcess) -> Set<String> {
        let list = (try? server.http.getJSON("/v1/namespaces?stale").array) ?? []
        return Set(list.compactMap { $0["Name"]?.string }).subtracting(["default"])
    }

    private static func write(_ name: String, to server: AgentProcess) throws {
        let answer = try server.http.put("/v1/namespace", .object([("Name", .string(name))]))
        #expect(answer.status == 200, "\(answer)")
    }

    @Test func aStateIsSavedAndRestored() throws {
        let servers = try ClusterTests.Servers()
        try servers.waitUntilFormed()
        let first = servers.all[0]
        let folder = try TemporaryFolder("snapshots")
        try first.register(Jobs.shell("web", "sleep 1000"))
        try Self.write("saved", to: first)
        let file = folder.path + "/one.snap"
        let save = try servers.all[1].drover("operator", "snapshot", "save", file)
        #expect(save.code == 0 && save.output.contains("State file written to \(file)"), "\(save.output)")
        let again = try first.drover("operator", "snapshot", "save", file)
        #expect(again.code == 1 && again.output.contains("is there already"), "\(again.output)")
        let inspect = try first.drover("operator", "snapshot", "inspect", file)
        #expect(inspect.code == 0 && inspect.output.contains("Redacted = false"), "\(inspect.output)")
        let state = try first.drover("operator", "snapshot", "state", "-filter", "ID == \"web\"", file)
        let jobs = try JSONParser.parse(Array(state.output.utf8))["Jobs"]?.array ?? []
        #expect(jobs.map { $0["ID"]?.string } == ["web"], "\(state.output.prefix(2_000))")

        try Self.write("undone", to: first)
        try Data("not an archive".utf8).write(to: URL(filePath: folder.path + "/bad.snap"))
        let bad = try first.drover("operator", "snapshot", "restore", folder.path + "/bad.snap")
        #expect(bad.code == 1 && bad.output.contains("no gzip file"), "\(bad.output)")
        let restore = try servers.all[2].drover("operator", "snapshot", "restore", file)
        #expect(restore.code == 0 && restore.output.contains("restored"), "\(restore.output)")
        for server in servers.all {
            try eventually("the saved state is there", details: { servers.log }) { Self.names(server) == ["saved"] }
        }
        // It is in every log: all servers come back with it.
        for server in servers.all { server.kill() }
        for server in servers.all { try servers.start(server) }
        try servers.waitUntilFormed()
        for server in servers.all {
            try eventually("it survives", details: { servers.log }) { Self.names(server) == ["saved"] }
        }
        try Self.write("after", to: servers.all[1])

        for _ in 0..<3 {
            let agent = try first.drover(
                "operator", "snapshot", "agent", "-interval", "0", "-retain", "2", "-path", folder.path, "-prefix", "d")
            #expect(agent.code == 0, "\(agent.output)")
            usleep(1_100_000)
        }
        let kept = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("d-") }
        #expect(kept.count == 2, "\(kept)")
        let redact = try first.drover("operator", "snapshot", "redact", file)
        #expect(redact.code == 0, "\(redact.output)")
        let refused = try first.drover("operator", "snapshot", "restore", file)
        #expect(refused.code == 1 && refused.output.contains("redacted"), "\(refused.output)")
    }

    private static func recover(_ server: AgentProcess, _ options: String...) throws -> (code: Int32, output: String) {
        try Binaries.run(
            "drover", ["operator", "raft", "recover"] + options + [server.folder.path + "/data"], environment: [:])
    }

    /// What is on the disk of a server that is stopped.
    private static func lookInside(_ server: AgentProcess) throws {
        func raft(_ command: String) throws -> String {
            let words = ["operator", "raft", command, server.folder.path + "/data"]
            let (code, output) = try Binaries.run("drover", words, environment: ["DROVER_CLI_NO_COLOR": "1"])
            #expect(code == 0, "\(command): \(output)")
            return output
        }
        let info = try raft("info")
        #expect(info.contains("Last Index") && info.contains("127.0.0.1:\(server.rpcPort)"), "\(info)")
        let logs = try raft("logs").split(separator: "\n").map { try JSONParser.parse(Array($0.utf8)) }
        #expect(logs.contains { $0["Change"] == .string("jobRegister web") }, "\(logs.map(\.text))")
        let state = try JSONParser.parse(Array(try raft("state").utf8))
        #expect(state["Jobs"]?.array?.first?["ID"] == .string("web"), "\(state.text)")
    }

    /// Two of three servers burn down.
    @Test func theServerThatIsLeftGoesOn() throws {
        let servers = try ClusterTests.Servers()
        try servers.waitUntilFormed()
        let (left, rest) = (servers.all[0], Array(servers.all.dropFirst()))
        try left.register(Jobs.shell("web", "sleep 1000"))
        try Self.write("kept", to: left)
        try eventually("it is on the disk that is left", details: { servers.log }) { Self.names(left) == ["kept"] }
        let early = try Self.recover(left, "-yes")
        #expect(early.code == 1 && early.output.contains("there is a majority"), "\(early.output)")
        for server in rest { server.kill() }
        let old = rest[1].folder.path + "/old-data"
        try FileManager.default.moveItem(atPath: rest[1].folder.path + "/data", toPath: old)
        try FileManager.default.removeItem(atPath: rest[0].folder.path + "/data")
        let busy = try Self.recover(left, "-yes")
        #expect(busy.code == 1 && busy.output.contains("another agent uses the data folder"), "\(busy.output)")
        left.kill()
        try Self.lookInside(left)
        // Where a recovery was cut short, nobody starts a cluster of half of it.
        try left.folder.write("data/server/recovery.json", "{}")
        try servers.start(left)
        #expect(left.wait() == 1 && left.log.contains("run \"drover operator raft recover\" again"), "\(left.log)")
        try FileManager.default.removeItem(atPath: left.folder.path + "/data/server/recovery.json")
        let done = try Self.recover(left, "-yes")
        #expect(done.code == 0 && done.output.contains("Recovered."), "\(done.output)")
        let again = try Self.recover(left, "-yes")
        #expect(again.code == 0 && again.output.contains("nothing to do"), "\(again.output)")

        try servers.start(left)
        try eventually("it leads", seconds: 30, details: { servers.log }) {
            (try? left.http.get("/v1/jobs"))?.status == 200
        }
        #expect(Self.names(left) == ["kept"])
        #expect(try left.http.getJSON("/v1/job/web")["ID"]?.string == "web")
        for server in rest { try servers.start(server) }
        try servers.waitUntilFormed()
        try Self.write("after", to: rest[0])
        for server in servers.all {
            try eventually("all have all", details: { servers.log }) { Self.names(server) == ["kept", "after"] }
        }
        // A server of the old cluster comes back with all it knew: it is refused, and told what to do.
        rest[1].kill()
        try FileManager.default.removeItem(atPath: rest[1].folder.path + "/data")
        try FileManager.default.moveItem(atPath: old, toPath: rest[1].folder.path + "/data")
        try servers.start(rest[1])
        try eventually("it is refused", seconds: 30, details: { servers.log }) {
            rest[1].log.contains("empty the data folder of the one that is to join")
        }
        try Self.write("undisturbed", to: left)
    }

    /// A leader that stands still keeps its connections: a write passed to it must not wait for them to end.
    @Test func aHungLeaderHoldsNoWrite() throws {
        let servers = try ClusterTests.Servers()
        try servers.waitUntilFormed()
        let leader = try servers.leader()
        let others = servers.all.filter { $0 !== leader }
        try Self.write("before", to: others[0])
        leader.signal(SIGSTOP)
        defer { leader.signal(SIGCONT) }
        let begin = Date()
        let answer = try others[0].http.put("/v1/namespace", .object([("Name", .string("hung"))]))
        #expect(Date().timeIntervalSince(begin) < 10)
        #expect(answer.status == 503 && answer.text.contains("may have been carried out or not"), "\(answer)")
        try Self.write("next", to: others[1])
        leader.signal(SIGCONT)
        for server in servers.all {
            try eventually("all agree", details: { servers.log }) {
                Self.names(server).subtracting(["hung"]) == ["before", "next"]
                    && Self.names(server) == Self.names(others[0])
            }
        }
    }

    @Test func healthIsShownAndARemovedServerIsTold() throws {
        let servers = try ClusterTests.Servers()
        try servers.waitUntilFormed()
        let first = servers.all[0]
        let set = try first.drover("operator", "autopilot", "set-config", "-min-quorum", "3")
        #expect(set.code == 0 && set.output.contains("Configuration updated!"), "\(set.output)")
        let get = try servers.all[1].drover("operator", "autopilot", "get-config")
        #expect(get.output.contains("MinQuorum = 3") && get.output.contains("ServerStabilizationTime = 10s"))
        try eventually("all are well", details: { servers.log }) {
            try first.drover("operator", "autopilot", "health").output.contains("Healthy          = true")
        }
        #expect(try first.http.get("/v1/operator/autopilot/health").status == 200)
        let removed = try #require(servers.all.first { try $0 !== servers.leader() })
        let rest = servers.all.filter { $0 !== removed }
        let removal = try rest[0].drover(
            "operator", "raft", "remove-peer", "-peer-address", "127.0.0.1:\(removed.rpcPort)")
        #expect(removal.code == 0, "\(removal.output)")
        try eventually("it is told", seconds: 30, details: { removed.log }) {
            removed.log.contains("this server was removed from its cluster by an operator")
        }
        #expect(try removed.http.get("/v1/jobs").text.contains("was removed from its cluster"))
        let lead = try servers.leader()
        let other = try #require(rest.first { $0 !== lead })
        other.kill()
        try eventually("the quorum is lost") { try lead.http.get("/v1/operator/autopilot/health").status != 200 }
    }
}
