import Basics
import Glibc
import Model
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

    static func run() async throws -> BenchmarkReport { try await run(servers: 1) }

    static func run(servers: Int) async throws -> BenchmarkReport {
        try await Field.run(nodes: nodes, servers: servers) { field in
            let jobs = (0..<jobs).map { BenchmarkJob(id: "c1m-\($0)", count: count, nodeClass: "class-\($0 % 5)") }
            let place = try await place(jobs, field)
            let port = field.agent.httpPort
            var found = ReadBack()
            let read = try await timed { found = try await blocking { try readBack(jobs, HTTPConnection(port: port)) } }
            print("all \(jobs.count * count) read back over HTTP in \(rounded(read, 2)) s")
            let byNode = found.allocationsByNode
            let report = try await timed {
                try await forEachClient(field) { try await $0.reportRunning(byNode[$0.node.id] ?? [], task: "task") }
            }
            try await blocking { try waitUntilRunning(jobs, HTTPConnection(port: port)) }
            print("all reported running after \(rounded(report, 2)) s")
            return BenchmarkReport(
                setup: [
                    ("nodes", .integer(Int64(nodes))), ("jobs", .integer(Int64(jobs.count))),
                    ("count", .integer(Int64(count))), ("servers", .integer(Int64(servers))),
                    ("submitters", .integer(2)),
                ],
                figures: [
                    ("seconds", rounded(place, 2)), ("last_to_first_rate", rounded(found.lastToFirstRate, 2)),
                    ("read_seconds", rounded(read, 2)), ("running_seconds", rounded(report, 2)),
                    ("server_peak_rss_mib", rounded(field.serverPeakMiB)),
                ])
        }
    }

    /// Seconds from the first registration to the last placement.
    private static func place(_ jobs: [BenchmarkJob], _ field: Field) async throws -> Double {
        let begin = seconds()
        let port = field.agent.httpPort
        async let registered: Void = Field.register(jobs, port: port)
        try await field.waitUntilPlaced(jobs)
        try await registered
        let elapsed = seconds() - begin
        print("\(jobs.count * count) placed after \(rounded(elapsed, 2)) s")
        return elapsed
    }

    /// Reads every allocation's list entry, job by job; all must be there, each once.
    private static func readBack(_ jobs: [BenchmarkJob], _ http: HTTPConnection) throws -> ReadBack {
        var found = ReadBack()
        for (number, job) in jobs.enumerated() {
            let body = try http.get("/v1/job/\(job.id)/allocations").body
            try found.add(body)
            guard found.ids.count == (number + 1) * count else {
                throw NeverHappened(description: "\(job.id): \(try kinds(of: body))")
            }
        }
        return found
    }

    /// How many allocations of a list there are of each kind.
    private static func kinds(of body: [UInt8]) throws -> String {
        let kinds = try (JSONParser.parse(body).array ?? []).map { stub in
            ["DesiredStatus", "ClientStatus", "DesiredDescription", "EvalID", "CreateIndex"]
                .map { stub[$0]?.string ?? stub[$0]?.integer.map(String.init) ?? "-" }.joined(separator: " ")
        }
        let counts = Dictionary(kinds.map { ($0, 1) }, uniquingKeysWith: +)
        return counts.sorted { $0.key < $1.key }.map { "\($0.value) x \($0.key)" }.joined(separator: "\n")
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

    private static func waitUntilRunning(_ jobs: [BenchmarkJob], _ http: HTTPConnection) throws {
        for job in jobs {
            let summary = try http.getJSON("/v1/job/\(job.id)/summary")["Summary"]?["group"]
            guard summary?["Running"]?.integer == Int64(count) else {
                throw NeverHappened(description: "\(job.id): \(summary?.text ?? "no summary")")
            }
        }
    }
}

/// The same on three servers, to which the nodes are connected in turn; jobs are registered and read at the leader.
enum MillionOnThreeBenchmark: Benchmark {
    static let name = "c1m3"

    static func run() async throws -> BenchmarkReport { try await MillionBenchmark.run(servers: 3) }
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

/// What the API's lists say of all allocations.
private struct ReadBack {
    private(set) var ids: Set<ID> = []
    private(set) var allocationsByNode: [ID: [ID]] = [:]
    private var createTimes: [Int64] = []

    /// Takes in a list of allocations.
    mutating func add(_ body: [UInt8]) throws {
        for stub in try JSONParser.parse(body).array ?? [] {
            guard let id = stub["ID"]?.string.flatMap({ ID($0) }),
                let node = stub["NodeID"]?.string.flatMap({ ID($0) }),
                let time = stub["CreateTime"]?.integer
            else { throw NeverHappened(description: "an allocation without ID, NodeID or CreateTime") }
            ids.insert(id)
            allocationsByNode[node, default: []].append(id)
            createTimes.append(time)
        }
    }

    /// How fast the last tenth of the placements was made, relative to the first tenth.
    var lastToFirstRate: Double {
        let times = createTimes.sorted()
        let tenth = times.count / 10
        guard tenth > 1, let last = times.last else { return .nan }
        return Double(times[tenth - 1] - times[0]) / Double(last - times[times.count - tenth])
    }
}
