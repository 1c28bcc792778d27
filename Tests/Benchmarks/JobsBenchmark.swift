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
            let load = HTTPLoad(
                port: port,
                requests: (0..<clients).map { client in
                    (0..<jobs / clients).map { HTTPLoad.put("/v1/jobs", job(client, $0).immediate) }
                })
            let busy = Processes.cpuSeconds(field.agent.pid)
            let outcome = try await blocking { try load.run() }
            let cost = (Processes.cpuSeconds(field.agent.pid) - busy) * 1e6 / Double(jobs)
            for answer in outcome.answers { try check(answer) }
            let samples = outcome.milliseconds
            print(
                "\(samples.count) jobs in \(rounded(outcome.seconds, 2)) s, p50 \(rounded(percentile(samples, 0.5))) ms"
            )
            return BenchmarkReport(
                setup: [
                    ("nodes", .integer(Int64(nodes))), ("jobs", .integer(Int64(jobs))),
                    ("clients", .integer(Int64(clients))),
                ],
                figures: [
                    ("jobs_per_second", rounded(outcome.perSecond, 0)),
                    ("p50_ms", rounded(percentile(samples, 0.5))), ("p99_ms", rounded(percentile(samples, 0.99))),
                    ("cpu_us_a_job", rounded(cost, 0)),
                ])
        }
    }

    private static func job(_ client: Int, _ number: Int) -> BenchmarkJob {
        BenchmarkJob(id: "job-\(client)-\(number)", type: "service")
    }

    /// Throws unless the answer carries the placement that was asked for.
    private static func check(_ answer: HTTPLoad.Answer) throws {
        let placed = try JSONParser.parse(answer.body)["Placement"]?["Allocations"]?.array?.count
        guard answer.status == 200, placed == 1 else {
            throw NeverHappened(description: "a job was not placed: \(answer.status) \(answer.text)")
        }
    }
}
