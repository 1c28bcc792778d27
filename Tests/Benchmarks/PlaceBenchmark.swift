import Basics

/// 100 jobs of 1,000 instances, one class constraint each, over 5,000 simulated nodes: through HTTP, evaluation, plug-in,
/// plan, fsynced log and state of one server.
enum PlaceBenchmark: Benchmark {
    static let name = "place"

    static func run() async throws -> BenchmarkReport {
        let (rate, peak) = try await measure(nodes: 5_000, jobs: 100, count: 1_000, type: "batch")
        return BenchmarkReport(
            setup: [
                ("nodes", .integer(5_000)), ("jobs", .integer(100)), ("count", .integer(1_000)),
                ("type", .string("batch")), ("servers", .integer(1)), ("constraint", .string("${node.class}")),
            ],
            figures: [("allocations_per_second", rounded(rate, 0)), ("server_peak_rss_mib", rounded(peak))])
    }

    /// Allocations a second from the first registration to the last placement, and the server's peak memory in MiB.
    static func measure(nodes: Int, jobs count: Int, count each: Int, type: String) async throws -> (Double, Double) {
        try await Field.run(nodes: nodes) { field in
            let jobs = (0..<count).map {
                BenchmarkJob(id: "place-\($0)", type: type, count: each, nodeClass: "class-\($0 % 5)")
            }
            let begin = seconds()
            try await field.register(jobs)
            let registered = seconds()
            try await field.waitUntilPlaced(jobs)
            let end = seconds()
            print(
                "\(type): registered in \(rounded(registered - begin, 3)) s, all placed after \(rounded(end - begin, 3)) s"
            )
            return (Double(count * each) / (end - begin), field.serverPeakMiB)
        }
    }
}

/// The peer's smaller shape: 318 jobs of 315 instances on 500 nodes, as batch and as service jobs.
enum HundredThousandBenchmark: Benchmark {
    static let name = "c100k"

    static func run() async throws -> BenchmarkReport {
        let (batch, _) = try await PlaceBenchmark.measure(nodes: 500, jobs: 318, count: 315, type: "batch")
        let (service, peak) = try await PlaceBenchmark.measure(nodes: 500, jobs: 318, count: 315, type: "service")
        return BenchmarkReport(
            setup: [
                ("nodes", .integer(500)), ("jobs", .integer(318)), ("count", .integer(315)), ("servers", .integer(1)),
                ("constraint", .string("${node.class}")),
            ],
            figures: [
                ("batch_per_second", rounded(batch, 0)), ("service_per_second", rounded(service, 0)),
                ("server_peak_rss_mib", rounded(peak)),
            ])
    }
}
