import Basics
import Glibc
import TestSupport

/// From a job's registration being accepted to its allocation being `running` in the API, one job at a time.
enum LatencyBenchmark: Benchmark {
    static let name = "latency"

    static func run() async throws -> BenchmarkReport {
        let agent = try AgentProcess()
        try agent.start()
        try agent.waitUntilReady()
        let http = agent.http
        let rounds = 50
        var samples: [Double] = []
        for round in 0..<rounds {
            let id = "latency-\(round)"
            let begin = seconds()
            let response = try http.put("/v1/jobs", job(id))
            guard response.status == 200 else { throw NeverHappened(description: response.text) }
            try waitUntilRunning(id, http)
            samples.append((seconds() - begin) * 1000)
            _ = try http.request("DELETE", "/v1/job/\(id)?purge=true")
        }
        print("raw_exec: \(rounds) jobs, min \(rounded(samples.min() ?? 0)) ms, max \(rounded(samples.max() ?? 0)) ms")
        return BenchmarkReport(
            setup: [
                ("jobs", .integer(Int64(rounds))), ("driver", .string("raw_exec")),
                ("command", .string("/bin/sleep 1000")),
            ],
            figures: [
                ("raw_exec_p50_ms", rounded(percentile(samples, 0.5))),
                ("raw_exec_p99_ms", rounded(percentile(samples, 0.99))),
            ])
    }

    /// Follows the job's allocations by blocking queries, so that polling adds nothing.
    private static func waitUntilRunning(_ id: String, _ http: HTTPConnection) throws {
        var index: UInt64 = 0
        let deadline = seconds() + 20
        while seconds() < deadline {
            let response = try http.get("/v1/job/\(id)/allocations?index=\(index)&wait=10s")
            index = response.index
            if let allocations = try response.json().array,
                allocations.contains(where: { $0["ClientStatus"] == .string("running") })
            {
                return
            }
        }
        throw NeverHappened(description: "\(id) did not run within 20 s")
    }

    static func job(_ id: String) -> JSON {
        .object([
            (
                "Job",
                .object([
                    ("ID", .string(id)), ("Name", .string(id)), ("Type", .string("service")),
                    ("Datacenters", .array([.string("*")])),
                    (
                        "TaskGroups",
                        .array([
                            .object([
                                ("Name", .string("group")), ("Count", .integer(1)),
                                (
                                    "Tasks",
                                    .array([
                                        .object([
                                            ("Name", .string("task")), ("Driver", .string("raw_exec")),
                                            ("KillTimeout", .integer(100_000_000)),
                                            (
                                                "Config",
                                                .object([
                                                    ("command", .string("/bin/sleep")),
                                                    ("args", .array([.string("1000")])),
                                                ])
                                            ),
                                            (
                                                "Resources",
                                                .object([("CPU", .integer(10)), ("MemoryMB", .integer(10))])
                                            ),
                                        ])
                                    ])
                                ),
                            ])
                        ])
                    ),
                ])
            )
        ])
    }
}
