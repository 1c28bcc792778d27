import Basics
import Glibc
import Linux
import Model
import RPC
import Simulation
import TestSupport

/// Server processes and simulated nodes that register with them and heartbeat over the real RPC, each on a connection of its own.
struct Field {
    /// The server that leads.
    let agent: AgentProcess
    let clients: [SimulatedClient]

    /// A node that registers and heartbeats, and leaves its allocations pending.
    static let idleScript: SimulatedClient.Script = {
        var script = SimulatedClient.Script()
        script.runsTasks = false
        return script
    }()

    /// Starts the servers, has `count` nodes register with them in turn, and runs `body` while they heartbeat.
    static func run<Result: Sendable>(
        nodes count: Int, servers: Int = 1, script: SimulatedClient.Script = idleScript,
        body: (Field) async throws -> Result
    ) async throws -> Result {
        let unlimited = "limits {\n  http_max_conns_per_client = 0\n  rpc_max_conns_per_client = 0\n}\n"
        let group = try ServerGroup(servers, ["-log-level", "WARN"], configuration: unlimited)
        let agent = try group.leader()
        let clients = try (0..<count).map { try client($0, of: group.servers[$0 % servers], script) }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for client in clients { group.addTask { await client.run() } }
            try eventually("\(count) nodes are ready", seconds: 120, details: { agent.log }) {
                sleep(1)
                return (try agent.http.getJSON("/v1/nodes").array ?? []).count == count
            }
            print("\(count) nodes are ready")
            sleep(2)
            defer { group.cancelAll() }
            return try await body(Field(agent: agent, clients: clients))
        }
    }

    private static func client(
        _ number: Int, of agent: AgentProcess, _ script: SimulatedClient.Script
    ) throws -> SimulatedClient {
        let seam = Seam.system(network: TCPNetwork())
        let address = NetworkAddress(host: "127.0.0.1", port: agent.rpcPort)
        return SimulatedClient(
            node: .simulated(number: number, random: seam.random), seam: seam,
            servers: RemoteCaller(peer: seam.network.peer(at: address)), script: script)
    }

    /// The server's peak of resident memory in MiB so far.
    var serverPeakMiB: Double { Double(Processes.peakKiB(agent.pid)) / 1024 }

    // MARK: - Jobs

    /// Registers a job; the answer's body.
    @discardableResult
    static func register(_ job: BenchmarkJob, _ http: HTTPConnection) throws -> JSON {
        let response = try http.put("/v1/jobs", job.json)
        guard response.status == 200 else { throw NeverHappened(description: response.text) }
        return try response.json()
    }

    /// Registers all of the jobs over several connections at once.
    func register(_ jobs: [BenchmarkJob]) async throws { try await Field.register(jobs, port: agent.httpPort) }

    static func register(_ jobs: [BenchmarkJob], port: Int, connections: Int = 2) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<connections {
                let share = jobs.indices.filter { $0 % connections == number }.map { jobs[$0] }
                group.addTask {
                    try await blocking {
                        let http = HTTPConnection(port: port)
                        for job in share { try Field.register(job, http) }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Instances of the job that are placed and not ended, as its summary counts them; 0 before it is registered.
    static func placed(_ job: BenchmarkJob, _ http: HTTPConnection) throws -> Int {
        let response = try http.get("/v1/job/\(job.id)/summary")
        guard response.status != 404 else { return 0 }
        let summary = try response.json()["Summary"]?["group"]
        return Int((summary?["Starting"]?.integer ?? 0) + (summary?["Running"]?.integer ?? 0))
    }

    /// Waits until each job has all its instances.
    func waitUntilPlaced(_ jobs: [BenchmarkJob], seconds limit: Double = 120) async throws {
        let port = agent.httpPort
        try await blocking { try Field.waitUntilPlaced(jobs, HTTPConnection(port: port), seconds: limit) }
    }

    private static func waitUntilPlaced(_ jobs: [BenchmarkJob], _ http: HTTPConnection, seconds limit: Double) throws {
        let begin = seconds()
        var done = 0
        while done < jobs.count {
            let placed = try Field.placed(jobs[done], http)
            if placed >= jobs[done].count {
                done += 1
                continue
            }
            usleep(2_000)
            guard seconds() - begin < limit else {
                throw NeverHappened(description: "job \(jobs[done].id) has \(placed) of \(jobs[done].count)")
            }
        }
    }
}

/// A job as the benchmarks submit it: one group `group` of one small task.
struct BenchmarkJob: Sendable {
    var id: String
    var type = "batch"
    var count = 1
    var priority = 50
    var cpuMHz = 20
    var memoryMiB = 15
    /// `class-N`: only nodes of that class will do.
    var nodeClass: String?
    /// Only this node will do.
    var nodeID: ID?
    /// It runs nothing but what is dispatched of it.
    var isParameterized = false
    var driver = "mock_driver"
    /// The task's configuration; that of the driver.
    var config = JSON.object([("run_for", .string("1h"))])

    /// Tasks that run a program of this machine under a driver that runs programs.
    static func command(_ id: String, driver: String, _ words: [String]) -> BenchmarkJob {
        var job = BenchmarkJob(id: id, cpuMHz: 2, memoryMiB: 10, driver: driver)
        job.config = .object([
            ("command", .string(words[0])), ("args", .array(words.dropFirst().map { .string($0) })),
        ])
        return job
    }

    var json: JSON { .object([("Job", body)]) }
    /// A registration that is answered with the placement.
    var immediate: JSON { .object([("Job", body), ("Placement", .string("immediate"))]) }

    private var body: JSON {
        var members: [(String, JSON)] = [
            ("ID", .string(id)), ("Name", .string(id)), ("Type", .string(type)),
            ("Priority", .integer(Int64(priority))),
            ("Datacenters", .array([.string("*")])), ("TaskGroups", .array([group])),
        ]
        let constraints = [("${node.class}", nodeClass), ("${node.unique.id}", nodeID?.description)]
            .compactMap { target, value in
                value.map {
                    JSON.object([
                        ("LTarget", .string(target)), ("Operand", .string("=")), ("RTarget", .string($0)),
                    ])
                }
            }
        if isParameterized { members.append(("ParameterizedJob", .object([]))) }
        if !constraints.isEmpty { members.append(("Constraints", .array(constraints))) }
        return .object(members)
    }

    private var group: JSON {
        let task = JSON.object([
            ("Name", .string("task")), ("Driver", .string(driver)), ("Config", config),
            ("KillTimeout", .integer(100_000_000)),
            ("LogConfig", .object([("MaxFiles", .integer(1)), ("MaxFileSizeMB", .integer(5))])),
            (
                "Resources",
                .object([("CPU", .integer(Int64(cpuMHz))), ("MemoryMB", .integer(Int64(memoryMiB)))])
            ),
        ])
        return .object([
            ("Name", .string("group")), ("Count", .integer(Int64(count))), ("Tasks", .array([task])),
            ("EphemeralDisk", .object([("SizeMB", .integer(10))])), ("RestartPolicy", BenchmarkJob.noRestart),
        ])
    }

    /// A task that fails has failed: another start would hide it.
    private static let noRestart = JSON.object([
        ("Attempts", .integer(0)), ("Mode", .string("fail")), ("Interval", .integer(60_000_000_000)),
        ("Delay", .integer(1_000_000_000)),
    ])
}
