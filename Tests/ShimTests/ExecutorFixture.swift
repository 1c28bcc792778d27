import Basics
import Glibc
import Linux
import PluginHost
import PluginHostTestSupport
import Testing

/// An executor on a run folder of its own, and the plain words tests use for its calls. `close` leaves nothing behind.
final class ExecutorFixture: Sendable {
    let folder: String
    let executor: ShimExecutor

    init(_ name: String = #function) throws {
        let id = SystemRandom().id().short
        folder = "/tmp/drover-test-\(id)"
        try Folder.make(folder + "/logs")
        executor = ExecutorFixture.executor(folder)
    }

    /// Another instance on the same folder, as after a restart.
    func restarted() -> ShimExecutor { ExecutorFixture.executor(folder) }

    private static func executor(_ folder: String) -> ShimExecutor {
        var configuration = ShimExecutor.Configuration(
            runRoot: folder + "/run", cgroupParent: "drover-test/" + (folder.split(separator: "/").last ?? ""))
        configuration.startTimeoutMilliseconds = 30_000
        return ShimExecutor(configuration)
    }

    /// Ends what still runs and removes all files.
    func close(_ ids: [String]) {
        for id in ids { try? executor.destroy(id: id, force: true) }
        try? Folder.remove(folder)
        guard let host = CgroupHost.detect() else { return }
        for mount in host.mounts.values { rmdir("\(mount)/drover-test/\(folder.split(separator: "/").last ?? "")") }
    }

    func task(_ id: String) -> [UInt8] {
        let logs: [(String, JSON)] = [
            ("dir", .string(folder + "/logs")), ("stdout", .string("\(id).stdout")),
            ("stderr", .string("\(id).stderr")), ("files_max", .integer(3)), ("file_bytes_max", .integer(10_000)),
        ]
        return JSON.object([
            ("id", .string(id)), ("env", .object([("PATH", .string("/usr/bin:/bin"))])),
            ("dirs", .object([("task", .string(folder))])), ("logs", .object(logs)),
        ]).bytes
    }

    func spec(_ argv: [String], _ more: [(String, JSON)] = []) -> [UInt8] {
        JSON.object([("argv", .array(argv.map { .string($0) }))] + more).bytes
    }

    @discardableResult
    func launch(_ id: String, _ argv: [String], _ more: [(String, JSON)] = []) async throws -> Int32 {
        let answer = try await ask { self.executor.launch(task: self.task(id), spec: self.spec(argv, more), call: $0) }
        return Int32(answer["pid"]?.integer ?? 0)
    }

    func shell(_ id: String, _ script: String) async throws -> Int32 {
        try await launch(id, ["/bin/sh", "-c", script])
    }

    func wait(_ id: String, by executor: ShimExecutor? = nil) async throws -> JSON {
        try await ask { (executor ?? self.executor).wait(id: id, call: $0) }
    }

    func ask(_ body: @escaping @Sendable (ClosureCall) -> Void) async throws -> JSON {
        let (code, bytes) = await withCheckedContinuation { continuation in
            body(ClosureCall { continuation.resume(returning: ($0, $1)) })
        }
        guard code == 0 else { throw ExecutorError(code, String(decoding: bytes, as: UTF8.self)) }
        return try JSONParser.parse(bytes)
    }

    func log(_ name: String) -> String { SmallFile.text("\(folder)/logs/\(name)") ?? "" }

    func state(_ id: String) throws -> ShimState {
        try #require(ShimState(SmallFile.text("\(folder)/run/\(id)/state") ?? ""))
    }
}
