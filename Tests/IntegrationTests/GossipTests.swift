import Basics
import Foundation
import TestSupport
import Testing

/// Servers as real processes whose only knowledge of each other is a gossip address.
@Suite(.serialized) struct GossipTests {
    static let key = "cg8StVXbQJ0gPvMd9o7yrg=="

    private static func server(
        _ name: String, expect: Int = 3, join: AgentProcess? = nil, _ more: [String] = [], configuration: String = ""
    ) throws -> AgentProcess {
        let arguments = ["-server", "-node", name, "-bind", "127.0.0.1", "-bootstrap-expect", "\(expect)"]
        let joining = join.map { ["-retry-join", $0.gossip, "-retry-interval", "1s"] } ?? []
        return try AgentProcess(arguments + joining + more, configuration: configuration)
    }

    /// Waits until every one of `agents` lists exactly these members, as `name:status`.
    private static func wait(_ agents: [AgentProcess], list wanted: [String], seconds: Double = 30) throws {
        for agent in agents {
            try eventually("\(wanted) are listed", seconds: seconds, details: { details(agents) }) {
                (try? agent.members()) == wanted
            }
        }
    }

    private static func waitForVoters(_ count: Int, _ agents: [AgentProcess]) throws {
        for agent in agents {
            try eventually("\(count) voters", seconds: 30, details: { details(agents) }) {
                let leader = try? agent.http.getJSON("/v1/status/leader").string
                return (try? agent.http.getJSON("/v1/status/peers").array?.count) == count && leader?.isEmpty == false
            }
        }
    }

    private static func details(_ agents: [AgentProcess]) -> String {
        agents.map { agent in
            "\((try? agent.http.get("/v1/agent/members").text) ?? "no answer")\n\(agent.log.suffix(3_000))"
        }.joined(separator: "\n---\n")
    }

