import Basics
import Glibc
import Synchronization
import TestSupport

/// How long writes are not accepted after `kill -9` of the leader of three servers with default timing, seen from outside: a
/// client writes to the two that are left, in turn and each for a moment, until one acknowledges.
enum FailoverBenchmark: Benchmark {
    static let name = "failover"

    private static let kills = 20

    static func run() async throws -> BenchmarkReport {
        let group = try ServerGroup(3)
        var samples: [Double] = []
        for number in 1...kills {
            let leader = try group.leader()
            let rest = group.servers.filter { $0 !== leader }
            try write(0, to: leader)
            let begin = seconds()
            leader.kill()
            try waitForWrite(number, to: rest)
            samples.append((seconds() - begin) * 1_000)
            print("kill \(number): \(rounded(samples[number - 1], 0)) ms")
            try group.start(leader)
            try group.waitUntilFormed()
            sleep(1)
        }
        return BenchmarkReport(
            setup: [("servers", .integer(3)), ("kills", .integer(Int64(kills)))],
            figures: [
                ("median_ms", rounded(percentile(samples, 0.5), 0)), ("worst_ms", rounded(samples.max() ?? .nan, 0)),
            ])
    }

    private static func write(_ number: Int, to server: AgentProcess) throws {
        let answer = try server.http.put("/v1/namespace", .object([("Name", .string("failover-\(number)"))]))
        guard answer.status == 200 else { throw NeverHappened(description: "\(answer.status) \(answer.text)") }
    }

    /// Each server is asked by a thread of its own, as one that waits for a leader answers late.
    private static func waitForWrite(_ number: Int, to servers: [AgentProcess]) throws {
        let ports = servers.map(\.httpPort)
        let limit = seconds() + 30
        let accepted = Accepted()
        for port in ports {
            Threads.detach {
                let body = JSON.object([("Name", .string("failover-\(number)"))])
                while !accepted.isSet, seconds() < limit {
                    if let answer = try? HTTPConnection(port: port).put("/v1/namespace", body), answer.status == 200 {
                        accepted.set()
                    } else {
                        usleep(2_000)
                    }
                }
            }
        }
        while !accepted.isSet {
            guard seconds() < limit else { throw NeverHappened(description: "no write was accepted within 30 s") }
            usleep(500)
        }
    }
}

/// Set once, by whoever is first.
private final class Accepted: Sendable {
    private let flag = Atomic(false)

    var isSet: Bool { flag.load(ordering: .acquiring) }

    func set() { flag.store(true, ordering: .releasing) }
}
