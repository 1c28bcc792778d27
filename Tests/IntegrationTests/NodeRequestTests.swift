import Basics
import Foundation
import TestSupport
import Testing

/// What concerns a node and its allocations, asked of agents that are neither: three servers and two clients, all apart.
@Suite struct NodeRequestTests {
    private static let line = """
        trap 'echo hup' HUP; trap 'exit 3' TERM; echo ready; head -c 1000000 /dev/zero | tr '\\0' x >$NOMAD_TASK_DIR/large;
        echo bad >&2; while :; do sleep 0.05; done
        """

    private func start() throws -> (ServerGroup, clients: [AgentProcess]) {
        let group = try ServerGroup(3)
        let clients = try (1...2).map { number in
            let client = try AgentProcess(
                ["-client", "-node", "c\(number)", "-bind", "127.0.0.1"]
                    + group.servers.flatMap { ["-servers", "127.0.0.1:\($0.rpcPort)"] },
                configuration: "plugin \"raw_exec\" {\n  config { enabled = true }\n}\n")
            try client.start()
            return client
        }
        try eventually("both are ready", seconds: 30, details: { group.log }) {
            let nodes = try group.servers[0].http.getJSON("/v1/nodes").array ?? []
            return nodes.count == 2 && nodes.allSatisfy { $0["Status"] == .string("ready") }
        }
        try group.servers[0].register(Jobs.shell("job", Self.line))
        try group.servers[0].wait("job", "running")
        return (group, clients)
    }

    private func placed(_ agent: AgentProcess) throws -> (allocation: String, node: String) {
        let all = try agent.http.getJSON("/v1/job/job/allocations").array ?? []
        let found = try #require(all.first { $0["ClientStatus"] == .string("running") })
        return (found["ID"]?.string ?? "", found["NodeID"]?.string ?? "")
    }

