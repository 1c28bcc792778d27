import Basics
import Foundation
import TestSupport
import Testing

/// Isolated tasks on a whole agent: what a job's author and an operator see.
@Suite(.enabled(if: geteuid() == 0, "needs root")) struct ExecTests {
    /// A job of one `exec` task that runs a shell line.
    private static func job(
        _ id: String, _ line: String, type: String = "service", memoryMB: Int64 = 32, restart: JSON = .null,
        network: String? = nil, driver: String = "exec", more: [(String, JSON)] = []
    ) -> JSON {
        Jobs.task(
            id, type: type, restart: restart, network: network,
            task("main", line, memoryMB: memoryMB, driver: driver, more: more))
    }

    /// A task that runs a shell line.
    private static func task(
        _ name: String, _ line: String, memoryMB: Int64 = 32, user: String = "", driver: String = "exec",
        more: [(String, JSON)] = []
    ) -> JSON {
        let config: [(String, JSON)] = [
            ("command", .string("/bin/sh")), ("args", .array([.string("-c"), .string(line)])),
        ]
        return .object([
            ("Name", .string(name)), ("User", .string(user)), ("Driver", .string(driver)),
            ("KillTimeout", .integer(200_000_000)),
            ("Config", .object(JSONObject(config + more))),
            ("Resources", .object([("CPU", .integer(20)), ("MemoryMB", .integer(memoryMB))])),
        ])
    }

    private static let quick = JSON.object([
        ("Attempts", .integer(50)), ("Mode", .string("delay")), ("Interval", .integer(3_600_000_000_000)),
        ("Delay", .integer(20_000_000)),
    ])

    @Test func runsIsolatedAndOutlivesHostAndAgent() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let node = try #require(try agent.http.getJSON("/v1/nodes").array?.first)
        #expect(node["Drivers"]?["exec"]?["HealthDescription"] == .string("Healthy"), "\(node.text)")

        let tasks = try MarkedTasks()
        let facts =
            "echo $$ $(id -u) $(pwd) $NOMAD_TASK_DIR; ls -d /root /home 2>/dev/null; touch /secrets/x && echo kept"
        try agent.register(Self.job("keeper", "\(facts); exec sleep \(tasks.marker)", restart: Self.quick))
        try agent.wait("keeper", "running")
        let allocation = try #require(try agent.allocations("keeper").first)
        try eventually("the task has spoken", details: { agent.describe("keeper") }) {
            try agent.logs(allocation) == "1 65534 / /local\nkept\n"
        }
        try eventually("it sleeps") { tasks.processes.count == 1 }
        let first = tasks.processes

        let host = pid_t(try #require(try agent.plugin("exec")?["PID"]?.integer))
        kill(host, SIGKILL)
        try eventually("the plug-in host is back", details: { agent.log }) {
            let pid = try agent.plugin("exec")?["PID"]?.integer ?? 0
            return pid > 0 && pid != Int64(host)
        }
        agent.kill()
        try agent.start()
        try agent.waitUntilReady()
        try agent.wait("keeper", "running")
        #expect(tasks.processes == first, "the very task runs on")

        // Its shim's death is the task's; the restart policy brings another.
        for shim in ProcessList.shims(below: agent.folder.path) { kill(shim, SIGKILL) }
        try eventually("another has been started", details: { agent.describe("keeper") }) {
            tasks.processes.count == 1 && tasks.processes != first
        }
        try agent.end(["keeper"])
        #expect(tasks.processes.isEmpty)
        try expectNothingLeft(agent)
    }

    /// Tasks of one group, of different unprivileged users, pass each other files in the shared folder; no link there leads a reader of
    /// the allocation's files out of it.
    @Test func tasksShareTheAllocationsFolder() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let secret = agent.folder.path + "/secret"
        try Data("of the host".utf8).write(to: URL(fileURLWithPath: secret))
        let giver = Self.task("giver", "ln -s \(secret) $NOMAD_ALLOC_DIR/link; id -u > $NOMAD_ALLOC_DIR/note; sleep 60")
        let line = "until cat $NOMAD_ALLOC_DIR/note 2>/dev/null; do sleep 0.1; done; sleep 60"
        try agent.register(Jobs.task("shared", giver, Self.task("taker", line, user: "daemon")))
        try agent.wait("shared", "running")
        let allocation = try #require(try agent.allocations("shared").first)
        try eventually("the note is read", details: { agent.describe("shared") }) {
            try agent.logs(allocation, task: "taker") == "65534\n"
        }
        let id = allocation["ID"]?.string ?? ""
        let answer = try agent.http.get("/v1/client/fs/cat/\(id)?path=alloc/link")
        #expect(answer.status != 200 && !answer.text.contains("of the host"), "\(answer.text)")
        #expect(try agent.http.get("/v1/client/fs/cat/\(id)?path=alloc/note").text == "65534\n")
        try agent.end(["shared"])
        try expectNothingLeft(agent)
    }

    @Test func overUseAndRefusalsAreTold() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let hungry = "exec perl -e 'my $x = \"a\" x (200 << 20); sleep 60'"
        try agent.register(Self.job("hungry", hungry, type: "batch", memoryMB: 16, restart: Jobs.noRestart))
        let rights: [(String, JSON)] = [("cap_add", .array([.string("sys_admin")]))]
        try agent.register(Self.job("proud", "true", type: "batch", restart: Jobs.noRestart, more: rights))
        try agent.wait("hungry", "failed")
        try agent.wait("proud", "failed")
        let ended = try events(agent, "hungry").first { $0["Type"] == .string("Terminated") }
        #expect(ended?["Details"]?["oom_killed"] == .string("true"), "\(ended?.text ?? "")")
        let refused = try events(agent, "proud").map(\.text).joined()
        #expect(refused.contains("allow_caps do not hold sys_admin"), "\(refused)")
        try expectNothingLeft(agent)
    }

    /// A group with network mode "none": an isolated task sees only a loopback interface of its own, one that cannot be isolated is
    /// refused.
    @Test func aGroupWithoutNetwork() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let line = "tail -n +3 /proc/net/dev | cut -d : -f 1 | tr -d ' '"
        try agent.register(Self.job("alone", line, type: "batch", restart: Jobs.noRestart, network: "none"))
        try agent.register(
            Self.job("open", line, type: "batch", restart: Jobs.noRestart, network: "none", driver: "raw_exec"))
        try agent.wait("alone", "complete")
        #expect(try agent.logs(try #require(try agent.allocations("alone").first)) == "lo\n")
        try agent.wait("open", "failed")
        let refused = try events(agent, "open").map(\.text).joined()
        #expect(refused.contains("network mode") && refused.contains("knows only host"), "\(refused)")
        try expectNothingLeft(agent)
    }

    private func events(_ agent: AgentProcess, _ job: String) throws -> [JSON] {
        let allocations = try agent.allocations(job)
        return allocations.flatMap { $0["TaskStates"]?["main"]?["Events"]?.array ?? [] }
    }

    /// No mount below the agent's folder, and no process in a control group that its run folders name.
    private func expectNothingLeft(_ agent: AgentProcess) throws {
        let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        #expect(!mounts.contains(agent.folder.path))
        #expect(ProcessList.shims(below: agent.folder.path).isEmpty)
    }
}
