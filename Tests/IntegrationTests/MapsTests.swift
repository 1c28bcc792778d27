import Basics
import Foundation
import TestSupport
import Testing

/// Libraries are where they belong: seen from outside, in `/proc/<pid>/maps`.
@Suite struct MapsTests {
    private static let library = "libdrover-driver-shell.so"

    @Test func stockPluginsAreMappedIntoTheRightProcesses() throws {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let tasks = try MarkedTasks()
        try agent.register(Jobs.shell("keeper", tasks.line))
        try agent.wait("keeper", "running")

        let schedulers = ["service", "batch", "system", "sysbatch", "scored"].map { "libdrover-scheduler-\($0).so" }
        try eventually("the schedulers are loaded", details: { agent.log }) {
            ProcessList.libraries(agent.pid).isSuperset(of: schedulers)
        }
        let inAgent = ProcessList.libraries(agent.pid)
        #expect(inAgent.allSatisfy { !$0.hasPrefix("libdrover-driver-") && !$0.hasPrefix("libdrover-fingerprint-") })
        let files = [
            "exec": "libdrover-driver-exec.so", "raw_exec": "libdrover-driver-raw_exec.so",
            "mock_driver": "libdrover-driver-mock.so",
            "host": "libdrover-fingerprint-host.so",
        ]
        for (name, file) in files {
            let pid = pid_t(try #require(try agent.plugin(name)?["PID"]?.integer))
            let mapped = ProcessList.libraries(pid).filter { $0.hasPrefix("libdrover-") }
            #expect(pid != agent.pid && mapped == [file], "\(name): \(mapped)")
        }
        let shim = try #require(ProcessList.shims(below: agent.folder.path).first)
        #expect(ProcessList.libraries(shim).allSatisfy { !$0.hasPrefix("libdrover-") && !$0.hasPrefix("libswift") })
        try agent.end(["keeper"])
    }

    @Test(arguments: ["process", "agent"])
    func aDriverInCRunsATask(isolation: String) throws {
        let plugins = try TemporaryFolder("plugins")
        try CPlugin.build("driver.c", as: plugins.path + "/" + Self.library)
        let agent = try AgentProcess(
            configuration: "plugin_dir = \"\(plugins.path)\"\nplugin \"shell\" {\n  isolation = \"\(isolation)\"\n}\n")
        try agent.start()
        try agent.waitUntilReady()
        let shown = try #require(try agent.plugin("shell"), "\(agent.log)")
        #expect(shown["State"] == .string("running"), "\(shown.text)")
        #expect(shown["Isolation"] == .string(isolation))

        let tasks = try MarkedTasks()
        try agent.register(CPlugin.job("in-c", "echo said by $NOMAD_TASK_NAME; \(tasks.line)"))
        try agent.wait("in-c", "running")
        let allocation = try #require(try agent.allocations("in-c").first)
        try eventually("the task has spoken", details: { agent.describe("in-c") }) {
            try agent.logs(allocation) == "said by main\n"
        }
        #expect(tasks.processes.count == 1)
        #expect(ProcessList.libraries(agent.pid).contains(Self.library) == (isolation == "agent"))
        let pid = pid_t(shown["PID"]?.integer ?? 0)
        #expect((pid > 0) == (isolation == "process"))
        #expect(isolation == "agent" || ProcessList.libraries(pid).contains(Self.library))

        // It is a driver like any other: its tasks outlive the agent too.
        let before = tasks.processes
        agent.kill()
        try agent.start()
        try agent.waitUntilReady()
        try agent.wait("in-c", "running")
        #expect(tasks.processes == before && tasks.starts.count == 1)
        try agent.end(["in-c"])
        #expect(tasks.processes.isEmpty)
    }
}

/// The examples in C that come with the SDK.
enum CPlugin {
    private static let checkout = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()

    /// Builds an example as its first comment says.
    static func build(_ source: String, as library: String) throws {
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments = [
            "cc", "-std=c99", "-shared", "-fPIC", "-I", checkout + "/SDK/Sources/CDroverABI/include", "-o", library,
            checkout + "/SDK/examples/c/" + source,
        ]
        try compiler.run()
        compiler.waitUntilExit()
        guard compiler.terminationStatus == 0 else { throw NeverHappened(description: "cc failed on \(source)") }
    }

    /// A job for the driver `shell` of driver.c.
    static func job(_ id: String, _ script: String) -> JSON {
        Jobs.task(
            id,
            .object([
                ("Name", .string("main")), ("Driver", .string("shell")), ("KillTimeout", .integer(500_000_000)),
                ("Config", .object([("script", .string(script))])),
                ("Resources", .object([("CPU", .integer(10)), ("MemoryMB", .integer(10))])),
            ]))
    }
}
