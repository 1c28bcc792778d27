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
            figures += try await measure("small", group, port) { _, _ in HTTPLoad.put(smallPath, small) }
            figures += try await measure("register", group, port) { client, number in
                HTTPLoad.put("/v1/jobs", BenchmarkJob(id: "job-\(client)-\(number)", isParameterized: true).json)
            }
            figures += try await measure("dispatch", group, port) { _, _ in
                HTTPLoad.put("/v1/job/job-0-0/dispatch", .object([]))
            }
        }
        return BenchmarkReport(
            setup: [("clients", .integer(Int64(clients))), ("writes", .integer(Int64(writes)))], figures: figures)
    }

    private static let smallPath = "/v1/operator/scheduler/configuration"
    private static let small = JSON.object([("SchedulerAlgorithm", .string("binpack"))])

    private static func measure(
        _ kind: String, _ group: ServerGroup, _ port: Int, _ request: (_ client: Int, _ number: Int) -> [UInt8]
    ) async throws -> [(String, Double)] {
        let servers = group.servers.count
        let load = HTTPLoad(
            port: port,
            requests: (0..<clients).map { client in (0..<writes / clients).map { request(client, $0) } })
        let busy = cpuSeconds(group)
        let outcome = try await Threads.run { try load.run() }
        let cost = (cpuSeconds(group) - busy) * 1e6 / Double(writes)
        if let refused = outcome.answers.first(where: { $0.status != 200 }) {
            throw NeverHappened(description: "\(kind): \(refused.status) \(refused.text)")
        }
        let p50 = rounded(percentile(outcome.milliseconds, 0.5))
        print(
            "\(kind) on \(servers): \(rounded(outcome.perSecond, 0)) a second, p50 \(p50) ms, \(rounded(cost, 0)) µs of processor"
        )
        return [
            ("\(kind)_per_second_\(servers)", rounded(outcome.perSecond, 0)),
            ("\(kind)_p50_ms_\(servers)", p50),
            ("\(kind)_p99_ms_\(servers)", rounded(percentile(outcome.milliseconds, 0.99))),
            ("\(kind)_cpu_us_\(servers)", rounded(cost, 0)),
        ]
    }

    /// What all servers have used, their plug-ins' hosts left out.
    private static func cpuSeconds(_ group: ServerGroup) -> Double {
        group.servers.reduce(0) { $0 + Processes.cpuSeconds($1.pid) }
    }
}
