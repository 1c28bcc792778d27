import Basics
import Foundation
import PluginHostTestSupport
import TestSupport
import Testing

/// `drover alloc exec` on whole agents: streams, terminals, and that nothing outlives its caller.
@Suite(.enabled(if: geteuid() == 0, "needs root")) struct CommandTests {
    /// A job of one group with a task of each driver that sleeps.
    private static func job(_ drivers: [String], line: String = "exec sleep 100000") -> JSON {
        let tasks = drivers.map { driver -> JSON in
            var config: [(String, JSON)] = [
                ("command", .string("/bin/sh")), ("args", .array([.string("-c"), .string(line)])),
            ]
            if driver == "docker" { config += [("image", .string("box:1")), ("network_mode", .string("none"))] }
            return .object([
                ("Name", .string(driver)), ("Driver", .string(driver)), ("KillTimeout", .integer(200_000_000)),
                ("Config", .object(JSONObject(config))), ("Env", .object([("GREETING", .string("hello"))])),
                ("Resources", .object([("CPU", .integer(20)), ("MemoryMB", .integer(32))])),
            ])
        }
        return .object([
            (
                "Job",
                .object([
                    ("ID", .string("job")), ("Name", .string("job")), ("Type", .string("service")),
                    ("TaskGroups", .array([.object([("Name", .string("group")), ("Tasks", .array(tasks))])])),
                ])
            )
        ])
    }

    private func start(_ drivers: [String], configuration: String = "") throws -> AgentProcess {
        let agent = try AgentProcess(configuration: configuration)
        try agent.start()
        try agent.waitUntilReady()
        try eventually("the node has the drivers", details: { agent.log }) {
            let node = try agent.http.getJSON("/v1/nodes").array?.first
            return drivers.allSatisfy { node?["Drivers"]?[$0]?["Healthy"] == .bool(true) }
        }
        try agent.register(Self.job(drivers))
        try agent.wait("job", "running")
        return agent
    }

    private func run(
        _ agent: AgentProcess, _ task: String, input: String = "", _ line: String
    ) throws -> (code: Int32, output: String, errors: String) {
        let session = try ExecSession(agent, job: "job", task: task, ["/bin/sh", "-c", line])
        try session.type(input)
        try session.endInput()
        let code = try session.wait()
        return (code, session.output, session.errors)
    }

    /// Streams apart, input to its end, exit codes and signals; then a terminal, with its size and its keys.
    private func check(_ agent: AgentProcess, _ task: String, user: String) throws {
        #expect(try run(agent, task, input: "in\n", "cat; echo bad >&2; exit 7") == (7, "in\n", "bad\n"), "\(task)")
        #expect(try run(agent, task, "kill -TERM $$").code == 143, "\(task)")
        #expect(try run(agent, task, "id -u; echo $GREETING") == (0, "\(user)\nhello\n", ""), "\(task)")
        let long = String(repeating: "0123456789abcdef", count: 40_000)
        #expect(try run(agent, task, input: long, "cat").output == long, "\(task)")
        let left = try run(agent, task, "sleep 3 & echo started")
        #expect(left.output == "started\n", "what goes on in the background is not waited for: \(task)")

        let session = try ExecSession(agent, job: "job", task: task, terminal: true, ["/bin/sh"])
        try session.type("stty size\n")
        try session.says("30 100\r\n")
        try session.resize(rows: 21, columns: 77)
        try eventually("the new size arrives", details: { session.output }) {
            try session.type("stty size\n")
            usleep(100_000)
            return session.output.contains("21 77\r\n")
        }
        try session.type("echo be''gun; sleep 1000\n")
        try session.says("begun")
        usleep(200_000)
        try session.type("\u{3}")
        try session.type("echo code $?\n")
        try session.says("code 130\r\n")
        try session.type("exit 9\n")
        #expect(try session.wait() == 9, "\(task)")

        let escaped = try ExecSession(agent, job: "job", task: task, terminal: true, ["/bin/sh"])
        try escaped.type("echo re''ady\n")
        try escaped.says("ready")
        try escaped.type("~.")
        #expect(try escaped.wait() == 1, "\(task)")
        #expect(escaped.output.contains("Connection closed"))
    }

    @Test(arguments: [("raw_exec", "0"), ("exec", "65534")])
    func runsInsideTasks(driver: String, user: String) throws {
        let agent = try start([driver])
        try check(agent, driver, user: user)
        let absent = try ExecSession(agent, job: "job", task: driver, ["nothere"])
        #expect(try absent.wait() == 1)
        #expect(absent.errors.contains("failed to exec into task: ") && absent.errors.contains("\"nothere\""))
        try expectGone(agent, driver)
        try agent.end(["job"])
    }

    @Test(.enabled(if: DockerEngine.isHere, "\(DockerEngine.reason)"))
    func runsInsideContainers() throws {
        let engine = try DockerEngine.shared.get()
        let agent = try start(
            ["docker"], configuration: "plugin \"docker\" {\n  config { endpoint = \"\(engine.endpoint)\" }\n}\n")
        try check(agent, "docker", user: "0")
        try expectGone(agent, "docker")
        try agent.end(["job"])
        try eventually("no container is left") { engine.containers.isEmpty }
    }

    /// A caller that dies takes its command along, with its children, on a terminal or not, and though it reads nothing.
    private func expectGone(_ agent: AgentProcess, _ task: String) throws {
        for isTerminal in [false, true] {
            let marked = try MarkedTasks()
            let line = "sleep \(marked.marker) & sleep \(marked.marker)"
            let session = try ExecSession(
                agent, job: "job", task: task, terminal: isTerminal, ["/bin/sh", "-c", line])
            try eventually("it runs", details: { session.output + session.errors }) {
                marked.processes.count == 2
            }
            session.kill()
            try eventually("all of it is gone: \(task), \(isTerminal)") { marked.processes.isEmpty }
        }
    }

    /// `kill -9` of the agent ends the commands, not the task.
    @Test func commandsEndWithTheAgent() throws {
        let agent = try start(["raw_exec", "exec"])
        let marked = try MarkedTasks()
        let sessions = try ["raw_exec", "exec"].map {
            try ExecSession(agent, job: "job", task: $0, ["/bin/sh", "-c", "exec sleep \(marked.marker)"])
        }
        try eventually("they run") { marked.processes.count == 2 }
        agent.kill()
        for session in sessions { #expect(try session.wait() == 1, "\(session.errors)") }
        try eventually("they are gone") { marked.processes.isEmpty }
        try agent.start()
        try agent.waitUntilReady()
        try agent.wait("job", "running")
        #expect(try run(agent, "exec", "echo here").output == "here\n")
        try agent.end(["job"])
    }

    /// From a server, and from another client, to a client that neither dials.
    @Test func reachesOtherAgents() throws {
        let group = try ServerGroup(3)
        let clients = try (1...2).map { number in
            let client = try AgentProcess(
                ["-client", "-node", "c\(number)", "-bind", "127.0.0.1"]
                    + group.servers.flatMap { ["-servers", "127.0.0.1:\($0.rpcPort)"] },
                configuration: "plugin \"raw_exec\" {\n  config { enabled = true }\n}\n")
            try client.start()
            return client
        }
        let servers = group.servers
        try eventually("both are ready", seconds: 30, details: { group.log }) {
            let nodes = try servers[0].http.getJSON("/v1/nodes").array ?? []
            return nodes.count == 2 && nodes.allSatisfy { $0["Status"] == .string("ready") }
        }
        try servers[0].register(Self.job(["raw_exec"]))
        try servers[0].wait("job", "running")
        let input = String(repeating: "0123456789abcdef", count: 40_000)
        for agent in servers + clients {
            let answer = try run(agent, "raw_exec", input: input, "cat; echo bad >&2; exit 7")
            #expect(answer == (7, input, "bad\n"), "through \(agent.httpPort)")
        }
        let leader = try group.leader()
        let other = try #require(servers.first { $0 !== leader })
        let session = try ExecSession(other, job: "job", task: "raw_exec", terminal: true, ["/bin/sh"])
        try session.type("stty size\n")
        try session.says("30 100\r\n")
        try session.type("exit 3\n")
        #expect(try session.wait() == 3)
        try expectGone(other, "raw_exec")

        // The server that has the relay dies: so does the command, on its node, and its caller is told.
        let marked = try MarkedTasks()
        let long = try ExecSession(
            other, job: "job", task: "raw_exec", ["/bin/sh", "-c", "exec sleep \(marked.marker)"])
        try eventually("it runs") { marked.processes.count == 1 }
        leader.kill()
        #expect(try long.wait() == 1)
        try eventually("it is gone", seconds: 30) { marked.processes.isEmpty }
        try eventually("another server leads", seconds: 30, details: { group.log }) {
            (try? run(other, "raw_exec", "echo here").output) == "here\n"
        }
        try other.end(["job"])
    }
}
