import Basics
import Glibc
import Linux
import Model
import RPC
import Simulation
import TestSupport

/// 100 jobs of 1,000 instances, one class constraint each, over 5,000 simulated nodes that register and heartbeat over the real
/// RPC, each on a connection of its own: through HTTP, evaluation, plug-in, plan, fsynced log and state of one server.
enum PlaceBenchmark: Benchmark {
    static let name = "place"

    private static let nodes = 5_000
    private static let jobs = 100
    private static let count = 1_000

    static func run() async throws -> BenchmarkReport {
        let agent = try AgentProcess(
            ["-server", "-bootstrap-expect", "1", "-log-level", "WARN", "-bind", "127.0.0.1"],
            configuration: "limits {\n  http_max_conns_per_client = 0\n}\n")
        try agent.start()
        try eventually("the server leads") { (try? agent.http.get("/v1/status/leader"))?.status == 200 }
        var best = 0.0
        var peak = 0
        try await withThrowingTaskGroup(of: Void.self) { group in
            try startNodes(agent, &group)
            try waitForNodes(agent)
            print("\(nodes) nodes are ready")
            let elapsed = try place(agent)
            best = Double(jobs * count) / elapsed
            peak = Processes.peakKiB(agent.pid)
            group.cancelAll()
        }
        return BenchmarkReport(
            setup: [
                ("nodes", .integer(Int64(nodes))), ("jobs", .integer(Int64(jobs))), ("count", .integer(Int64(count))),
                ("type", .string("batch")), ("servers", .integer(1)), ("constraint", .string("${node.class}")),
            ],
            figures: [
                ("allocations_per_second", rounded(best, 0)), ("server_peak_rss_mib", rounded(Double(peak) / 1024)),
            ])
    }

    private static func startNodes(_ agent: AgentProcess, _ group: inout ThrowingTaskGroup<Void, any Error>) throws {
        let address = NetworkAddress(host: "127.0.0.1", port: agent.rpcPort)
        var script = SimulatedClient.Script()
        script.runsTasks = false
        for number in 0..<nodes {
            let seam = Seam.system(network: try TCPNetwork())
            let node = Node.simulated(number: number, random: seam.random)
            let client = SimulatedClient(
                node: node, seam: seam, servers: RemoteCaller(peer: seam.network.peer(at: address)), script: script)
            group.addTask { await client.run() }
        }
    }

    private static func waitForNodes(_ agent: AgentProcess) throws {
        let http = agent.http
        try eventually("\(nodes) nodes are ready", seconds: 120, details: { agent.log }) {
            sleep(1)
            return (try http.getJSON("/v1/nodes").array ?? []).count == nodes
        }
        sleep(2)
    }

    /// Registers all jobs, then waits until the summaries count all instances; returns the seconds from first to last.
    private static func place(_ agent: AgentProcess) throws -> Double {
        let http = agent.http
        let begin = seconds()
        for number in 0..<jobs {
            let response = try http.put("/v1/jobs", job(number))
            guard response.status == 200 else { throw NeverHappened(description: response.text) }
        }
        let registered = seconds()
        var done = 0
        while done < jobs {
            let summary = try http.getJSON("/v1/job/place-\(done)/summary")["Summary"]?["group"]
            let placed = (summary?["Starting"]?.integer ?? 0) + (summary?["Running"]?.integer ?? 0)
            if placed == Int64(count) { done += 1 } else { usleep(2_000) }
            guard seconds() - begin < 120 else {
                throw NeverHappened(
                    description: "job place-\(done) has \(placed) of \(count) instances\n\(agent.log.suffix(4000))")
            }
        }
        let end = seconds()
        print("registered in \(rounded(registered - begin, 3)) s, all placed after \(rounded(end - begin, 3)) s")
        return end - begin
    }

    private static func job(_ number: Int) -> JSON {
        let constraint = JSON.object([
            ("LTarget", .string("${node.class}")), ("Operand", .string("=")),
            ("RTarget", .string("class-\(number % 5)")),
        ])
        let task = JSON.object([
            ("Name", .string("task")), ("Driver", .string("mock_driver")),
            ("Config", .object([("run_for", .string("1h"))])),
            ("LogConfig", .object([("MaxFiles", .integer(1)), ("MaxFileSizeMB", .integer(5))])),
            ("Resources", .object([("CPU", .integer(20)), ("MemoryMB", .integer(15))])),
        ])
        let group = JSON.object([
            ("Name", .string("group")), ("Count", .integer(Int64(count))), ("Tasks", .array([task])),
            ("EphemeralDisk", .object([("SizeMB", .integer(10))])),
        ])
        return .object([
            (
                "Job",
                .object([
                    ("ID", .string("place-\(number)")), ("Name", .string("place-\(number)")),
                    ("Type", .string("batch")),
                    ("Constraints", .array([constraint])), ("TaskGroups", .array([group])),
                ])
            )
        ])
    }
}
