import Basics
import Glibc
import TestSupport

/// A system job on 5,000 nodes: from its registration to an instance on every node, in the API.
enum SystemBenchmark: Benchmark {
    static let name = "system"

    private static let nodes = 5_000

    static func run() async throws -> BenchmarkReport {
        try await Field.run(nodes: nodes) { field in
            let http = field.agent.http
            let samples = try (0..<10).map { round in
                let job = BenchmarkJob(id: "system-\(round)", type: "system")
                return try timed {
                    try Field.register(job, http)
                    while try Field.placed(job, http) < nodes { usleep(1_000) }
                } * 1_000
            }
            print("place_ms: \(samples.map { rounded($0) })")
            return BenchmarkReport(
                setup: [("nodes", .integer(Int64(nodes))), ("rounds", .integer(Int64(samples.count)))],
                figures: [
                    ("place_ms", rounded(percentile(samples, 0.5))), ("place_ms_max", rounded(samples.max() ?? .nan)),
                ])
        }
    }
}

/// Placements by pre-emption on 5,000 nodes that jobs of low priority fill.
enum PreemptBenchmark: Benchmark {
    static let name = "preempt"

    private static let nodes = 5_000
    private static let rounds = 5
    private static let count = 1_000

    static func run() async throws -> BenchmarkReport {
        try await Field.run(nodes: nodes) { field in
            let http = field.agent.http
            let preemption = JSON.object([
                ("SystemSchedulerEnabled", .bool(true)), ("BatchSchedulerEnabled", .bool(true)),
                ("ServiceSchedulerEnabled", .bool(true)),
            ])
            _ = try http.put(
                "/v1/operator/scheduler/configuration",
                .object([("SchedulerAlgorithm", .string("binpack")), ("PreemptionConfig", preemption)]))
            // Half of the nodes have 8 GHz and 8 GiB, half twice that: 15,000 fillers of 3.9 GHz leave no room for 2 GHz.
            let filler = BenchmarkJob(
                id: "filler", count: 3 * nodes, priority: 10, cpuMHz: 3_900, memoryMiB: 3_900)
            try await field.register([filler])
            try await field.waitUntilPlaced([filler])
            print("\(filler.count) instances of low priority fill the nodes")
            let jobs = (0..<rounds).map {
                BenchmarkJob(id: "urgent-\($0)", count: count, priority: 90, cpuMHz: 2_000, memoryMiB: 2_000)
            }
            let time = try await timed {
                try await field.register(jobs)
                try await field.waitUntilPlaced(jobs)
            }
            // The fillers' clients do not report, so their status says nothing; what servers want of them does.
            let evicted =
                try http.getJSON("/v1/job/\(filler.id)/allocations").array?
                .count { $0["DesiredStatus"] == .string("evict") } ?? 0
            print("\(rounds * count) placed in \(rounded(time, 3)) s; \(evicted) evicted")
            guard evicted > 0 else { throw NeverHappened(description: "nothing was evicted") }
            return BenchmarkReport(
                setup: [
                    ("nodes", .integer(Int64(nodes))), ("jobs", .integer(Int64(rounds))),
                    ("count", .integer(Int64(count))),
                    ("fillers", .integer(Int64(filler.count))),
                ],
                figures: [
                    ("per_second", rounded(Double(rounds * count) / time, 0)),
                    ("evicted", Double(evicted)),
                ])
        }
    }
}
