import Basics
import Glibc
import TestSupport

/// From starting a dev agent to its being ready - leader, node ready, every plug-in running - and what it holds when idle.
enum StartBenchmark: Benchmark {
    static let name = "start"

    static func run() async throws -> BenchmarkReport {
        var times: [Double] = []
        var memory: [Double] = []
        var plugins = 0
        for round in 1...5 {
            let agent = try AgentProcess()
            let begin = seconds()
            try agent.start()
            plugins = try waitUntilReady(agent)
            times.append((seconds() - begin) * 1000)
            sleep(4)
            memory.append(
                Processes.tree(agent.pid).reduce(0) { $0 + Double(Processes.memoryKiB($1)["Pss"] ?? 0) } / 1024)
            print(
                "round \(round): ready in \(rounded(times[round - 1])) ms, idle PSS \(rounded(memory[round - 1])) MiB")
            agent.kill()
        }
        return BenchmarkReport(
            setup: [
                ("rounds", .integer(5)), ("plugins", .integer(Int64(plugins))), ("pss_after_idle_seconds", .integer(4)),
            ],
            figures: [
                ("ready_ms", rounded(percentile(times, 0.5))), ("ready_ms_min", rounded(times.min() ?? 0)),
                ("ready_ms_max", rounded(times.max() ?? 0)), ("idle_pss_mib", rounded(percentile(memory, 0.5))),
            ])
    }

    /// Polls every 2 ms; returns the number of plug-ins that run.
    private static func waitUntilReady(_ agent: AgentProcess) throws -> Int {
        let http = agent.http
        let deadline = seconds() + 30
        while seconds() < deadline {
            if let nodes = try? http.getJSON("/v1/nodes").array,
                nodes.contains(where: { $0["Status"] == .string("ready") }),
                let plugins = try? http.getJSON("/v1/agent/plugins").array, !plugins.isEmpty,
                plugins.allSatisfy({ $0["State"] == .string("running") })
            {
                return plugins.count
            }
            usleep(2_000)
        }
        throw NeverHappened(description: "the agent was not ready within 30 s\n\(agent.log)")
    }
}
