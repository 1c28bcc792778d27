import DroverSDK
import Glibc
import Linux
import PluginHost
import PluginHostTestSupport
import TaskTestSupport
import Testing

@testable import ExecPlugin

/// How isolated tasks are limited, counted, entered, found again and ended.
@Suite("exec: life", .enabled(if: Machine.isRoot && CgroupHost.detect() != nil, "needs root and cgroups"))
struct LifeTests {
    private static func memory(_ mib: Int64, most: Int64 = 0) -> JSON {
        ["cpu_mhz": 300, "memory_bytes": .integer(mib << 20), "memory_max_bytes": .integer(most << 20)]
    }

    @Test func isLimited() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        var wish = TaskFixture.Wish(config: ["cpu_hard_limit": true], settings: "{\"pids_limit\":20}")
        wish.resources = [
            "cpu_mhz": 300, "cores": [0], "memory_bytes": .integer(32 << 20), "memory_max_bytes": .integer(64 << 20),
        ]
        try await fixture.launch("t", "sleep 100", wish)
        #expect(fixture.limit("t", "memory.limit_in_bytes", "memory.max") == "\(64 << 20)")
        #expect(fixture.limit("t", "memory.soft_limit_in_bytes", "memory.low") == "\(32 << 20)")
        #expect(fixture.limit("t", "pids.max") == "20")
        #expect(fixture.limit("t", "cpuset.cpus") == "0")
        #expect(["300", "12"].contains(fixture.limit("t", "cpu.shares", "cpu.weight")))
        let quota = fixture.limit("t", "cpu.cfs_quota_us", "cpu.max")?.split(separator: " ").first.flatMap { Int($0) }
        #expect((1_000...100_000).contains(quota ?? 0))
        #expect(fixture.executor.stats(ids: "t").count == 1)
    }

    /// More processes than allowed are not made, and more time than allowed is not given.
    @Test func feelsItsLimits() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("few", "slow") }
        let forks =
            "perl -e 'for (1..20) { my $p = fork; if (!defined $p) { print \"$!\\n\"; last } sleep 100 if !$p }'"
        try await fixture.launch("few", forks, TaskFixture.Wish(settings: "{\"pids_limit\":8}"))
        #expect(try await fixture.says("Resource temporarily unavailable", "few"))
        var wish = TaskFixture.Wish(config: ["cpu_hard_limit": true])
        wish.resources = ["cpu_mhz": 50]
        try await fixture.launch("slow", "while :; do :; done", wish)
        let isThrottled = try await eventually {
            let counts = fixture.limit("slow", "cpu.stat")?.split(separator: "\n") ?? []
            return counts.contains { $0.hasPrefix("nr_throttled ") && !$0.hasSuffix(" 0") }
        }
        #expect(isThrottled, "\(fixture.limit("slow", "cpu.stat") ?? "")")
    }

    @Test func overUseOfMemoryIsReportedAsSuch() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let script = "exec perl -e 'my $x = \"a\" x (100 << 20); sleep 100'"
        try await fixture.launch("t", script, TaskFixture.Wish(resources: Self.memory(16)))
        let result = try await fixture.wait("t")
        #expect(result["oom_killed"] == true)
        #expect(result["signal"]?.integer == 9)
    }

    @Test(arguments: [("exit 7", 7, 0), ("kill -9 $$; exit 3", 3, 0), ("trap 'exit 4' TERM; kill $$; exit 5", 4, 0)])
    func tellsHowItEnded(script: String, code: Int64, signal: Int64) async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        try await fixture.launch("t", script)
        let result = try await fixture.wait("t")
        #expect(result["exit_code"]?.integer == code && result["signal"]?.integer == signal, "\(result.text)")
    }

    @Test func commandsInsideAreAsIsolatedAsTheTask() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let facts = """
            for n in pid mnt ipc uts; do readlink /proc/self/ns/$n; done; id -u; pwd; cat /proc/self/cgroup | tr -d ' '
            grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t' ' '
            """
        try await fixture.launch("t", "\(facts); cat /proc/1/comm; echo ready; sleep 100")
        #expect(try await fixture.says("ready"))
        let inside = try await fixture.exec("t", "\(facts); cat /proc/1/comm")
        #expect(inside == Array(fixture.lines("t").dropLast()))
        #expect(inside.count > 10)
        // A second one, from the thread that entered: its children were aimed at the task's namespace for one start only.
        #expect(try await fixture.exec("t", "echo $$").first.flatMap { Int($0) } ?? 9_999 < 1_000)
        #expect(ownNamespace("pid_for_children") == ownNamespace("pid"))
    }

    @Test func stopEndsWhatIgnoresItAndWhatForkedAway() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let pid = try await fixture.launch(
            "t", "trap '' TERM; setsid sleep 1234 & (sleep 1234 &) ; echo ready; sleep 1234")
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

    @Test func signalsReachTheTask() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        try await fixture.launch(
            "t", "trap 'echo hup' HUP; trap 'exit 6' INT; echo ready; while :; do sleep 0.01; done")
        #expect(try await fixture.says("ready"))
        try fixture.executor.signal(id: "t", signal: "SIGHUP")
        #expect(try await fixture.says("hup"))
        _ = try await fixture.ask {
            fixture.executor.stop(id: "t", signal: "SIGINT", timeoutNanoseconds: 60_000_000_000, call: $0)
        }
        #expect(try await fixture.wait("t")["exit_code"]?.integer == 6)
    }

    @Test func anotherInstanceFindsItAgain() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let pid = try await fixture.launch("t", "trap 'exit 8' TERM; echo ready; while :; do sleep 0.01; done")
        #expect(try await fixture.says("ready"))
        let later = fixture.restarted()
        let found = try await fixture.ask { later.recover(task: Array("{\"id\":\"t\"}".utf8), handle: [], call: $0) }
        #expect(found["pid"]?.integer == Int64(pid))
        async let ending = fixture.wait("t", by: later)
        kill(pid, SIGTERM)
        #expect(try await ending["exit_code"]?.integer == 8)
    }

    @Test func deathOfTheShimEndsTheTaskAndLeavesNothing() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        let pid = try await fixture.launch("t", "setsid sleep 1234 & echo ready; sleep 1234")
        #expect(try await fixture.says("ready"))
        let members = ProcessTable.tree(pid)
        async let ending = fixture.wait("t")
        try killProcess(fixture.shim("t"))
        #expect(try await ending["error"]?.string != nil)
        for member in members { #expect(try await eventually { !isAlive(member) }) }
        try fixture.executor.destroy(id: "t", force: false)
        #expect(fixture.left() == [])
    }

    /// The shim is killed at some moment around its start: nothing of the task lives, whatever the moment.
    @Test func aShimKilledAtAnyMomentLeavesNoProcess() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        let marker = "8\(UInt32.random(in: 10_000_000...99_999_999))"
        for turn in 0..<20 {
            let id = "t\(turn)"
            async let launching = try? fixture.launch(id, "exec sleep \(marker)")
            for _ in 0..<(turn * 60) { sched_yield() }
            let shim = fixture.shim(id)
            if shim > 0 { kill(shim, SIGKILL) }
            _ = await launching
            let late = fixture.shim(id)
            if late > 0 { kill(late, SIGKILL) }
            try fixture.executor.destroy(id: id, force: true)
        }
        let words = Array("sleep\0\(marker)\0".utf8)
        #expect(
            try await eventually {
                !ProcessTable.pids().contains { ((try? SmallFile.read("/proc/\($0)/cmdline")) ?? []) == words }
            })
        #expect(fixture.left() == [])
        fixture.close()
    }

    @Test func theShimOfATaskIsSmall() async throws {
        let fixture = try TaskFixture(ExecPlugin.self)
        defer { fixture.close("t") }
        try await fixture.launch("t", "echo ready; sleep 100")
        #expect(try await fixture.says("ready"))
        let kib = fixture.shimKiB("t")
        #expect((1..<1_024).contains(kib), "private memory of a shim: \(kib) KiB")
    }
}
