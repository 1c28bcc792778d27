import Basics
import Glibc
import Simulation
import TestSupport

/// A million allocations: 1,000 jobs of 1,000 instances, one class constraint each, on 5,000 simulated nodes and one server.
/// All are committed to the fsynced log, read back over the HTTP API, and then reported running by the nodes' clients with
/// three events each.
enum MillionBenchmark: Benchmark {
    static let name = "c1m"

    private static let nodes = 5_000
    private static let jobs = 1_000
    private static let count = 1_000
    /// Clients that talk to the server at once; the bench shares the machine with it.
    private static let clientsAtOnce = 16

    static func run() async throws -> BenchmarkReport {
        try await Field.run(nodes: nodes) { field in
            let jobs = (0..<jobs).map { BenchmarkJob(id: "c1m-\($0)", count: count, nodeClass: "class-\($0 % 5)") }
            let place = try await place(jobs, field)
            let read = try timed { try readBack(jobs, field) }
            print("all \(jobs.count * count) read back over HTTP in \(rounded(read, 2)) s")
            let learn = try await timed { try await forEachClient(field) { try await $0.learn() } }
            print("all clients know their allocations after \(rounded(learn, 2)) s")
            let report = try await timed {
                try await forEachClient(field) { try await $0.reportRunning() }
            }
            try waitUntilRunning(jobs, field)
            print("all reported running after \(rounded(report, 2)) s")
            return BenchmarkReport(
                setup: [
                    ("nodes", .integer(Int64(nodes))), ("jobs", .integer(Int64(jobs.count))),
                    ("count", .integer(Int64(count))), ("servers", .integer(1)), ("submitters", .integer(2)),
                ],
                figures: place + [
                    ("read_seconds", rounded(read, 2)), ("learn_seconds", rounded(learn, 2)),
                    ("running_seconds", rounded(report, 2)), ("server_peak_rss_mib", rounded(field.serverPeakMiB)),
                ])
        }
    }

    private static func place(_ jobs: [BenchmarkJob], _ field: Field) async throws -> [(String, Double)] {
        let begin = seconds()
        let port = field.agent.httpPort
        async let registered: Void = Field.register(jobs, port: port)
        var times: [Double] = []
        try field.waitUntilPlaced(jobs) { _ in times.append(seconds() - begin) }
        try await registered
        let end = times.last ?? .nan
        // Jobs finish in the order of their priority and age, so a tenth of the jobs is a tenth of the placements.
        let tenth = jobs.count / 10
        let first = times[tenth - 1]
        let last = end - times[jobs.count - tenth - 1]
        print(
            "\(jobs.count * count) placed after \(rounded(end, 2)) s; first tenth \(rounded(first, 2)) s, last \(rounded(last, 2)) s"
        )
        return [("seconds", rounded(end, 2)), ("last_to_first_rate", rounded(first / last, 2))]
    }

    /// Reads every allocation's list entry, job by job, and counts different ids.
    private static func readBack(_ jobs: [BenchmarkJob], _ field: Field) throws {
        let http = field.agent.http
        var ids: Set<String> = []
        ids.reserveCapacity(jobs.count * count)
        for job in jobs {
            let response = try http.get("/v1/job/\(job.id)/allocations")
            ids.formUnion(identifiers(response.body))
        }
        guard ids.count == jobs.count * count else {
            throw NeverHappened(description: "\(ids.count) of \(jobs.count * count) allocations can be read")
        }
    }

    /// The values of `"ID":"…"` in a list's JSON; parsing all of it would measure our parser.
    private static func identifiers(_ body: [UInt8]) -> [String] {
        let key = Array(#"{"ID":""#.utf8)
        var found: [String] = []
        var position = 0
        while position + key.count + 36 <= body.count {
            if body[position] == key[0], body[position..<position + key.count].elementsEqual(key) {
                let start = position + key.count
                found.append(String(decoding: body[start..<start + 36], as: UTF8.self))
                position = start + 36
            } else {
                position += 1
            }
        }
        return found
    }

    private static func forEachClient(
        _ field: Field, _ body: @escaping @Sendable (SimulatedClient) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, client) in field.clients.enumerated() {
                if number >= clientsAtOnce { try await group.next() }
                group.addTask { try await body(client) }
            }
            try await group.waitForAll()
        }
    }

    private static func waitUntilRunning(_ jobs: [BenchmarkJob], _ field: Field) throws {
        let http = field.agent.http
        for job in jobs {
            let summary = try http.getJSON("/v1/job/\(job.id)/summary")["Summary"]?["group"]
            guard summary?["Running"]?.integer == Int64(count) else {
                throw NeverHappened(description: "\(job.id): \(summary?.text ?? "no summary")")
            }
        }
    }
}

/// Seconds that `body` takes.
func timed(_ body: () throws -> Void) rethrows -> Double {
    let begin = seconds()
    try body()
    return seconds() - begin
}

func timed(_ body: () async throws -> Void) async rethrows -> Double {
    let begin = seconds()
    try await body()
    return seconds() - begin
}
