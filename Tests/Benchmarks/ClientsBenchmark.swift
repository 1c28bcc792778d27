import Basics
import Glibc
import Model
import RPC
import Simulation
import Synchronization
import TestSupport

/// One server and 10,000 simulated clients, each on a connection of its own, that heartbeat and watch for their allocations: what
/// they cost while nothing changes, and how long a change for one of them takes to reach it.
enum ClientsBenchmark: Benchmark {
    static let name = "clients"

    private static let nodes = 10_000
    private static let idleSeconds = 30.0
    private static let changes = 300

    static func run() async throws -> BenchmarkReport {
        let hearing = Hearing()
        var script = SimulatedClient.Script()
        script.heard = { hearing.note($0.jobID) }
        return try await Field.run(nodes: nodes, script: script) { field in
            let agent = field.agent
            sleep(10)
            let (busy, begin) = (Processes.cpuSeconds(agent.pid), seconds())
            sleep(UInt32(idleSeconds))
            let idle = (Processes.cpuSeconds(agent.pid) - busy) / (seconds() - begin)
            print("\(rounded(idle, 3)) cores while nothing changes")
            let port = agent.httpPort
            var samples: [Double] = []
            for number in 0..<changes {
                var job = BenchmarkJob(id: "change-\(number)", type: "service")
                job.nodeID = field.clients[number * (nodes / changes)].node.id
                let change = job
                let delay = try await blocking {
                    let sent = seconds()
                    try Field.register(change, HTTPConnection(port: port))
                    return try hearing.time(of: change.id) - sent
                }
                samples.append(delay * 1_000)
            }
            return BenchmarkReport(
                setup: [("nodes", .integer(Int64(nodes))), ("changes", .integer(Int64(changes)))],
                figures: [
                    ("server_rss_mib", rounded(Double(Processes.residentKiB(agent.pid)) / 1024)),
                    ("idle_cores", rounded(idle, 3)), ("change_p50_ms", rounded(percentile(samples, 0.5))),
                    ("change_p99_ms", rounded(percentile(samples, 0.99))),
                ])
        }
    }
}

/// When clients heard of jobs.
private final class Hearing: Sendable {
    private let times = Mutex<[String: Double]>([:])

    func note(_ job: String) {
        let now = seconds()
        times.withLock { times in if times[job] == nil { times[job] = now } }
    }

    /// Waits until a client has heard of the job's allocation.
    func time(of job: String) throws -> Double {
        let limit = seconds() + 30
        while seconds() < limit {
            if let time = times.withLock({ $0[job] }) { return time }
            usleep(200)
        }
        throw NeverHappened(description: "no client heard of \(job) within 30 s")
    }
}
