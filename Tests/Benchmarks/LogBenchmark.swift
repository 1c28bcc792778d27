import Basics
import Glibc
import Linux
import Model
import RPC
import Synchronization
import TestSupport

/// 10,000,000 log entries through two servers: what the follower needs of memory and disk while they pass. `DROVER_BENCH_ENTRIES` is
/// another number of entries.
enum LogBenchmark: Benchmark {
    static let name = "log"

    private static let connections = 4
    private static let inFlight = 256

    static func run() async throws -> BenchmarkReport {
        let entries = getenv("DROVER_BENCH_ENTRIES").flatMap { Int(String(cString: $0)) } ?? 10_000_000
        let group = try ServerGroup(2, ["-log-level", "WARN"])
        let leader = try group.leader()
        guard let follower = group.servers.first(where: { $0 !== leader }) else {
            throw NeverHappened(description: "both servers lead")
        }
        let folder = follower.folder.path + "/data/server/raft"
        let begin = seconds()
        let left = Countdown(entries)
        let largest = try await withThrowingTaskGroup(of: Void.self) { tasks in
            for _ in 0..<connections {
                let caller = RemoteCaller(
                    peer: TCPNetwork().peer(at: NetworkAddress(host: "127.0.0.1", port: leader.rpcPort)))
                for _ in 0..<inFlight { tasks.addTask { try await write(caller, left) } }
            }
            let watching = Task {
                var largest = 0.0
                while !Task.isCancelled {
                    largest = max(largest, DataFolder.mebibytes(folder))
                    try? await Task.sleep(for: .seconds(1))
                }
                return largest
            }
            try await tasks.waitForAll()
            watching.cancel()
            return await watching.value
        }
        let rate = Double(entries) / (seconds() - begin)
        return BenchmarkReport(
            setup: [("entries", .integer(Int64(entries))), ("servers", .integer(2))],
            figures: [
                ("follower_peak_rss_mib", rounded(Double(Processes.peakKiB(follower.pid)) / 1024)),
                ("leader_peak_rss_mib", rounded(Double(Processes.peakKiB(leader.pid)) / 1024)),
                ("log_mib", rounded(largest)), ("entries_per_second", rounded(rate, 0)),
            ])
    }

    private static func write(_ caller: RemoteCaller, _ left: Countdown) async throws {
        var call = SetSchedulerConfiguration()
        call.configuration = SchedulerConfiguration()
        while left.take() { _ = try await caller.call(call, context: CallContext()) }
    }
}

/// How much is left to do, shared by those who do it.
private final class Countdown: Sendable {
    private let left: Mutex<Int>

    init(_ count: Int) { left = Mutex(count) }

    /// Takes one; false when none is left.
    func take() -> Bool {
        left.withLock { left in
            left -= 1
            return left >= 0
        }
    }
}
