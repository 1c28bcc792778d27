import DroverSDK
import Glibc
import Linux
import PluginHost
import PluginHostTestSupport
import TaskTestSupport
import Testing

@testable import JavaPlugin

/// Classes and jars in the machine's real runtime, on the real executor.
@Suite(
    "java: tasks", .enabled(if: Machine.isRoot && CgroupHost.detect() != nil, "needs root and cgroups"),
    .enabled(if: JavaGuest.missing == nil, "\(JavaGuest.missing ?? "")"))
struct JavaTaskTests {
    /// What every task here asks for: memory that a small virtual machine fits into.
    private static let resources: JSON = ["cpu_mhz": 500, "memory_bytes": .integer(192 << 20)]

    private func fixture() throws -> TaskFixture {
        let fixture = try TaskFixture(JavaPlugin.self)
        try JavaGuest.install(in: fixture.folder + "/task/local")
        return fixture
    }

    private func jar(_ arguments: [String], options: [String] = []) -> TaskFixture.Wish {
        TaskFixture.Wish(
            config: [
                "jar_path": "local/guest.jar", "args": .array(arguments.map(JSON.string)),
                "jvm_options": .array((["-Xmx32m"] + options).map(JSON.string)),
            ],
            resources: Self.resources)
    }

    @Test func runsAJarAndAClassIsolated() async throws {
        let fixture = try fixture()
        defer { fixture.close("jar", "class") }
        try await fixture.launch("jar", jar(["tell", "a b"], options: ["-Dmark=x"]))
        #expect(try await fixture.wait("jar")["exit_code"]?.integer == 0)
        #expect(fixture.lines("jar") == ["1 nobody / x", "null 2 a b", "false true"], "\(fixture.lines("jar", "err"))")
        #expect(fixture.lines("jar", "err") == ["an error"])
        var wish = jar(["tell"])
        wish.config["jar_path"] = nil
        wish.config["class"] = "Guest"
        wish.config["class_path"] = "classes"
        wish.config["work_dir"] = "/local"
        try await fixture.launch("class", wish)
        #expect(try await fixture.wait("class")["exit_code"]?.integer == 0)
        #expect(fixture.lines("class").first == "1 nobody /local none", "\(fixture.lines("class", "err"))")
        #expect(fixture.limit("class", "memory.limit_in_bytes", "memory.max") == "\(192 << 20)")
    }

    @Test(arguments: [(["exit", "7"], 7), (["throw"], 1)] as [([String], Int64)])
    func tellsHowItEnded(arguments: [String], code: Int64) async throws {
        let fixture = try fixture()
        defer { fixture.close("t") }
        try await fixture.launch("t", jar(arguments))
        let result = try await fixture.wait("t")
        #expect(result["exit_code"]?.integer == code && result["signal"]?.integer == 0, "\(result.text)")
    }

    @Test func aJarThatIsNotThereIsToldByTheRuntime() async throws {
        let fixture = try fixture()
        defer { fixture.close("t") }
        var wish = jar([])
        wish.config["jar_path"] = "local/none.jar"
        try await fixture.launch("t", wish)
        #expect(try await fixture.wait("t")["exit_code"]?.integer == 1)
        #expect(fixture.lines("t", "err").contains { $0.contains("local/none.jar") })
    }

    @Test func overUseOfMemoryIsReportedAsSuch() async throws {
        let fixture = try fixture()
        defer { fixture.close("t") }
        var wish = jar(["eat"], options: ["-XX:MaxDirectMemorySize=1g"])
        wish.resources = ["cpu_mhz": 500, "memory_bytes": .integer(96 << 20)]
        try await fixture.launch("t", wish)
        let result = try await fixture.wait("t")
        #expect(result["oom_killed"] == true && result["signal"]?.integer == 9, "\(result.text)")
    }

    @Test func stopRunsTheShutdownHooks() async throws {
        let fixture = try fixture()
        defer { fixture.close("t") }
        try await fixture.launch("t", jar(["wait"]))
        #expect(try await fixture.says("ready"))
        #expect(fixture.executor.stats(ids: "t").count == 1)
        _ = try await fixture.ask {
            fixture.executor.stop(id: "t", signal: "", timeoutNanoseconds: 60_000_000_000, call: $0)
        }
        // The runtime ends with 128 + SIGTERM when its hooks have run.
        #expect(try await fixture.wait("t")["exit_code"]?.integer == 143)
        #expect(fixture.lines("t") == ["ready", "bye"])
    }

