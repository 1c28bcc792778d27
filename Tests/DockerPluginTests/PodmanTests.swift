import Basics
import Glibc
import Linux
import PluginHost
import PluginHostTestSupport
import Testing

/// The same driver on Podman's service, started by hand with all its files in one folder.
@Suite(
    "docker: podman", .serialized, .enabled(if: PodmanService.reason.isEmpty, "\(PodmanService.reason)"),
    .enabled(if: DockerFixture.library != nil, "needs libdrover-driver-docker.so beside the tests"))
struct PodmanTests {
    private func with(
        _ body: @escaping @Sendable (any Driver, PluginManager, Scratch) async throws -> Void
    ) async throws {
        let library = try #require(DockerFixture.library)
        let service = try PodmanService()
        defer { service.end() }
        let settings = JSON.object([("endpoint", .string("unix://" + service.socket))])
        let configure = isolated(.process, "docker", config: settings)
        try await withHost([(library, "libdrover-driver-docker.so")], configure: configure) { host, scratch in
            let driver = try #require(host.driver(named: "docker"))
            let found = try await driver.fingerprint()
            try #require(found.health == .healthy, "\(found.message)")
            try await body(driver, host, scratch)
        }
        #expect(service.containers == [])
    }

    private func task(_ script: String, _ scratch: Scratch) -> TaskSpec {
        for folder in ["alloc/logs", "task/local", "task/secrets"] { _ = system("mkdir -p \(scratch.path)/\(folder)") }
        var spec = TaskSpec(id: "t")
        (spec.name, spec.allocationID) = ("web", "a-1")
        spec.directories.allocation = scratch.path + "/alloc"
        spec.directories.task = scratch.path + "/task"
        spec.directories.local = scratch.path + "/task/local"
        spec.directories.secrets = scratch.path + "/task/secrets"
        spec.logs.directory = scratch.path + "/alloc/logs"
        (spec.logs.stdout, spec.logs.stderr) = ("out", "err")
        spec.environment = ["PATH": "/bin"]
        spec.config = .object([
            ("image", .string("box:1")), ("network_mode", .string("none")), ("command", .string("/bin/sh")),
            ("args", .array([.string("-c"), .string(script)])),
            ("ulimit", .object([("nofile", .string("256:256")), ("nproc", .string("256:256"))])),
        ])
        return spec
    }

    private func text(_ scratch: Scratch, _ stream: String = "out") -> String {
        String(decoding: (try? SmallFile.read("\(scratch.path)/alloc/logs/\(stream).0")) ?? [], as: UTF8.self)
    }

    @Test func aTaskRunsToItsEnd() async throws {
        try await with { driver, _, scratch in
            _ = try await driver.start(
                task("echo one; echo bad >&2; touch /alloc/a; sleep 1; echo two; exit 7", scratch))
            #expect(try await driver.wait("t") == TaskExit(code: 7))
            #expect(text(scratch) == "one\ntwo\n" && text(scratch, "err") == "bad\n")
            #expect(access(scratch.path + "/alloc/a", F_OK) == 0)
            try await driver.destroy("t", force: false)
        }
    }

    @Test func aTaskIsFoundAgainAndStopped() async throws {
        try await with { driver, host, scratch in
            let script = "trap 'echo bye; exit 4' INT; echo ready; while :; do sleep 0.05; done"
            let handle = try await driver.start(task(script, scratch))
            try await eventually("it is ready: \(text(scratch))") { text(scratch) == "ready\n" }
            let pid = host.status.first?.pid ?? 0
            kill(pid, SIGKILL)
            try await eventually("another host") { [0, pid].contains(host.status.first?.pid ?? 0) == false }
            #expect(try await driver.recover(task(script, scratch), handle: handle) == handle)
            let output = try FileDescriptor(path: scratch.path + "/seen", flags: O_RDWR | O_CREAT)
            let input = try FileDescriptor(path: "/dev/null", flags: O_RDONLY)
            let exit = try await driver.exec(
                "t",
                ExecRequest(
                    id: "c", arguments: ["/bin/sh", "-c", "echo inside; exit 3"], input: input.number,
                    output: output.number,
                    error: output.number))
            #expect(exit == TaskExit(code: 3) && SmallFile.text(scratch.path + "/seen") == "inside")
            try await driver.stop("t", signal: "SIGINT", timeout: .seconds(30))
            #expect(try await driver.wait("t") == TaskExit(code: 4))
            #expect(text(scratch) == "ready\nbye\n")
            try await driver.destroy("t", force: false)
        }
    }
}

/// `podman system service` with an image "box:1" of busybox.
final class PodmanService: Sendable {
    struct Failure: Error {
        let text: String
    }

    private let folder: String
    var socket: String { folder + "/engine.sock" }

    static var reason: String {
        guard geteuid() == 0 else { return "needs root" }
        let programs: [String] = ["/usr/bin/podman", "/bin/busybox"]
        let absent = programs.first { access($0, X_OK) != 0 }
        return absent.map { "needs \($0): apt-get install podman busybox-static" } ?? ""
    }

    private var cli: String {
        "podman --root \(folder)/root --runroot \(folder)/run --storage-driver vfs --cgroup-manager cgroupfs --events-backend file"
    }

    init() throws {
        folder = PluginBuilder.makeFolder("podman")
        let make = """
            cd \(folder) && mkdir -p box/bin box/tmp && cp /bin/busybox box/bin/ && /bin/busybox --install -s box/bin \
            && for f in box/bin/*; do [ -L $f ] && ln -sf busybox $f; done; tar -C box -c . | \(cli) import -q - box:1 >log 2>&1 \
            && (setsid timeout 600 \(cli) system service --time=0 unix://\(socket) >>log 2>&1 & echo $! >pid)
            """
        guard system(make) == 0 else { throw failure }
        for _ in 0..<1_000 where access(socket, F_OK) != 0 { usleep(10_000) }
        guard access(socket, F_OK) == 0 else { throw failure }
    }

    private var failure: Failure { Failure(text: SmallFile.text(folder + "/log") ?? "") }

    var containers: [String] {
        _ = system("\(cli) ps -aq >\(folder)/list 2>/dev/null")
        return (SmallFile.text(folder + "/list") ?? "").split(separator: "\n").map(String.init)
    }

    func end() {
        if let pid = SmallFile.text(folder + "/pid").flatMap({ pid_t($0) }) { kill(pid, SIGTERM) }
        _ = system(
            "\(cli) rm -af >/dev/null 2>&1; umount -l $(grep -o '\(folder)[^ ]*' /proc/self/mounts | tac) 2>/dev/null; rm -rf \(folder)"
        )
    }
}
