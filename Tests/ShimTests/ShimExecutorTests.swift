import Basics
import Glibc
import Linux
import PluginHost
import PluginHostTestSupport
import Testing

/// Real processes under the real shim.
@Suite struct ShimExecutorTests {
    @Test(arguments: [
        (script: "exit 0", code: 0, signal: 0), ("exit 7", 7, 0), ("kill -9 $$", 137, 9), ("kill -SEGV $$", 139, 11),
    ])
    func tellsHowATaskEnded(script: String, code: Int64, signal: Int64) async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        _ = try await fixture.shell("t", script)
        let result = try await fixture.wait("t")
        #expect(result["exit_code"]?.integer == code)
        #expect(result["signal"]?.integer == signal)
        #expect(result["error"] == nil)
        #expect((result["finished_ns"]?.integer ?? 0) >= (result["started_ns"]?.integer ?? .max))
    }

    @Test func carriesBothStreamsAndTheEnvironment() async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        let env: JSON = .object([("A", .string("x\ny")), ("PATH", .string("/bin"))])
        try await fixture.launch(
            "t", ["sh", "-c", "echo \"$A\" | tr '\\n' _; pwd >&2; read x || echo eof"], [("env", env)])
        _ = try await fixture.wait("t")
        #expect(fixture.log("t.stdout.0") == "x_y_eof")
        #expect(fixture.log("t.stderr.0") == fixture.folder)
    }

    @Test func launchIsIdempotent() async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        let script = "echo run >> \(fixture.folder)/runs; read x < \(fixture.folder)/go"
        mkfifo(fixture.folder + "/go", 0o600)
        let first = try await fixture.shell("t", script)
        #expect(try await fixture.shell("t", script) == first)
        let again = fixture.restarted()
        let other = try await fixture.ask {
            again.launch(task: fixture.task("t"), spec: fixture.spec(["/bin/sh", "-c", script]), call: $0)
        }
        #expect(other["pid"]?.integer == Int64(first))
        try SmallFile.write("x", to: fixture.folder + "/go")
        _ = try await fixture.wait("t")
        // Ended, not destroyed: asked again it still starts nothing.
        _ = try await fixture.shell("t", script)
        #expect(SmallFile.text(fixture.folder + "/runs") == "run")
    }

    @Test func anotherInstanceFindsARunningAndAnEndedTask() async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["live", "ended"]) }
        let pid = try await fixture.shell("live", "sleep 100")
        _ = try await fixture.shell("ended", "exit 3")
        _ = try await fixture.wait("ended")
        let later = fixture.restarted()
        let found = try await fixture.ask { later.recover(task: fixture.task("live"), handle: [], call: $0) }
        #expect(found["pid"]?.integer == Int64(pid))
        #expect(try await fixture.wait("ended", by: later)["exit_code"]?.integer == 3)
        async let ending = fixture.wait("live", by: later)
        kill(pid, SIGTERM)
        #expect(try await ending["signal"]?.integer == Int64(SIGTERM))
        await #expect(throws: ExecutorError.self) {
            _ = try await fixture.ask { later.recover(task: fixture.task("never"), handle: [], call: $0) }
        }
    }

    @Test func aStreamThatNothingIsWrittenToHasNoFile() async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        _ = try await fixture.shell("t", "echo x")
        _ = try await fixture.wait("t")
        #expect(Folder.names(fixture.folder + "/logs") == ["t.stdout.0"])
    }

    @Test func rotatesLogs() async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t", "t2"]) }
        _ = try await fixture.shell("t", "yes 123456789 | head -n 4500; echo last")
        _ = try await fixture.wait("t")
        let names = Folder.names(fixture.folder + "/logs").filter { $0.hasPrefix("t.stdout") }
        #expect(names == ["t.stdout.2", "t.stdout.3", "t.stdout.4"])
        #expect(fixture.log("t.stdout.3").utf8.count == 9_999)
        #expect(fixture.log("t.stdout.4").hasSuffix("last"))
    }

    @Test func stopEndsATaskThatIgnoresTheSignalWithAllItsChildren() async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        let script = "trap '' TERM; (setsid sleep 100 & echo $!); (sleep 100 & echo $!); echo ready; sleep 100"
        let pid = try await fixture.shell("t", script)
        #expect(try await eventually { fixture.log("t.stdout.0").hasSuffix("ready") })
        _ = try await fixture.ask {
            fixture.executor.stop(id: "t", signal: "SIGTERM", timeoutNanoseconds: 50_000_000, call: $0)
        }
        #expect(try await fixture.wait("t")["signal"]?.integer == 9)
        let children = fixture.log("t.stdout.0").split(separator: "\n").compactMap { Int32($0) }
        #expect(children.count == 2)
        for process in children + [pid] { #expect(!isAlive(process)) }
    }

    @Test func stopLetsATaskEndByItself() async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        _ = try await fixture.shell("t", "trap 'echo bye; exit 4' INT; echo ready; while :; do sleep 0.01; done")
        #expect(try await eventually { fixture.log("t.stdout.0") == "ready" })
        _ = try await fixture.ask {
            fixture.executor.stop(id: "t", signal: "sigint", timeoutNanoseconds: 60_000_000_000, call: $0)
        }
        #expect(try await fixture.wait("t")["exit_code"]?.integer == 4)
        #expect(fixture.log("t.stdout.0").hasSuffix("bye"))
    }

    @Test func deathOfTheShimEndsTheTaskAndIsReported() async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        let pid = try await fixture.shell("t", "(sleep 100 & echo $!); echo ready; sleep 100")
        #expect(try await eventually { fixture.log("t.stdout.0").hasSuffix("ready") })
        async let ending = fixture.wait("t")
        try killProcess(fixture.state("t").shim.pid)
        let result = try await ending
        #expect(result["error"]?.string != nil && result["exit_code"]?.integer == 137)
        let child = try #require(fixture.log("t.stdout.0").split(separator: "\n").first.flatMap { Int32($0) })
        #expect(try await eventually { !isAlive(pid) && !isAlive(child) })
        #expect(try await fixture.wait("t", by: fixture.restarted())["error"]?.string != nil)
    }

    /// The shim is killed at some moment around its start: the task then ran once or not at all, and nothing of it is left.
    @Test func aShimKilledAtAnyMomentLeavesATrueRecord() async throws {
        let fixture = try ExecutorFixture()
        let ids = (0..<30).map { "t\($0)" }
        defer { fixture.close(ids) }
        for (turn, id) in ids.enumerated() {
            let marks = "\(fixture.folder)/\(id).marks"
            async let launching = try? fixture.shell(id, "echo $$ >> \(marks); sleep 100")
            for _ in 0..<(turn * 40) { sched_yield() }
            if let state = ShimState(SmallFile.text("\(fixture.folder)/run/\(id)/state") ?? "") {
                try killProcess(state.shim.pid)
            }
            let pid = await launching
            if let state = ShimState(SmallFile.text("\(fixture.folder)/run/\(id)/state") ?? "") {
                try killProcess(state.shim.pid)
            }
            if pid != nil { #expect(try await fixture.wait(id)["error"]?.string != nil) }
            let started = (SmallFile.text(marks) ?? "").split(separator: "\n").compactMap { Int32($0) }
            #expect(started.count <= 1)
            for process in started { #expect(try await eventually { !isAlive(process) }) }
        }
    }

    @Test func aSlashInTheIdAndALongIdAreFine() async throws {
        let fixture = try ExecutorFixture()
        let ids = ["../../etc/x", String(repeating: "é", count: 120)]
        defer { fixture.close(ids) }
        for id in ids {
            let task = JSON.object([("id", .string(id)), ("dirs", .object([("task", .string("/"))]))]).bytes
            _ = try await fixture.ask {
                fixture.executor.launch(task: task, spec: fixture.spec(["/bin/true"]), call: $0)
            }
            #expect(try await fixture.wait(id)["exit_code"]?.integer == 0)
        }
        #expect(Folder.names(fixture.folder + "/run").count == 2)
    }

    @Test func holdsTwoHundredTasksInLittleMemory() async throws {
        let fixture = try ExecutorFixture()
        let ids = (0..<200).map { "t\($0)" }
        defer { fixture.close(ids) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in ids { group.addTask { _ = try await fixture.shell(id, "echo $$; sleep 100") } }
            try await group.waitForAll()
        }
        let text = SmallFile.text("/proc/\(try fixture.state("t100").shim.pid)/smaps_rollup") ?? ""
        var kib = 0
        for line in text.split(separator: "\n") where line.hasPrefix("Private_") {
            kib += Int(line.split(separator: " ").dropLast().last ?? "") ?? 0
        }
        #expect((1..<300).contains(kib), "private memory of a shim: \(kib) KiB")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in ids {
                group.addTask {
                    _ = try await fixture.ask {
                        fixture.executor.stop(id: id, signal: "SIGTERM", timeoutNanoseconds: 10_000_000_000, call: $0)
                    }
                    #expect(try await fixture.wait(id)["signal"]?.integer == Int64(SIGTERM))
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func signalsCountsAndRunsCommandsInside() async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        let env: JSON = .object([("WHO", .string("me")), ("PATH", .string("/bin"))])
        let script = "trap 'echo hup' HUP; echo ready; while :; do sleep 0.01; done"
        try await fixture.launch("t", ["/bin/sh", "-c", script], [("env", env)])
        #expect(try await eventually { fixture.log("t.stdout.0") == "ready" })
        try fixture.executor.signal(id: "t", signal: "SIGHUP")
        #expect(try await eventually { fixture.log("t.stdout.0").hasSuffix("hup") })
        #expect(throws: ExecutorError.self) { try fixture.executor.signal(id: "t", signal: "SIGNONE") }

        let records = fixture.executor.stats(ids: "")
        #expect(records.count == 1)
        #expect(records.first.map { $0.count % 8 } == 0)
        // driver.h: present is at 16; bit 0 is CPU time, bit 10 what was read and written.
        let present = records.first?.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self) } ?? 0
        #expect(present & 1 != 0 && present & (1 << 10) != 0)

        let output = try FileDescriptor(path: fixture.folder + "/out", flags: O_RDWR | O_CREAT)
        let request = JSON.object([("argv", .array([.string("sh"), .string("-c"), .string("echo $WHO; exit 5")]))])
            .bytes
        let result = try await fixture.ask {
            fixture.executor.exec(
                id: "t", commandID: "c", request: request, stdin: -1, stdout: output.number, stderr: -1, call: $0)
        }
        #expect(result["exit_code"]?.integer == 5)
        #expect(SmallFile.text(fixture.folder + "/out") == "me")
        let killed = try await fixture.ask {
            fixture.executor.exec(
                id: "t", commandID: "k", request: fixture.spec(["sh", "-c", "kill -9 $$"]), stdin: -1, stdout: -1,
                stderr: -1, call: $0)
        }
        #expect(killed["exit_code"]?.integer == 137 && killed["signal"]?.integer == 9)

        #expect(throws: ExecutorError.self) { try fixture.executor.destroy(id: "t", force: false) }
        try fixture.executor.destroy(id: "t", force: true)
        #expect(Folder.names(fixture.folder + "/run").isEmpty)
        #expect(throws: ExecutorError.self) { try fixture.executor.signal(id: "t", signal: "SIGHUP") }
    }

    @Test func aWaitCanBeCancelled() async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        let pid = try await fixture.shell("t", "sleep 100")
        let code = await withCheckedContinuation { continuation in
            let call = ClosureCall { code, _ in continuation.resume(returning: code) }
            fixture.executor.wait(id: "t", call: call)
            call.cancel()
        }
        #expect(code == -6)
        #expect(isAlive(pid))
    }

    @Test(arguments: [
        (argv: ["/nonexistent/program"], more: "{}", code: -2, word: "/nonexistent/program"),
        (["no-such-program"], "{}", -2, "PATH"),
        (["/etc/passwd"], "{}", -10, "execute"),
        (["/bin/true"], #"{"cwd": "/nonexistent"}"#, -2, "working directory"),
        (["/bin/true"], #"{"user": "no-such-user"}"#, -2, "no-such-user"),
        (["/bin/true"], #"{"limit": {}}"#, -1, "\"limit\""),
        (["/bin/true"], #"{"limits": {"memory": 1}}"#, -1, "\"memory\""),
        (["/bin/true"], #"{"limits": {"cpu_shares": "many"}}"#, -1, "limits.cpu_shares"),
        (["/bin/true"], #"{"logs": {"dir": "/nonexistent", "stdout": "o", "stderr": "e"}}"#, -2, "log files"),
        (["/bin/true"], #"{"isolation": {"caps": ["fly"]}}"#, -1, "fly"),
        (
            ["/bin/true"],
            #"{"isolation": {"mount": true, "binds": [{"source": "/", "target": "/x", "propagation": "rshared"}]}}"#,
            -4,
            "propagation \"rshared\""
        ),
        (["/bin/true"], #"{"isolation": {"net_path": "netns/x"}}"#, -1, "net_path"),
        (["/bin/true"], #"{"isolation": {"net": true, "net_path": "/run/netns/x"}}"#, -1, "exclude"),
        (["/bin/true"], #"{"isolation": {"net_path": "/nonexistent/x"}}"#, -2, "/nonexistent/x"),
        ([], "{}", -1, "argv"),
        (["/bin/true", "a\u{0}b"], "{}", -1, "NUL"),
    ])
    func refusesWithWhatAndWhere(argv: [String], more: String, code: Int32, word: String) async throws {
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        let members = try JSONParser.parse(more).object?.members.map { ($0.key, $0.value) } ?? []
        let error = await #expect(throws: ExecutorError.self) { try await fixture.launch("t", argv, members) }
        #expect(error?.code == code)
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
        // Nothing is left, and the same id may be tried again.
        #expect(Folder.names(fixture.folder + "/run").isEmpty)
        _ = try await fixture.shell("t", "exit 0")
        #expect(try await fixture.wait("t")["exit_code"]?.integer == 0)
    }

    /// The program and what is run beside it are in the network that a file holds, with a root of its own or the machine's.
    @Test(arguments: [
        "{}",
        #"{"mount": true, "pid": true, "root": "tmpfs", "binds": [{"source": "/bin", "target": "/bin"}, "#
            + #"{"source": "/lib", "target": "/lib"}, {"source": "/lib64", "target": "/lib64"}, "#
            + #"{"source": "/usr", "target": "/usr"}]}"#,
    ])
    func joinsANetworkByItsFile(isolation: String) async throws {
        guard Machine.isRoot else { return }
        let fixture = try ExecutorFixture()
        let path = "/run/netns/drover-test-\(fixture.folder.split(separator: "-").last ?? "")"
        try NetworkNamespace.make(at: path)
        defer {
            fixture.close(["t"])
            try? NetworkNamespace.release(path)
        }
        var status = stat()
        #expect(stat(path, &status) == 0)
        var members = try #require(try JSONParser.parse(isolation).object)
        members["net_path"] = .string(path)
        let line = "readlink /proc/self/ns/net; exec sleep 100"
        let more: [(String, JSON)] = [("isolation", .object(members)), ("cwd", .string("/"))]
        try await fixture.launch("t", ["/bin/sh", "-c", line], more)
        let expected = "net:[\(status.st_ino)]"
        #expect(try await eventually { fixture.log("t.stdout.0") == expected }, "\(fixture.log("t.stdout.0"))")
        let (read, write) = try FileDescriptor.pipe()
        let request = JSON.object([("argv", .array([.string("/bin/readlink"), .string("/proc/self/ns/net")]))]).bytes
        _ = try await fixture.ask { call in
            fixture.executor.exec(
                id: "t", commandID: "c", request: request, stdin: -1, stdout: write.number, stderr: write.number,
                call: call)
        }
        #expect(String(decoding: try read.read(count: 100), as: UTF8.self) == expected + "\n")
    }

    /// A task that may write to /sys/fs/cgroup makes groups of its own below its group and hides a process there.
    @Test func groupsThatATaskMadeGoWithIt() async throws {
        guard Machine.isRoot, let host = CgroupHost.detect() else { return }
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        let name = fixture.folder.split(separator: "/").last ?? ""
        let mounts = host.mounts.filter { ["", "cpuacct", "memory"].contains($0.key) }.values
        let groups = mounts.map { "\($0)/drover-test/\(name)/t" }
        let hide = groups.map { "mkdir -p \($0)/a/b && echo $$ > \($0)/a/b/cgroup.procs" }.joined(separator: "; ")
        _ = try await fixture.shell("t", "setsid sh -c '\(hide); echo $$; exec sleep 100' & sleep 100")
        #expect(try await eventually { Int32(fixture.log("t.stdout.0")) != nil })
        let hidden = try #require(Int32(fixture.log("t.stdout.0")))
        try killProcess(fixture.state("t").shim.pid)
        _ = try await fixture.wait("t")
        #expect(try await eventually { !isAlive(hidden) })
        try fixture.executor.destroy(id: "t", force: true)
        for group in groups { #expect(!SmallFile.exists(group), "\(group)") }
    }

    /// The disk is full when the shim wants to say which process the task is: nobody could manage such a task.
    @Test func aTaskThatCannotBeRecordedDoesNotRun() async throws {
        guard Machine.isRoot else { return }
        let fixture = try ExecutorFixture()
        let run = fixture.folder + "/run"
        try Folder.make(run)
        // Files at once: the two folders and spec; state is one more.
        try #require(mount("tmpfs", run, "tmpfs", 0, "nr_inodes=3") == 0)
        defer {
            fixture.close(["t"])
            umount2(run, Int32(MNT_DETACH))
            try? Folder.remove(fixture.folder)
        }
        let marks = fixture.folder + "/marks"
        let error = await #expect(throws: ExecutorError.self) {
            try await fixture.shell("t", "echo $$ >> \(marks); exec sleep 100")
        }
        #expect(error?.message.contains("state record") == true, "\(error?.message ?? "")")
        for pid in (SmallFile.text(marks) ?? "").split(separator: "\n").compactMap({ Int32($0) }) {
            #expect(!isAlive(pid))
        }
        #expect(Folder.names(run).isEmpty)
    }

    @Test func enforcesMemory() async throws {
        guard Machine.isRoot, CgroupHost.detect() != nil else { return }
        let fixture = try ExecutorFixture()
        defer { fixture.close(["t"]) }
        let limits: JSON = .object([("memory_bytes", .integer(16 << 20)), ("pids_max", .integer(32))])
        try await fixture.launch(
            "t", ["/bin/sh", "-c", "head -c 100000000 /dev/zero | tail > /dev/null; sleep 1"], [("limits", limits)])
        let result = try await fixture.wait("t")
        #expect(result["oom_killed"]?.bool == true)
    }
}