    /// Commands see what the runtime sees: its process, folders, user and limits.
    @Test func commandsRunBesideTheRuntime() async throws {
        let fixture = try fixture()
        defer { fixture.close("t") }
        try await fixture.launch("t", jar(["wait"]))
        #expect(try await fixture.says("ready"))
        let lines = try await fixture.exec(
            "t", "tr '\\0' ' ' </proc/1/cmdline; echo; id -un; ls /local; ls -d /root 2>&1 | grep -c cannot")
        #expect(lines.first?.contains("-Xmx32m -jar local/guest.jar wait") == true, "\(lines)")
        #expect(lines.dropFirst() == ["nobody", "classes", "guest.jar", "1"], "\(lines)")
        #expect(try await fixture.exec("t", "java -version 2>&1 | grep -c Runtime") == ["1"])
        #expect(fixture.lines("t") == ["ready"], "the runtime is not disturbed")
    }

    /// With -Xrs the runtime takes no signals, and process 1 of a namespace is not ended by one it does not take.
    @Test func stopEndsWhatIgnoresItAndWhatForkedAway() async throws {
        let fixture = try fixture()
        defer { fixture.close("t") }
        let marker = "9\(UInt32.random(in: 10_000_000...99_999_999))"
        let pid = try await fixture.launch("t", jar(["fork", marker], options: ["-Xrs"]))
        #expect(try await fixture.says("ready"))
        let members = ProcessTable.tree(pid)
        #expect(members.count >= 3)
        _ = try await fixture.ask {
            fixture.executor.stop(id: "t", signal: "SIGTERM", timeoutNanoseconds: 50_000_000, call: $0)
        }
        #expect(try await fixture.wait("t")["signal"]?.integer == 9)
        for member in members { #expect(!isAlive(member)) }
        try fixture.executor.destroy(id: "t", force: false)
        #expect(fixture.left() == [])
    }

    @Test func theShimOfATaskIsSmall() async throws {
        let fixture = try fixture()
        defer { fixture.close("t") }
        try await fixture.launch("t", jar(["wait"]))
        #expect(try await fixture.says("ready"))
        #expect((1..<1_024).contains(fixture.shimKiB("t")), "private memory of a shim: \(fixture.shimKiB("t")) KiB")
    }

    @Test(.enabled(if: HostedTask.library("java") != nil, "needs libdrover-driver-java.so beside the tests"))
    func runsWithItsDriverInTheAgent() async throws {
        let config = "{\"jar_path\":\"local/guest.jar\",\"args\":[\"wait\"],\"jvm_options\":[\"-Xmx32m\"]}"
        try await HostedTask.with("java", .agent, config: config, memoryBytes: 192 << 20) { task in
            try JavaGuest.install(in: task.folder + "/task/local")
            try await task.start()
            #expect(try await eventually { task.lines == ["ready"] })
            try await task.recoverWithoutHandle()
            let exit = try await task.stop()
            #expect(exit.code == 143 && task.lines == ["ready", "bye"], "\(task.lines)")
        }
    }

    /// The plug-in's own process is killed: the task runs on, is found again, and its end is told.
    @Test(.enabled(if: HostedTask.library("java") != nil, "needs libdrover-driver-java.so beside the tests"))
    func outlivesItsPluginHost() async throws {
        let config = "{\"jar_path\":\"local/guest.jar\",\"args\":[\"wait\"],\"jvm_options\":[\"-Xmx32m\"]}"
        try await HostedTask.with("java", config: config, memoryBytes: 192 << 20) { task in
            try JavaGuest.install(in: task.folder + "/task/local")
            try await task.start()
            #expect(try await eventually { task.lines == ["ready"] })
            try await task.killHost()
            try await task.recoverWithoutHandle()
            let exit = try await task.stop()
            #expect(exit.code == 143 && task.lines == ["ready", "bye"], "\(task.lines)")
        }
    }
}
