internal import Basics
internal import Glibc
internal import Linux
package import PluginHost
internal import PluginHostTestSupport
internal import Testing

/// One task of a built driver library that runs in a process of its own, which a test may kill, or in this one. Leaves nothing.
package final class HostedTask: Sendable {
    package let folder: String
    private let host: PluginManager
    private let driver: any Driver
    private let spec: TaskSpec

    /// The library of the driver `name` that was built beside the tests.
    package static func library(_ name: String) -> String? {
        PluginBuilder.builtLibraries.first { $0.hasSuffix("/libdrover-driver-\(name).so") }
    }

    /// Runs `body` with a task that is not started yet, and ends it; `config` is its configuration, JSON.
    package static func with(
        _ name: String, _ isolation: PluginIsolation = .process, config: String, memoryBytes: Int64,
        ports: [String: Int] = [:],
        _ body: @escaping @Sendable (HostedTask) async throws -> Void
    ) async throws {
        let library = try #require(HostedTask.library(name))
        let configure: (inout PluginHostConfiguration) -> Void = { configuration in
            configuration.shim = PluginBuilder.hostProgram + "-shim"
            isolated(isolation, name)(&configuration)
        }
        try await withHost([(library, "libdrover-driver-\(name).so")], configure: configure) { host, scratch in
            let driver = try #require(host.driver(named: name))
            var spec = TaskSpec(id: "")
            spec.config = try JSONParser.parse(Array(config.utf8))
            spec.resources.cpuMHz = 500
            spec.resources.memoryBytes = memoryBytes
            spec.ports = ports.sorted { $0.key < $1.key }.map {
                TaskSpec.Port(label: $0.key, hostIP: "127.0.0.1", hostPort: $0.value)
            }
            let task = try HostedTask(host, driver, folder: scratch.path, spec)
            do {
                try await body(task)
            } catch {
                try? await driver.destroy(task.spec.id, force: true)
                throw error
            }
            try await driver.destroy(task.spec.id, force: true)
            #expect(task.processes.isEmpty, "nothing runs on")
            let mounts = (try? SmallFile.read("/proc/self/mountinfo")).map { String(decoding: $0, as: UTF8.self) } ?? ""
            #expect(!mounts.contains(scratch.path))
        }
    }

    private init(_ host: PluginManager, _ driver: any Driver, folder: String, _ wanted: TaskSpec) throws {
        self.host = host
        self.driver = driver
        self.folder = folder
        // The task's user must reach its folders.
        try FileMode.set(folder: folder, 0o711)
        for name in ["alloc", "alloc/logs", "task", "task/local", "task/secrets"] {
            try Folder.make("\(folder)/\(name)")
            try FileMode.set(folder: "\(folder)/\(name)", 0o777)
        }
        var spec = wanted
        spec.id = "hosted-\(folder.split(separator: "-").last ?? "")"
        spec.environment = ["PATH": "/usr/bin:/bin", "MARK": spec.id]
        spec.user = "nobody"
        spec.directories.allocation = folder + "/alloc"
        spec.directories.task = folder + "/task"
        spec.directories.local = folder + "/task/local"
        spec.directories.secrets = folder + "/task/secrets"
        spec.logs.directory = folder + "/alloc/logs"
        spec.logs.stdout = "o"
        spec.logs.stderr = "e"
        self.spec = spec
    }

    /// What the task has written to its standard output.
    package var lines: [String] {
        (SmallFile.text(folder + "/alloc/logs/o.0") ?? "").split(whereSeparator: \.isNewline).map(String.init)
    }

    /// The processes of the task, by their environment.
    package var processes: [Int32] {
        let mark = Array("MARK=\(spec.id)".utf8)
        return Folder.names("/proc").compactMap { Int32($0) }.filter { pid in
            guard let bytes = try? SmallFile.read("/proc/\(pid)/environ") else { return false }
            return bytes.split(separator: 0).contains { $0.elementsEqual(mark) }
        }
    }

    package func start() async throws { _ = try await driver.start(spec) }

    /// Kills the plug-in's process while somebody waits for the task, and returns when another has taken over the very task.
    package func killHost() async throws {
        let before = processes
        #expect(!before.isEmpty)
        let host = try #require(host.status.first?.pid)
        async let waiting: Void = stillRuns()
        try killProcess(host)
        try await waiting
        try await eventually("the plug-in host is back") {
            let pid = self.host.status.first?.pid ?? 0
            return pid > 0 && pid != host
        }
        _ = try await driver.inspect(spec.id)
        #expect(processes == before, "the very task runs on")
    }

    /// Waits for a task that does not end meanwhile.
    private func stillRuns() async throws {
        let ended = await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await self.driver.wait(self.spec.id)) != nil }
            group.addTask {
                try? await Task.sleep(for: .milliseconds(200))
                return false
            }
            let first = await group.next() ?? false
            group.cancelAll()
            return first
        }
        #expect(!ended)
    }

    /// What the driver knows of the running task's status, where it tells one.
    package func status() async throws -> String? { try await driver.inspect(spec.id)["attributes"]?["status"]?.string }

    /// Finds the running task again as if the answer of its start had been lost.
    package func recoverWithoutHandle() async throws {
        let before = processes
        _ = try await driver.recover(spec, handle: nil)
        #expect(processes == before)
    }

    /// Stops the task; how it ended.
    package func stop(within timeout: Duration = .seconds(60)) async throws -> TaskExit {
        async let ending = driver.wait(spec.id)
        try await driver.stop(spec.id, signal: "", timeout: timeout)
        return try await ending
    }
}
