import Basics
import Glibc
import Linux
import PluginHost
import PluginHostTestSupport
import Testing

import class TestSupport.DockerEngine

/// What tasks, users and operators do with containers: on a real dockerd.
@Suite(
    "docker: use", .serialized, .enabled(if: DockerEngine.isHere, "\(DockerEngine.reason)"),
    .enabled(if: DockerFixture.library != nil, "needs libdrover-driver-docker.so beside the tests"))
struct UseTests {
    @Test func filledLogsAreRotated() async throws {
        try await DockerFixture.run { fixture in
            var spec = fixture.task(
                "t", "n=0; while [ $n -lt 2000 ]; do n=$((n+1)); echo 0123456789; done; echo end >&2")
            spec.logs.fileBytesMax = 5_000
            spec.logs.filesMax = 2
            let exit = try await fixture.run(spec)
            #expect(exit == TaskExit(code: 0))
            let folder = fixture.scratch.path + "/alloc/logs"
            #expect(Folder.names(folder).sorted() == ["web.stderr.0", "web.stdout.3", "web.stdout.4"])
            #expect(fixture.log("stdout", 3).utf8.count == 5_000)
            #expect(fixture.log("stdout", 4).utf8.count == 22_000 - 4 * 5_000)
            #expect(fixture.log("stderr") == "end\n")
        }
    }

    @Test(arguments: [true, false])
    func outputIsLeftToTheEngineWhereItIsNotWanted(byOperator: Bool) async throws {
        try await DockerFixture.run(config: [("disable_log_collection", .bool(byOperator))]) { fixture in
            var spec = fixture.task("t", "echo text")
            spec.logs.enabled = byOperator
            let exit = try await fixture.run(spec)
            #expect(exit == TaskExit(code: 0))
            #expect(Folder.names(fixture.scratch.path + "/alloc/logs") == [])
        }
    }

    @Test(arguments: [PluginIsolation.process, .agent])
    func commandsRunBesideTheTask(isolation: PluginIsolation) async throws {
        try await DockerFixture.run(isolation) { fixture in
            _ = try await fixture.driver.start(fixture.task("t", "touch /tmp/here; echo ready; sleep 1000"))
            try await fixture.says("ready")
            let plain = try await fixture.exec("ls /tmp; echo $GREETING; echo bad >&2; exit 3")
            #expect(plain == (TaskExit(code: 3), "here\nhello\n", "bad\n"))
            let fed = try await fixture.exec("cat; echo done", input: "line\n")
            #expect(fed == (TaskExit(code: 0), "line\ndone\n", ""))
            let killed = try await fixture.exec("kill -9 $$")
            #expect(killed.0 == TaskExit(code: 137, signal: 9))
            let gone = await pluginError { try await fixture.driver.resize(exec: "c", rows: 1, columns: 1) }
            #expect(gone?.code == .notFound)
            try await fixture.driver.destroy("t", force: true)
        }
    }

    @Test func aTerminalIsPassedThroughAndResized() async throws {
        try await DockerFixture.run { fixture in
            _ = try await fixture.driver.start(fixture.task("t", "echo ready; sleep 1000"))
            try await fixture.says("ready")
            let terminal = try #require(PseudoTerminal())
            var request = ExecRequest(
                id: "c", arguments: ["/bin/sh", "-c", "echo up; read line; stty size; echo got $line"],
                input: terminal.inner, output: terminal.inner, error: terminal.inner)
            request.terminal = true
            async let running = fixture.driver.exec("t", request)
            try await eventually("it is up: \(terminal.text)") { terminal.text.contains("up") }
            try await fixture.driver.resize(exec: "c", rows: 33, columns: 111)
            terminal.type("word\r")
            #expect(try await running == TaskExit(code: 0))
            try await eventually("it has spoken: \(terminal.text)") {
                terminal.text.contains("33 111\r\n") && terminal.text.contains("got word\r\n")
            }
            try await fixture.driver.destroy("t", force: true)
        }
    }

