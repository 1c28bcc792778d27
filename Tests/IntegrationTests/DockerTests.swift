import Basics
import Foundation
import PluginHostTestSupport
import TestSupport
import Testing

/// Containers on a whole agent: what a job's author and an operator see, over `kill -9` of the plug-in host, the agent and dockerd.
@Suite(.enabled(if: DockerEngine.isHere, "\(DockerEngine.reason)")) struct DockerTests {
    private static func job(_ id: String, _ line: String, type: String = "service", restart: JSON = .null) -> JSON {
        Jobs.task(
            id, type: type, restart: restart,
            .object([
                ("Name", .string("main")), ("Driver", .string("docker")), ("KillTimeout", .integer(200_000_000)),
                (
                    "Config",
                    .object([
                        ("image", .string("box:1")), ("network_mode", .string("none")), ("command", .string("/bin/sh")),
                        ("args", .array([.string("-c"), .string(line)])),
                    ])
                ),
                ("Resources", .object([("CPU", .integer(20)), ("MemoryMB", .integer(32))])),
            ]))
    }

    @Test func runsInContainersAndOutlivesHostAndAgent() throws {
        let engine = try DockerEngine.shared.get()
        let agent = try AgentProcess(
            configuration: "plugin \"docker\" {\n  config { endpoint = \"\(engine.endpoint)\" }\n}\n")
        try agent.start()
        try agent.waitUntilReady()
        try eventually("the node has the driver", details: { agent.log }) { try attribute(agent) == "1" }

        let facts = "echo $NOMAD_TASK_DIR; touch /secrets/x && echo kept"
        try agent.register(Self.job("keeper", "\(facts); exec sleep 100000"))
        try agent.register(Self.job("once", "exit 3", type: "batch", restart: Jobs.noRestart))
        try agent.wait("keeper", "running")
        try agent.wait("once", "failed")
        let allocation = try #require(try agent.allocations("keeper").first)
        try eventually("the task has spoken", details: { agent.describe("keeper") }) {
            try agent.logs(allocation) == "/local\nkept\n"
        }
        let first = engine.containers
        #expect(first.count == 1)

        let host = pid_t(try #require(try agent.plugin("docker")?["PID"]?.integer))
        kill(host, SIGKILL)
        try eventually("the plug-in host is back", details: { agent.log }) {
            let pid = try agent.plugin("docker")?["PID"]?.integer ?? 0
            return pid > 0 && pid != Int64(host)
        }
        agent.kill()
        try agent.start()
        try agent.waitUntilReady()
        try agent.wait("keeper", "running")
        #expect(engine.containers == first, "the very container runs on")
        #expect(try agent.logs(allocation) == "/local\nkept\n")

        engine.stop(SIGKILL)
        try eventually("the node has lost the driver", details: { agent.log }) { try attribute(agent) == nil }
        try engine.start()
        try eventually("the node has it again", details: { agent.log }) { try attribute(agent) == "1" }
        try eventually("another container runs", seconds: 40, details: { agent.describe("keeper") }) {
            engine.containers.count == 1 && engine.containers != first
        }
        let events = try agent.allocations("keeper").first?["TaskStates"]?["main"]?["Events"]?.array ?? []
        let ended = events.last { $0["Type"] == .string("Terminated") }
        #expect(ended?["Details"]?["exit_code"] == .string("137"), "\(ended?.text ?? "it was never told")")
        try agent.end(["keeper"])
        try eventually("no container is left") { engine.containers.isEmpty }
    }

    private func attribute(_ agent: AgentProcess) throws -> String? {
        guard let node = try agent.http.getJSON("/v1/nodes").array?.first?["ID"]?.string else { return nil }
        return try agent.http.getJSON("/v1/node/\(node)")["Attributes"]?["driver.docker"]?.string
    }
}