    @Test func anyAgentAnswers() throws {
        let (group, clients) = try start()
        let (allocation, node) = try placed(group.servers[0])
        let client = "/v1/client"
        for agent in group.servers + clients {
            let at = "through \(agent.httpPort)"
            let log = "\(client)/fs/logs/\(allocation)?task=main&type=stdout&plain=true"
            try eventually("it has spoken \(at)") { try agent.http.get(log).text.hasPrefix("ready\n") }
            let files = try agent.http.getJSON("\(client)/fs/ls/\(allocation)?path=/")
            #expect(files.array?.compactMap { $0["Name"]?.string } == ["alloc", "main"], "\(at)")
            let large = "\(allocation)?path=main/local/large"
            try eventually("the file is written") {
                try agent.http.getJSON("\(client)/fs/stat/\(large)")["Size"] == .integer(1_000_000)
            }
            let content = try agent.http.get("\(client)/fs/cat/\(large)").text
            #expect(content.utf8.count == 1_000_000 && content.allSatisfy { $0 == "x" }, "\(at)")
            #expect(
                try agent.http.get("\(client)/fs/readat/\(large)&offset=999990&limit=100").text.count == 10, "\(at)")
            let stream = try agent.http.get("\(client)/fs/stream/\(large)&follow=false&origin=end&offset=5")
            #expect(stream.text.contains("\"Data\":\"eHh4eHg=\""), "\(at): \(stream.text)")
            let used = try agent.http.getJSON("\(client)/allocation/\(allocation)/stats")
            #expect(used["Tasks"]?["main"] != nil, "\(at): \(used)")
            let host = try agent.http.getJSON("\(client)/stats?node_id=\(node)")
            #expect((host["Uptime"]?.integer ?? 0) > 0, "\(at)")
            let signal: JSON = .object([("Signal", .string("SIGHUP")), ("Task", .string("main"))])
            let before = try agent.http.get(log).text.split(separator: "\n").count
            #expect(try agent.http.put("\(client)/allocation/\(allocation)/signal", signal).status == 200, "\(at)")
            try eventually("it has heard \(at)") { try agent.http.get(log).text.split(separator: "\n").count > before }
            #expect(try agent.http.get("\(client)/gc?node_id=\(node)").status == 200, "\(at)")
            try refuses(agent, allocation)
        }
        try commands(group.servers, allocation, node)
        try stop(group)
    }

    private func refuses(_ agent: AgentProcess, _ allocation: String) throws {
        let unknown = "11111111-1111-4111-8111-111111111111"
        for (path, status, text) in [
            ("fs/ls/\(unknown)", 404, "Unknown allocation"), ("allocation/\(unknown)/stats", 404, "Unknown allocation"),
            ("stats?node_id=\(unknown)", 404, "Unknown node"), ("fs/cat/\(allocation)?path=nothing", 404, "nothing"),
            ("fs/cat/\(allocation)?path=../../x", 403, "path"), ("fs/cat/\(allocation)?path=main", 400, "directory"),
            ("fs/logs/\(allocation)?task=other&type=stdout", 404, "other"),
        ] {
            let answer = try agent.http.get("/v1/client/\(path)")
            #expect(answer.text.contains(text), "\(agent.httpPort) \(path): \(answer.status) \(answer.text)")
            #expect(answer.status == status, "\(agent.httpPort) \(path): \(answer.status) \(answer.text)")
        }
        let no: JSON = .object([("Signal", .string("SIGNOPE"))])
        let wrong = try agent.http.put("/v1/client/allocation/\(allocation)/signal", no)
        #expect(wrong.status == 400 && wrong.text.contains("SIGNOPE"), "\(wrong.status) \(wrong.text)")
    }

    /// The command line, of a server that does not lead.
    private func commands(_ servers: [AgentProcess], _ allocation: String, _ node: String) throws {
        let leader = try servers[0].http.getJSON("/v1/status/leader").string
        let agent = try #require(servers.first { leader != "127.0.0.1:\($0.rpcPort)" })
        for (words, text) in [
            (["alloc", "logs", allocation], "ready"), (["alloc", "logs", "-stderr", allocation], "bad"),
            (["alloc", "fs", allocation, "/"], "main/"),
            (["alloc", "fs", "-stat", allocation, "main/local/large"], "large"),
            (["alloc", "status", "-stats", allocation], "Memory"),
            (["node", "status", "-stats", node], "Host Resource"),
            (["alloc", "signal", "-s", "SIGHUP", allocation], ""), (["alloc", "restart", allocation], ""),
        ] {
            let said = try agent.drover(words)
            #expect(said.code == 0 && (text.isEmpty || said.output.contains(text)), "\(words): \(said)")
        }
        try eventually("it was restarted") {
            let states = try agent.http.getJSON("/v1/allocation/\(allocation)")["TaskStates"]
            return states?["main"]?["Restarts"] == .integer(1) && states?["main"]?["State"] == .string("running")
        }
    }

    private func stop(_ group: ServerGroup) throws {
        try group.servers[0].stop("job")
        try group.servers[0].wait("job", "complete")
    }

    /// Followed streams bring what is written, and end with either end.
    @Test func followedStreamsEndWithEitherEnd() throws {
        let (group, clients) = try start()
        let leader = try group.leader()
        let other = try #require(group.servers.first { $0 !== leader })
        let (allocation, node) = try placed(other)
        let folder = try TemporaryFolder("follow")
        func follow(_ name: String) throws -> pid_t {
            try Binaries.spawn(
                "drover", ["alloc", "logs", "-f", allocation], output: "\(folder.path)/\(name)",
                environment: ["DROVER_ADDR": "http://127.0.0.1:\(other.httpPort)"])
        }
        func wait(_ pid: pid_t) -> Int32 {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            return status
        }
        func says(_ name: String, _ text: String) throws {
            try eventually("\(name) says \(text)", details: { group.log }) {
                ((try? folder.read(name)) ?? "").contains(text)
            }
        }
        let signal: JSON = .object([("Signal", .string("SIGHUP"))])
        let (reader, gone) = (try follow("reader"), try follow("gone"))
        for name in ["reader", "gone"] { try says(name, "ready\n") }
        kill(gone, SIGKILL)
        _ = wait(gone)
        #expect(try other.http.put("/v1/client/allocation/\(allocation)/signal", signal).status == 200)
        try says("reader", "hup\n")

        // The server that has the relay dies.
        leader.kill()
        #expect(wait(reader) != 0)
        try eventually("another server leads", seconds: 30, details: { group.log }) {
            try other.http.get("/v1/client/fs/ls/\(allocation)").status == 200
        }
        // The node's client dies: its stream ends with an error, and what is asked then is told.
        let last = try follow("last")
        try says("last", "hup\n")
        let owner = clients[try other.http.getJSON("/v1/node/\(node)")["Name"] == .string("c1") ? 0 : 1]
        let shims = owner.shims()
        owner.kill()
        #expect(wait(last) != 0)
        let lost = try other.http.get("/v1/client/fs/ls/\(allocation)")
        let isTold = lost.text.contains("did not answer within 10s") || lost.text.contains("out of touch")
        #expect(lost.status == 503 && isTold, "\(lost.status) \(lost.text)")
        #expect(!shims.isEmpty)
        try owner.start()
        try eventually("the client is back", seconds: 30, details: { owner.log }) {
            try other.http.get("/v1/client/fs/ls/\(allocation)").status == 200
        }
        try other.stop("job")
        try other.wait("job", "complete")
    }
}
