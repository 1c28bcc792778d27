import Basics
import Glibc
import Linux
import PluginHost
import PluginHostTestSupport
import Testing

import class TestSupport.DockerEngine

/// The driver, as the agent sees it, on the shared engine; with the folders of one allocation.
struct DockerFixture: Sendable {
    let host: PluginManager
    let driver: any Driver
    let scratch: Scratch
    let engine: DockerEngine

    /// The built library.
    static var library: String? {
        PluginBuilder.builtLibraries.first { $0.hasSuffix("/libdrover-driver-docker.so") }
    }

    /// Runs `body` with the driver loaded; nothing of it is left in the engine after.
    static func run(
        _ isolation: PluginIsolation = .process, config: [(String, JSON)] = [], endpoint: String? = nil,
        _ body: @escaping @Sendable (DockerFixture) async throws -> Void
    ) async throws {
        let engine = try DockerEngine.shared.get()
        let library = try #require(DockerFixture.library)
        let settings = JSON.object([("endpoint", .string(endpoint ?? engine.endpoint))] + config)
        let configure = isolated(isolation, "docker", config: settings)
        try await withHost([(library, "libdrover-driver-docker.so")], configure: configure) { host, scratch in
            let driver = try #require(host.driver(named: "docker"), "\(host.status)")
            #expect(try await driver.fingerprint().health == .healthy)
            try await body(DockerFixture(host: host, driver: driver, scratch: scratch, engine: engine))
        }
        #expect(engine.containers == [], "containers are left")
    }

    /// A task that runs a shell script in busybox.
    func task(_ id: String, _ script: String, _ config: [(String, JSON)] = []) -> TaskSpec {
        for folder in ["alloc/logs", "task/local", "task/secrets"] {
            _ = system("mkdir -p \(scratch.path)/\(folder)")
        }
        var spec = TaskSpec(id: id)
        spec.name = "web"
        spec.allocationID = "a-" + (scratch.path.split(separator: "-").last.map(String.init) ?? "")
        spec.directories.allocation = scratch.path + "/alloc"
        spec.directories.task = scratch.path + "/task"
        spec.directories.local = scratch.path + "/task/local"
        spec.directories.secrets = scratch.path + "/task/secrets"
        spec.logs.directory = scratch.path + "/alloc/logs"
        spec.logs.stdout = "web.stdout"
        spec.logs.stderr = "web.stderr"
        spec.resources.cpuMHz = 100
        spec.resources.memoryBytes = 64 << 20
        spec.environment = ["PATH": "/bin", "NOMAD_TASK_DIR": "/local"]
        let usual: [(String, JSON)] = [
            ("image", .string("box:1")), ("command", .string("/bin/sh")), ("network_mode", .string("none")),
            ("args", .array([.string("-c"), .string(script)])),
        ]
        spec.config = .object(usual.filter { one in !config.contains { $0.0 == one.0 } } + config)
        return spec
    }

    /// Starts it, waits for its end and has it forgotten.
    func run(_ spec: TaskSpec) async throws -> TaskExit {
        _ = try await driver.start(spec)
        let exit = try await driver.wait(spec.id)
        try await driver.destroy(spec.id, force: false)
        return exit
    }

    /// Runs a command in the task; its result, output and errors.
    func exec(
        _ script: String, id: String = "t", input: String = ""
    ) async throws -> (TaskExit, String, String) {
        let files = try ["in", "out", "err"].map { name in
            try FileDescriptor(path: "\(scratch.path)/\(name)", flags: O_RDWR | O_CREAT | O_TRUNC)
        }
        try files[0].write(Array(input.utf8))
        lseek(files[0].number, 0, SEEK_SET)
        var request = ExecRequest(
            id: "c", arguments: ["/bin/sh", "-c", script], input: files[0].number,
            output: files[1].number, error: files[2].number)
        request.environment = ["GREETING": "hello"]
        let exit = try await driver.exec(id, request)
        func text(_ name: String) throws -> String {
            String(decoding: try SmallFile.read("\(scratch.path)/\(name)"), as: UTF8.self)
        }
        return (exit, try text("out"), try text("err"))
    }

    func log(_ stream: String = "stdout", _ number: Int = 0) -> String {
        let bytes = try? SmallFile.read("\(scratch.path)/alloc/logs/web.\(stream).\(number)")
        return String(decoding: bytes ?? [], as: UTF8.self)
    }

    /// Waits until the task has said `line`.
    func says(_ line: String) async throws {
        try await eventually("the task says \(line): \(log()) \(log("stderr"))") { log().contains(line) }
    }

    var hostPID: pid_t { host.status.first?.pid ?? 0 }
}
