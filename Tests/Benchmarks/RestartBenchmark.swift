import Basics
import Glibc
import TestSupport

/// `kill -9` of a server with 1,000,000 allocations, and its start until it answers a consistent read rightly: from its log, as it is
/// after all were placed, and from a snapshot, after as many writes as make it save one.
enum RestartBenchmark: Benchmark {
    static let name = "restart"

    private static let nodes = 5_000
    private static let jobs = 1_000
    private static let count = 1_000

    static func run() async throws -> BenchmarkReport {
        try await Field.run(nodes: nodes) { field in
            let jobs = (0..<jobs).map { BenchmarkJob(id: "c1m-\($0)", count: count, nodeClass: "class-\($0 % 5)") }
            try await field.register(jobs)
            try await field.waitUntilPlaced(jobs, seconds: 300)
            let fromLog = try restart(field.agent, "log")
            try provokeSnapshot(field.agent)
            let fromSnapshot = try restart(field.agent, "snapshot")
            return BenchmarkReport(
                setup: [
                    ("nodes", .integer(Int64(nodes))), ("jobs", .integer(Int64(jobs.count))),
                    ("count", .integer(Int64(count))),
                ],
                figures: [
                    ("ready_ms_1m", rounded(max(fromLog, fromSnapshot), 0)), ("ready_ms_log", rounded(fromLog, 0)),
                    ("ready_ms_snapshot", rounded(fromSnapshot, 0)),
                ])
        }
    }

    /// Milliseconds from the start of the process to the first right answer about the last job.
    private static func restart(_ agent: AgentProcess, _ source: String) throws -> Double {
        let folder = DataFolder.listing(agent.folder.path + "/data/server/raft")
        agent.kill()
        let begin = seconds()
        try agent.start()
        let last = BenchmarkJob(id: "c1m-\(jobs - 1)")
        while true {
            if let placed = try? Field.placed(last, agent.http), placed == count { break }
            guard seconds() - begin < 120 else { throw NeverHappened(description: agent.log) }
            usleep(2_000)
        }
        let milliseconds = (seconds() - begin) * 1_000
        print("from \(source): \(rounded(milliseconds, 0)) ms; \(folder)")
        return milliseconds
    }

    /// Writes until the log is long enough for a snapshot of the state, and waits for that.
    private static func provokeSnapshot(_ agent: AgentProcess) throws {
        let folder = agent.folder.path + "/data/server/raft/snapshots"
        let filler = JSON.object([("filler", .string(String(repeating: "x", count: 256 << 10)))])
        let namespace = JSON.object([("Name", .string("filler")), ("Meta", filler)])
        var writes = 0
        while DataFolder.mebibytes(folder) < 1 {
            let answer = try agent.http.put("/v1/namespace", namespace)
            writes += 1
            guard answer.status == 200, writes < 2_000 else { throw NeverHappened(description: answer.text) }
        }
        sleep(5)
    }
}
