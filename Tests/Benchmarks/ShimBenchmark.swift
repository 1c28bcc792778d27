import Basics
import Glibc
import TestSupport

/// Memory that a running task costs beside its own: the private pages of its `drover-shim`.
enum ShimBenchmark: Benchmark {
    static let name = "shim"

    static func run() async throws -> BenchmarkReport {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let count = 20
        for number in 0..<count { _ = try agent.http.put("/v1/jobs", LatencyBenchmark.job("shim-\(number)")) }
        let folder = agent.folder.path
        func shims() -> [pid_t] {
            Processes.all().filter { Processes.name($0) == "drover-shim" && belongs($0, to: folder) }
        }
        try eventually("\(count) shims run", seconds: 30) { shims().count >= count }
        sleep(1)
        let sizes = shims().map { pid -> Double in
            let memory = Processes.memoryKiB(pid)
            return Double((memory["Private_Clean"] ?? 0) + (memory["Private_Dirty"] ?? 0))
        }
        for number in 0..<count { _ = try agent.http.request("DELETE", "/v1/job/shim-\(number)") }
        try eventually("the shims have ended", seconds: 30) { shims().isEmpty }
        return BenchmarkReport(
            setup: [("tasks", .integer(Int64(count))), ("driver", .string("raw_exec"))],
            figures: [("private_kib", percentile(sizes, 0.5)), ("private_kib_max", sizes.max() ?? .nan)])
    }

    /// Whether the process was started for an agent's folder: its arguments or open files name it.
    private static func belongs(_ pid: pid_t, to folder: String) -> Bool {
        let descriptors = (0..<16).map { "/proc/\(pid)/fd/\($0)" } + ["/proc/\(pid)/cwd"]
        return descriptors.contains { path in
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = readlink(path, &buffer, buffer.count)
            return count > 0
                && String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self).hasPrefix(folder)
        }
    }
}