    @Test func aCancelledCommandIsKilled() async throws {
        try await DockerFixture.run { fixture in
            _ = try await fixture.driver.start(fixture.task("t", "echo ready; sleep 1000"))
            try await fixture.says("ready")
            let marker = "6\(UInt32.random(in: 10_000_000...99_999_999))"
            let command = Task { try await fixture.exec("exec sleep \(marker)") }
            func isRunning() -> Bool { system("pgrep -f '[s]leep \(marker)' >/dev/null") == 0 }
            try await eventually("it runs") { isRunning() }
            command.cancel()
            _ = await command.result
            try await eventually("it was killed") { !isRunning() }
            try await fixture.driver.destroy("t", force: true)
        }
    }

    @Test func statisticsCountWhatIsUsed() async throws {
        try await DockerFixture.run { fixture in
            let script = "dd if=/dev/zero of=/tmp/f bs=1k count=64 2>/dev/null; echo ready; sleep 1000"
            for id in ["t", "u"] {
                var spec = fixture.task(id, script)
                spec.name = id
                _ = try await fixture.driver.start(spec)
            }
            try await fixture.says("ready")
            let all = try await fixture.driver.stats([])
            #expect(all.map(\.taskID).sorted() == ["t", "u"])
            for stats in try await fixture.driver.stats(["t", "gone"]) {
                #expect(stats.taskID == "t")
                #expect((stats.cpu ?? .zero) > .zero && stats.cpuUser != nil && stats.cpuSystem != nil)
                #expect((stats.memoryUsageBytes ?? 0) > 0 && (stats.memoryUsageBytes ?? 0) < 64 << 20)
                #expect(stats.memoryRSSBytes != nil && stats.memoryCacheBytes != nil)
                #expect((stats.pids ?? 0) >= 1)
            }
            for id in ["t", "u"] { try await fixture.driver.destroy(id, force: true) }
            #expect(try await fixture.driver.stats([]).isEmpty)
        }
    }

    @Test func limitsReachTheControlGroup() async throws {
        try await DockerFixture.run { fixture in
            var spec = fixture.task(
                "t", "sleep 1000",
                [
                    ("pids_limit", .integer(50)), ("ulimit", .object([("nofile", .string("100:200"))])),
                    ("cpu_hard_limit", .bool(true)), ("privileged", .bool(false)), ("readonly_rootfs", .bool(true)),
                ])
            spec.resources.memoryMaxBytes = 128 << 20
            spec.resources.cores = [0]
            let handle = try await fixture.driver.start(spec)
            let id = try #require(try JSONParser.parse(handle.bytes)["container"]?.string)
            let format =
                "'{{.HostConfig.Memory}} {{.HostConfig.MemoryReservation}} {{.HostConfig.PidsLimit}} "
                + "{{.HostConfig.CpusetCpus}} {{.HostConfig.ReadonlyRootfs}} {{(index .HostConfig.Ulimits 0).Hard}}'"
            #expect(fixture.engine.lines("inspect -f \(format) \(id)") == ["134217728 67108864 50 0 true 200"])
            let seen = try await fixture.driver.inspect("t")
            #expect(seen["state"] == .string("running") && seen["attributes"]?["container"] == .string(id))
            try await fixture.driver.destroy("t", force: true)
        }
    }

    @Test func whatADeviceBringsIsThere() async throws {
        try await DockerFixture.run { fixture in
            let script = """
                cat /opt/board/lib/file; touch /opt/board/lib/x 2>/dev/null || echo no; head -c 3 /dev/board | wc -c; echo $BOARD
                """
            var spec = fixture.task("t", script)
            _ = try fixture.scratch.write("lib-file", Array("there\n".utf8))
            _ = system(
                "mkdir \(fixture.scratch.path)/lib && mv \(fixture.scratch.path)/lib-file \(fixture.scratch.path)/lib/file"
            )
            let text = """
                {"vendor":"acme","type":"board","model":"one","ids":["1"],"reservation":{"env":{"BOARD":"7"},
                 "mounts":[{"source":"\(fixture.scratch.path)/lib","target":"/opt/board/lib","read_only":true}],
                 "devices":[{"host_path":"/dev/zero","task_path":"/dev/board","permissions":"rw"}]}}
                """
            spec.devices = [try JSONParser.parse(Array(text.utf8))]
            let exit = try await fixture.run(spec)
            #expect(exit == TaskExit(code: 0) && fixture.log() == "there\nno\n3\n7\n", "\(fixture.log())")
        }
    }

