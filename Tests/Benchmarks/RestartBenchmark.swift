import Basics
import Glibc
import TestSupport

/// `kill -9` of a server with 1,000,000 allocations, and its start until it answers a consistent read rightly: once after all were
/// placed, when much of the state is in the log, and once after a second start, which finds what the first one had to read.
enum RestartBenchmark: Benchmark {
    static let name = "restart"

    private static let nodes = 5_000
    private static let jobs = 1_000
    private static let count = 1_000

    static func run() async throws -> BenchmarkReport {
        try await Field.run(nodes: nodes) { field in
            let jobs = (0..<jobs).map { BenchmarkJob(id: "c1m-\($0)", count: count, nodeClass: "class-\($0 % 5)") }
            try await field.register(jobs)
            try field.waitUntilPlaced(jobs, seconds: 300)
            var figures: [(String, Double)] = []
            var worst = 0.0
            for round in 1...3 {
                let folder = DataFolder.listing(field.agent.folder.path + "/data/server/raft")
                let ready = try restart(field.agent)
                worst = max(worst, ready)
                print("start \(round): \(rounded(ready, 0)) ms; \(folder)")
                figures.append(("ready_ms_start_\(round)", rounded(ready, 0)))
            }
            return BenchmarkReport(
                setup: [
                    ("nodes", .integer(Int64(nodes))), ("jobs", .integer(Int64(jobs.count))),
                    ("count", .integer(Int64(count))),
                ], figures: [("ready_ms_1m", rounded(worst, 0))] + figures)
        }
    }

    /// Milliseconds from the start of the process to the first right answer about the last job.
    private static func restart(_ agent: AgentProcess) throws -> Double {
        agent.kill()
        let begin = seconds()
        try agent.start()
        let last = BenchmarkJob(id: "c1m-\(jobs - 1)")
        while true {
            if let placed = try? Field.placed(last, agent.http), placed == count { break }
            guard seconds() - begin < 120 else { throw NeverHappened(description: agent.log) }
            usleep(2_000)
        }
        return (seconds() - begin) * 1_000
    }
}