    @Test func oneGossipAddressIsEnoughAndWhoIsKilledComesBack() throws {
        let first = try Self.server("s1", ["-encrypt", Self.key])
        let second = try Self.server("s2", join: first, ["-encrypt", Self.key])
        let third = try Self.server("s3", join: second, ["-encrypt", Self.key])
        let all = [first, second, third]
        for server in all { try server.start() }
        try Self.waitForVoters(3, all)
        try Self.wait(all, list: ["s1.global:alive", "s2.global:alive", "s3.global:alive"])
        let tags = try #require(try second.member("s3.global")?["Tags"])
        #expect(
            tags["role"]?.string == "nomad" && tags["region"]?.string == "global" && tags["dc"]?.string == "dc1",
            "\(tags)")
        #expect(tags["port"]?.string == "\(third.rpcPort)" && tags["rpc_addr"]?.string == "127.0.0.1", "\(tags)")
        #expect(
            tags["expect"]?.string == "3" && tags["vsn"]?.string == "1" && tags["raft_vsn"]?.string == "3", "\(tags)")
        let listing = try second.drover("server", "members")
        #expect(listing.output.split(separator: "\n").count { $0.contains("true") } == 1, "\(listing.output)")
        let detailed = try second.drover("server", "members", "-detailed")
        #expect(detailed.output.contains("rpc_addr=127.0.0.1"), "\(detailed.output)")

        // Killed and found dead; back with nothing configured but its data folder.
        third.kill()
        try Self.wait([first, second], list: ["s1.global:alive", "s2.global:alive", "s3.global:failed"])
        try Self.back(third, as: "s3")
        try Self.wait(all, list: ["s1.global:alive", "s2.global:alive", "s3.global:alive"])
        try Self.waitForVoters(3, all)

        // For good: its cluster lets go of it.
        third.kill()
        try Self.wait([first], list: ["s1.global:alive", "s2.global:alive", "s3.global:failed"])
        #expect(
            try first.drover("server", "force-leave", "nobody.global").output.contains("no member \"nobody.global\""))
        #expect(try first.drover("server", "force-leave", "s3.global").code == 0)
        try Self.wait([first, second], list: ["s1.global:alive", "s2.global:alive", "s3.global:left"])
        try Self.waitForVoters(2, [first, second])
        #expect(try second.drover("server", "force-leave", "-prune", "s3.global").code == 0)
        try Self.wait([first, second], list: ["s1.global:alive", "s2.global:alive"])
    }

    /// Starts the server again, with the arguments of its first start but without addresses to join.
    private static func back(_ server: AgentProcess, as name: String) throws {
        try server.start(replacing: ["-server", "-node", name, "-bind", "127.0.0.1", "-bootstrap-expect", "3"])
    }

    @Test func aServerLeavesInGoodOrderAndComesBack() throws {
        let leaving = "leave_on_terminate = true\n"
        let first = try Self.server("s1", expect: 2, configuration: leaving)
        let second = try Self.server("s2", expect: 2, join: first, configuration: leaving)
        let all = [first, second]
        for server in all { try server.start() }
        try Self.waitForVoters(2, all)
        let answer = try first.http.put("/v1/namespace", .object([("Name", .string("before"))]))
        #expect(answer.status == 200, "\(answer.text)")

        // The leader: it hands leadership on first.
        let leader = try #require(try all.first { "127.0.0.1:\($0.rpcPort)" == (try first.leader) })
        let (name, other) = leader === first ? ("s1", second) : ("s2", first)
        leader.signal(SIGTERM)
        #expect(leader.wait() == 0, "\(leader.log.suffix(3_000))")
        #expect(leader.log.contains("left the cluster"), "\(leader.log.suffix(3_000))")
        let alone = ["s1.global:\(name == "s1" ? "left" : "alive")", "s2.global:\(name == "s2" ? "left" : "alive")"]
        try Self.wait([other], list: alone)
        try Self.waitForVoters(1, [other])
        let after = try other.http.put("/v1/namespace", .object([("Name", .string("after"))]))
        #expect(after.status == 200, "one server decides alone: \(after.text)")

        try leader.start(["-join", other.gossip])
        try Self.wait(all, list: ["s1.global:alive", "s2.global:alive"])
        try Self.waitForVoters(2, all)
        let names = try leader.http.getJSON("/v1/namespaces?stale").array?.compactMap { $0["Name"]?.string }
        #expect(names == ["after", "before", "default"])
    }

    @Test(
        .enabled(
            if: SerfAgent.program != nil, "needs Debian's serf: apt-get install serf, or a reachable Debian mirror"))
    func aStockSerfAgentIsListedAndNeverAPeer() throws {
        let server = try Self.server("s1", expect: 1, ["-encrypt", Self.key])
        try server.start()
        try Self.waitForVoters(1, [server])
        let serf = try SerfAgent("web-1", tags: ["role": "web", "dc": "eu"], ["-encrypt", Self.key])
        try eventually("serf runs") { try serf.members() == ["web-1:alive"] }
        let joined = try server.drover("server", "join", serf.address)
        #expect(joined.code == 0 && joined.output.contains("Joined 1 servers successfully"), "\(joined.output)")
        try Self.wait([server], list: ["s1.global:alive", "web-1:alive"])
        #expect(try server.member("web-1")?["Tags"]?["role"]?.string == "web")
        try eventually("serf lists the server", seconds: 20) {
            try serf.members() == ["s1.global:alive", "web-1:alive"] && serf.tags(of: "s1.global")?["role"] == "nomad"
        }
        #expect(try server.http.getJSON("/v1/status/peers").array?.count == 1)
        #expect(try server.http.getJSON("/v1/regions") == .array([.string("global")]))
        serf.kill()
        try Self.wait([server], list: ["s1.global:alive", "web-1:failed"])
        server.kill()
    }

    @Test func strangersAreRefusedClearlyAndDisturbNothing() throws {
        let first = try Self.server("s1", expect: 1, ["-encrypt", Self.key])
        try first.start()
        try Self.waitForVoters(1, [first])
        let other = Base64.encode([UInt8](repeating: 7, count: 32))
        let stranger = try Self.server("s2", expect: 0, join: first, ["-encrypt", other])
        try stranger.start()
        let text = "the sender has another gossip key, or none"
        try eventually("both sides say why", details: { stranger.log + first.log }) {
            stranger.log.contains(text) && first.log.contains(text)
        }
        for bytes in [[UInt8](repeating: 0xff, count: 1_000), Array("GET / HTTP/1.1\r\n\r\n".utf8), [244, 3, 65]] {
            try LoopbackSocket.sendDatagram(bytes, port: first.serfPort)
            try LoopbackSocket.sendStream(bytes, port: first.serfPort)
        }
        let hopeless = try Self.server("s3", expect: 0, ["-join", first.gossip, "-encrypt", other])
        try hopeless.start()
        #expect(hopeless.wait() == 1)
        #expect(hopeless.log.contains("start_join: no server could be joined"), "\(hopeless.log.suffix(2_000))")
        // RPC's port instead of gossip's.
        let mistaken = try Self.server("s4", expect: 0, ["-join", "127.0.0.1:\(first.rpcPort)"])
        try mistaken.start()
        #expect(mistaken.wait() == 1)
        #expect(
            mistaken.log.contains("is 127.0.0.1:\(first.rpcPort) where gossip listens (4648), or another port?"),
            "\(mistaken.log.suffix(2_000))")
        try Self.wait([first], list: ["s1.global:alive"])
        let answer = try first.http.put("/v1/namespace", .object([("Name", .string("undisturbed"))]))
        #expect(answer.status == 200, "\(answer.text)")
        #expect(!first.log.contains("Fatal"), "\(first.log.suffix(2_000))")
    }

    @Test func keysAreRotatedInTheRunningPool() throws {
        let first = try Self.server("s1", expect: 2, ["-encrypt", Self.key])
        let second = try Self.server("s2", expect: 2, join: first, ["-encrypt", Self.key])
        for server in [first, second] { try server.start() }
        try Self.waitForVoters(2, [first, second])
        try Self.wait([first, second], list: ["s1.global:alive", "s2.global:alive"])
        let made = try first.drover("operator", "gossip", "keyring", "generate").output
        let fresh = made.filter { !$0.isWhitespace }
        for (operation, key) in [("install", fresh), ("use", fresh), ("remove", Self.key)] {
            let done = try first.drover("operator", "gossip", "keyring", operation, key)
            #expect(done.code == 0 && done.output.contains("2 of 2 servers"), "\(operation): \(done.output)")
        }
        let listed = try second.drover("operator", "gossip", "keyring", "list")
        #expect(listed.output.contains(fresh) && listed.output.contains("[2/2]"), "\(listed.output)")
        #expect(!listed.output.contains(Self.key))
        let refused = try second.drover("operator", "gossip", "keyring", "remove", fresh)
        #expect(refused.code == 1 && refused.output.contains("in use"), "\(refused.output)")
        #expect(try second.folder.read("data/server/serf.keyring") == "[\"\(fresh)\"]")

        // The keyring in the folder counts, whatever is configured.
        second.kill()
        try second.start()
        try Self.wait([first, second], list: ["s1.global:alive", "s2.global:alive"])
        #expect(second.log.contains("server.encrypt is not in the keyring"))
    }
}

extension AgentProcess {
    /// The pool's members as this agent lists them, `name:status`.
    func members() throws -> [String] {
        (try http.getJSON("/v1/agent/members")["Members"]?.array ?? []).map {
            "\($0["Name"]?.string ?? ""):\($0["Status"]?.string ?? "")"
        }
    }

    func member(_ name: String) throws -> JSON? {
        try http.getJSON("/v1/agent/members")["Members"]?.array?.first { $0["Name"]?.string == name }
    }

    /// The leader's RPC address.
    var leader: String { get throws { try http.getJSON("/v1/status/leader").string ?? "" } }
}
