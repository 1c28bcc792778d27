import Basics
import TestSupport

/// Writes over HTTP from 64 clients, one Raft entry each, on one server and on three on the same machine and disk: the smallest
/// entry (a scheduler configuration), registrations of parameterized jobs, which make no evaluation, and dispatches of one.
enum WritesBenchmark: Benchmark {
    static let name = "writes"

    private static let clients = 64
    private static let writes = 16_000
    private static let unlimited = "limits {\n  http_max_conns_per_client = 0\n}\n"

    static func run() async throws -> BenchmarkReport {
        var figures: [(String, Double)] = []
        for count in [1, 3] {
            let group = try ServerGroup(count, ["-log-level", "WARN"], configuration: unlimited)
            let port = try group.leader().httpPort
            figures += try await measure("small", count, port) { http, _, _ in try http.put(smallPath, small) }
            figures += try await measure("register", count, port) { http, client, number in
                try http.put("/v1/jobs", BenchmarkJob(id: "job-\(client)-\(number)", isParameterized: true).json)
            }
            figures += try await measure("dispatch", count, port) { http, _, _ in
                try http.put("/v1/job/job-0-0/dispatch", .object([]))
            }
        }
        return BenchmarkReport(
            setup: [("clients", .integer(Int64(clients))), ("writes", .integer(Int64(writes)))], figures: figures)
    }

    private static let smallPath = "/v1/operator/scheduler/configuration"
    private static let small = JSON.object([("SchedulerAlgorithm", .string("binpack"))])

    private static func measure(
        _ kind: String, _ servers: Int, _ port: Int,
        _ write: @escaping @Sendable (HTTPConnection, Int, Int) throws -> HTTPConnection.Response
    ) async throws -> [(String, Double)] {
        let begin = seconds()
        let samples = try await withThrowingTaskGroup(of: [Double].self) { group in
            for client in 0..<clients {
                group.addTask {
                    try await Threads.run {
                        let http = HTTPConnection(port: port)
                        return try (0..<writes / clients).map { number in
                            try timed {
                                let answer = try write(http, client, number)
                                guard answer.status == 200 else {
                                    throw NeverHappened(description: "\(kind): \(answer.status) \(answer.text)")
                                }
                            } * 1_000
                        }
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let rate = Double(samples.count) / (seconds() - begin)
        print("\(kind) on \(servers): \(rounded(rate, 0)) a second, p50 \(rounded(percentile(samples, 0.5))) ms")
        return [
            ("\(kind)_per_second_\(servers)", rounded(rate, 0)),
            ("\(kind)_p50_ms_\(servers)", rounded(percentile(samples, 0.5))),
            ("\(kind)_p99_ms_\(servers)", rounded(percentile(samples, 0.99))),
        ]
    }
}
