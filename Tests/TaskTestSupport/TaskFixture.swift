package import DroverSDK
internal import Glibc
internal import Linux
package import PluginHost
internal import PluginHostTestSupport
internal import PluginTestSupport
internal import Testing

/// The driver's own launch specifications on the real executor, with the folders of one allocation. `close` leaves nothing.
package final class TaskFixture: Sendable {
    package let folder: String
    package let executor: ShimExecutor
    private let plugin: any Plugin.Type

    package init(_ plugin: any Plugin.Type) throws {
        self.plugin = plugin
        folder = "/tmp/drover-task-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try Folder.make(folder, mode: 0o711)
        for name in ["alloc", "alloc/logs", "task", "task/local", "task/secrets"] {
            try Folder.make("\(folder)/\(name)")
            try FileMode.set(folder: "\(folder)/\(name)", name == "task/secrets" ? 0o700 : 0o777)
        }
        executor = TaskFixture.executor(folder)
    }

    /// Another instance on the same folder, as after a restart of the plug-in host.
    package func restarted() -> ShimExecutor { TaskFixture.executor(folder) }

    private static func executor(_ folder: String) -> ShimExecutor {
        let name = folder.split(separator: "/").last ?? ""
        return ShimExecutor(
            ShimExecutor.Configuration(runRoot: folder + "/run", cgroupParent: "drover-test/" + name))
    }

    package func close(_ ids: String...) {
        for id in ids { try? executor.destroy(id: id, force: true) }
        for group in groups { rmdir(group) }
        try? Folder.remove(folder)
    }

    /// The parents of this fixture's control groups.
    package var groups: [String] {
        let name = folder.split(separator: "/").last ?? ""
        return Set((CgroupHost.detect()?.mounts ?? [:]).values).map { "\($0)/drover-test/\(name)" }
    }

    /// What to run, and what a test differs in from a plain task.
    package struct Wish {
        package var config: [String: JSON]
        package var settings: String
        package var user: String
        package var resources: JSON
        package var mounts: JSON
        package var devices: JSON = []
        package var network = "host"

        package init(
            config: [String: JSON] = [:], settings: String = "{}", user: String = "nobody",
            resources: JSON = ["cpu_mhz": 500], mounts: JSON = []
        ) {
            self.config = config
            self.settings = settings
            self.user = user
            self.resources = resources
            self.mounts = mounts
        }
    }

    /// Starts the task `id`; its process id.
    @discardableResult
    package func launch(_ id: String, _ wish: Wish) async throws -> Int32 {
        let directories: JSON = [
            "alloc": .string(folder + "/alloc"), "task": .string(folder + "/task"),
            "local": .string(folder + "/task/local"), "secrets": .string(folder + "/task/secrets"),
        ]
        let logs: JSON = [
            "dir": .string(folder + "/alloc/logs"), "stdout": .string(id + ".out"), "stderr": .string(id + ".err"),
        ]
        let document: JSON = [
            "id": .string(id), "user": .string(wish.user), "config": .object(wish.config), "dirs": directories,
            "logs": logs, "resources": wish.resources, "mounts": wish.mounts,
            "devices": wish.devices, "network": ["mode": .string(wish.network)],
            "env": ["PATH": "/usr/bin:/bin:/usr/sbin"],
        ]
        if let user = UserIdentity.find(wish.user) { try FileMode.setOwner(folder: folder + "/task/secrets", user) }
        let (text, plugin) = (document.text, plugin)
        let spec = try FakeHost.run { fake, host in
            let driver = try #require(try plugin.init(host: host, config: JSON(parsing: wish.settings)).driver)
            try driver.start(TaskDocument(text), call: Outcome().call)
            return try #require(fake.launches.first).text
        }
        let answer = try await ask {
            self.executor.launch(task: Array(text.utf8), spec: Array(spec.utf8), call: $0)
        }
        return Int32(answer["pid"]?.integer ?? 0)
    }

    package func wait(_ id: String, by executor: ShimExecutor? = nil) async throws -> JSON {
        try await ask { (executor ?? self.executor).wait(id: id, call: $0) }
    }

    /// Runs a script inside the task `id`; its lines.
    package func exec(_ id: String, _ script: String) async throws -> [String] {
        linesOfCommand(try await ask(try command(id, script)))
    }

    private func command(_ id: String, _ script: String) throws -> @Sendable (ClosureCall) -> Void {
        let output = try FileDescriptor(path: folder + "/out", flags: O_RDWR | O_CREAT | O_TRUNC)
        let request: JSON = ["argv": ["sh", "-c", .string(script)]]
        return { [executor] call in
            executor.exec(
                id: id, commandID: "c", request: Array(request.text.utf8), stdin: -1, stdout: output.number,
                stderr: output.number, call: call)
        }
    }

    private func linesOfCommand(_ result: JSON) -> [String] {
        let text = SmallFile.text(folder + "/out") ?? ""
        #expect(result["exit_code"]?.integer == 0, "\(result.text) \(text)")
        return text.split(separator: "\n").map(String.init)
    }

    package func ask(_ body: @escaping @Sendable (ClosureCall) -> Void) async throws -> JSON {
        let (code, bytes) = await withCheckedContinuation { continuation in
            body(ClosureCall { continuation.resume(returning: ($0, $1)) })
        }
        guard code == 0 else { throw ExecutorError(code, String(decoding: bytes, as: UTF8.self)) }
        return try JSON(parsing: String(decoding: bytes, as: UTF8.self))
    }

    package func lines(_ id: String, _ stream: String = "out") -> [String] {
        (SmallFile.text("\(folder)/alloc/logs/\(id).\(stream).0") ?? "").split(whereSeparator: \.isNewline).map(
            String.init)
    }

    /// The value of one file of the task's control group, such as "memory.max"; the first hierarchy that has it.
    package func limit(_ id: String, _ names: String...) -> String? {
        for group in groups {
            for name in names {
                if let text = SmallFile.text("\(group)/\(id)/\(name)") { return text }
            }
        }
        return nil
    }

    package func shim(_ id: String) -> Int32 {
        ShimState(SmallFile.text("\(folder)/run/\(id)/state") ?? "")?.shim.pid ?? 0
    }

    /// Memory that the shim of the task `id` shares with nobody, in KiB.
    package func shimKiB(_ id: String) -> Int {
        var kib = 0
        let text = SmallFile.text("/proc/\(shim(id))/smaps_rollup") ?? ""
        for line in text.split(separator: "\n") where line.hasPrefix("Private_") {
            kib += Int(line.split(separator: " ").dropLast().last ?? "") ?? 0
        }
        return kib
    }

    /// Waits until the task has said `line`.
    package func says(_ line: String, _ id: String = "t") async throws -> Bool {
        try await eventually { self.lines(id).contains(line) }
    }

    /// Waits until the task has said a line that `condition` accepts.
    package func says(_ id: String = "t", where condition: (String) -> Bool) async throws -> Bool {
        try await eventually { self.lines(id).contains(where: condition) }
    }

    /// What of this fixture's tasks the machine still knows: processes, control groups, mounts, run folders.
    package func left() -> [String] {
        var left = Folder.names(folder + "/run")
        for group in groups {
            left += Folder.names(group).filter { access("\(group)/\($0)/cgroup.procs", F_OK) == 0 }
        }
        let mounts = (try? SmallFile.read("/proc/self/mountinfo")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        if mounts.contains(folder) { left.append("a mount of \(folder)") }
        return left
    }
}

/// What this process sees at /proc/self/ns/KIND.
package func ownNamespace(_ kind: String) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    let count = readlink("/proc/self/ns/\(kind)", &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