    /// What a job must not, or cannot, have; each leaves nothing.
    static let refused: [(config: [(String, JSON)], code: PluginError.Code, word: String)] = [
        ([("privileged", .bool(true))], .denied, "allow_privileged"),
        ([("volumes", .array([.string("/etc:/e")]))], .denied, "volumes.enabled"),
        ([("command", .string("/bin/nothing"))], .notFound, "/bin/nothing"),
        ([("image", .string("127.0.0.1:1/none:1"))], .retry, "127.0.0.1:1/none:1"),
        ([("load", .string("/etc/passwd"))], .denied, "load"),
        ([("load", .string("absent.tar"))], .notFound, "absent.tar"),
        ([("network_mode", .string("no-such-network"))], .notFound, "no-such-network"),
        ([("colour", .string("red"))], .invalid, "colour"),
        ([("auth", .object([("user", .string("x"))]))], .invalid, "user"),
    ]

    @Test(arguments: refused)
    func whatIsRefusedIsNamed(config: [(String, JSON)], code: PluginError.Code, word: String) async throws {
        try await DockerFixture.run { fixture in
            let spec = fixture.task("t", "true", config)
            let error = await pluginError { try await fixture.driver.start(spec) }
            #expect(
                error?.code == code && error?.message.contains(word) == true, "\(error.map { "\($0)" } ?? "nothing")")
            #expect(fixture.engine.containers == [])
        }
    }

    @Test func anArchiveInTheTasksFolderIsLoadedAndTheImageGoesAfterItsUse() async throws {
        let gone: [(String, JSON)] = [("gc", .object([("image_delay", .string("10ms"))]))]
        try await DockerFixture.run(config: gone) { fixture in
            let spec = fixture.task(
                "t", "echo loaded", [("image", .string("cargo:3")), ("load", .string("cargo.tar"))])
            let archive = fixture.scratch.path + "/task/local/cargo.tar"
            let engine = fixture.engine
            let built = engine.docker("create --name seed --network none -l x=\(fixture.scratch.path) box:1 true")
            #expect(built == 0)
            engine.docker("commit -m other seed cargo:3")
            engine.docker("rm seed")
            engine.docker("save -o \(archive) cargo:3")
            engine.docker("rmi cargo:3")
            #expect(engine.docker("image inspect cargo:3") != 0)
            let exit = try await fixture.run(spec)
            #expect(exit == TaskExit(code: 0))
            #expect(fixture.log() == "loaded\n")
            try await eventually("the image has gone") { engine.docker("image inspect cargo:3") != 0 }
            #expect(engine.docker("image inspect box:1") == 0)
        }
    }

    /// The engine refuses while a container of somebody else's uses the image.
    @Test func anImageThatIsInUseIsRemovedLater() async throws {
        let soon: [(String, JSON)] = [("gc", .object([("image_delay", .string("10ms"))]))]
        try await DockerFixture.run(config: soon) { fixture in
            let engine = fixture.engine
            engine.docker("create --name seed --network none -l x=\(fixture.scratch.path) box:1 true")
            engine.docker("commit -m kept seed kept:1")
            engine.docker("rm seed")
            engine.docker("create --name stranger --network none kept:1 true")
            let exit = try await fixture.run(fixture.task("t", "exit 2", [("image", .string("kept:1"))]))
            #expect(exit == TaskExit(code: 2))
            // Longer than the delay: it was asked for in vain.
            try await Task.sleep(for: .milliseconds(300))
            #expect(engine.docker("image inspect kept:1") == 0)
            engine.docker("rm stranger")
            try await eventually("the image has gone") { engine.docker("image inspect kept:1") != 0 }
        }
    }

    @Test func orphansOfThisAgentAreSwept() async throws {
        let sweep = JSON.object([
            ("dangling_containers", .object([("period", .string("50ms")), ("creation_grace", .string("0s"))]))
        ])
        try await DockerFixture.run(config: [("gc", sweep)]) { fixture in
            let engine = fixture.engine
            _ = try await fixture.driver.start(fixture.task("t", "sleep 1000"))
            let owner = try #require(
                engine.lines("inspect -f '{{index .Config.Labels \"drover.owner\"}}' $(\(engine.cli) ps -q)").first)
            let run = "run -d --network none -l drover.task_id=lost"
            engine.docker("\(run) -l drover.owner=\(owner) --name lost box:1 /bin/sleep 1000")
            engine.docker("\(run) -l drover.owner=other --name other box:1 /bin/sleep 1000")
            // A list of more than an answer may otherwise have.
            _ = try fixture.scratch.write("labels", Array("fat=".utf8) + [UInt8](repeating: 0x61, count: 60 << 10))
            let fat = "create --network none -l drover.task_id=lost --label-file \(fixture.scratch.path)/labels"
            for _ in 0..<20 { engine.docker("\(fat) -l drover.owner=\(owner) box:1 /bin/true") }
            try await eventually("the orphan has gone") { engine.docker("inspect lost") != 0 }
            try await eventually("all orphans have gone") { engine.containers.count == 2 }
            #expect(engine.docker("inspect other") == 0)
            engine.docker("rm -f other")
            try await fixture.driver.destroy("t", force: true)
        }
    }

    @Test func endedContainersStayIfTheOperatorWantsThem() async throws {
        try await DockerFixture.run(config: [("gc", .object([("container", .bool(false))]))]) { fixture in
            let first = try await fixture.run(fixture.task("t", "exit 1"))
            #expect(first == TaskExit(code: 1))
            #expect(fixture.engine.lines("ps -aq -f status=exited").count == 1)
            // The next attempt takes the name.
            let second = try await fixture.run(fixture.task("t-2", "exit 2"))
            #expect(second == TaskExit(code: 2))
            fixture.engine.docker("rm -f \(fixture.engine.containers.joined(separator: " "))")
        }
    }

    /// Last, for it restarts the engine.
    @Test(arguments: [SIGTERM, SIGKILL])
    func theEnginesDeathAndReturnAreTold(signal: Int32) async throws {
        try await DockerFixture.run { fixture in
            let events = fixture.host.driverEvents()
            // Sent SIGTERM, the engine goes before the container has said this.
            let script = "trap 'sleep 0.3; echo last words; exit 137' TERM; echo ready; while :; do sleep 0.05; done"
            _ = try await fixture.driver.start(fixture.task("t", script))
            try await fixture.says("ready")
            fixture.engine.stop(signal)
            for await event in events where event == .changed(driver: "docker") { break }
            try await eventually("unhealthy") {
                let found = try await fixture.driver.fingerprint()
                return found.health == .unhealthy && found.attributes.isEmpty
            }
            let error = await pluginError { try await fixture.driver.start(fixture.task("u", "true")) }
            #expect(error?.code == .retry && error?.message.contains(fixture.engine.socket) == true)
            try fixture.engine.start()
            for await event in events where event == .changed(driver: "docker") { break }
            #expect(try await fixture.driver.fingerprint().health == .healthy)
            // Without live-restore the engine ends what it leaves or finds: the task's end is told.
            #expect(try await fixture.driver.wait("t").code == 137)
            if signal == SIGTERM { #expect(fixture.log() == "ready\nlast words\n") }
            #expect(fixture.engine.lines("ps -q").isEmpty)
            try await fixture.driver.destroy("t", force: true)
        }
    }
}

/// Both ends of a terminal.
final class PseudoTerminal: @unchecked Sendable {
    let inner: Int32
    private let outer: Int32
    private var seen: [UInt8] = []

    init?() {
        outer = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK)
        var (locked, number) = (Int32(0), UInt32(0))
        // TIOCSPTLCK and TIOCGPTN (ioctl_tty(2)).
        guard outer >= 0, ioctl(outer, 0x4004_5431, &locked) == 0, ioctl(outer, 0x8004_5430, &number) == 0 else {
            return nil
        }
        inner = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
    }

    deinit {
        close(inner)
        close(outer)
    }

    /// What has been written so far. One thread at a time.
    var text: String {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = read(outer, &buffer, buffer.count)
            guard count > 0 else { break }
            seen += buffer.prefix(count)
        }
        return String(decoding: seen, as: UTF8.self)
    }

    func type(_ text: String) { _ = Array(text.utf8).withUnsafeBytes { write(outer, $0.baseAddress, $0.count) } }
}
