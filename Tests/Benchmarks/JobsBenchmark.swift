import Basics
import TestSupport

/// Small jobs from many clients: 10,000 jobs of one task from 100 concurrent HTTP clients on 500 nodes, each registered on the
/// fast lane, so that its answer carries the placement.
enum JobsBenchmark: Benchmark {
    static let name = "jobs"

    private static let nodes = 500
    private static let clients = 100
    private static let jobs = 10_000

    static func run() async throws -> BenchmarkReport {
        try await Field.run(nodes: nodes) { field in
            let port = field.agent.httpPort
            let begin = seconds()
            let samples = try await withThrowingTaskGroup(of: [Double].self) { group in
                for client in 0..<clients {
                    group.addTask { try await Threads.run { try submit(client, port) } }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            let elapsed = seconds() - begin
            print("\(samples.count) jobs in \(rounded(elapsed, 2)) s, p50 \(rounded(percentile(samples, 0.5))) ms")
            return BenchmarkReport(
                setup: [
                    ("nodes", .integer(Int64(nodes))), ("jobs", .integer(Int64(jobs))),
                    ("clients", .integer(Int64(clients))),
                ],
                figures: [
                    ("jobs_per_second", rounded(Double(jobs) / elapsed, 0)),
                    ("p50_ms", rounded(percentile(samples, 0.5))), ("p99_ms", rounded(percentile(samples, 0.99))),
                ])
        }
    }

    /// One client's share, one job after the other; milliseconds from register to placed of each.
    private static func submit(_ client: Int, _ port: Int) throws -> [Double] {
        let http = HTTPConnection(port: port)
        return try (0..<jobs / clients).map { number in
            let job = BenchmarkJob(id: "job-\(client)-\(number)", type: "service")
            return try timed { try place(job, http) } * 1_000
        }
    }

    private static func place(_ job: BenchmarkJob, _ http: HTTPConnection) throws {
        let response = try http.put("/v1/jobs", job.immediate)
        let placement = try response.json()["Placement"]
        guard response.status == 200, placement?["Allocations"]?.array?.count == job.count else {
            throw NeverHappened(description: "\(job.id) was not placed: \(response.status) \(response.text)")
        }
    }
}
