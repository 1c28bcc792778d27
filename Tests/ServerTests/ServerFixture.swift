import Basics
import Logging
import Model
import RPC
import Raft
import SimulatedSeam
import Simulation
import StateStore

@testable import Server

/// A server that leads, on simulated time and disk, with nodes of 8 GHz and more and schedulers that do as told.
struct ServerFixture: Sendable {
    let server: ServerAgent
    let world: SimulatedWorld
    let schedulers: FakeSchedulers

    /// Runs `body` with one.
    static func run<Result: Sendable>(
        nodes: Int = 4, seed: UInt64 = 1, _ body: @escaping @Sendable (ServerFixture) async throws -> Result
    ) throws -> Result {
        let world = SimulatedWorld(seed: seed)
        return try world.run {
            let schedulers = FakeSchedulers()
            let server = try await ServerAgent.open(
                options, seam: world.seam(disk: SimulatedDisk(), name: "server"), placers: schedulers,
                log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let fixture = ServerFixture(server: server, world: world, schedulers: schedulers)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                defer { group.cancelAll() }
                while !server.isLeader { try await world.loop.sleep(for: .milliseconds(50)) }
                for number in 0..<nodes {
                    let node = Node.simulated(number: number, random: world.random)
                    try await server.propose(.nodeRegister(NodeRegistration(node: node, time: world.loop.now)))
                }
                return try await body(fixture)
            }
        }
    }

    private static var options: ServerOptions {
        var options = ServerOptions(folder: "/data/server")
        options.id = "server-1"
        options.bootstrap = Membership(members: [.init(id: ServerID("server-1"), address: "192.0.2.1:4647")])
        return options
    }

    /// A job of one group, each instance with 500 MHz and 256 MiB.
    static func job(_ id: String, type: JobType = .service, count: Int = 1, priority: Int = 50) -> Job {
        var job = Job()
        job.id = id
        job.name = id
        job.type = type
        job.priority = priority
        job.datacenters = ["*"]
        var group = TaskGroup()
        group.name = "group"
        group.count = count
        var task = JobTask()
        task.name = "main"
        task.driver = "mock_driver"
        var resources = Resources()
        resources.cpu = 500
        resources.memoryMB = 256
        task.resources = resources
        group.tasks = [task]
        job.taskGroups = [group]
        return job
    }

    func call<Call: ServerCall>(_ call: Call) async throws -> Call.Reply {
        try await server.call(call, context: CallContext())
    }

    func configure(_ change: (inout SchedulerConfiguration) -> Void) async throws {
        var call = SetSchedulerConfiguration()
        call.configuration = server.snapshot.schedulerConfiguration
        change(&call.configuration)
        _ = try await self.call(call)
    }

    /// Registers a job and waits until it is placed or not.
    func place(_ job: Job) async throws -> PlacementReport? {
        var call = RegisterJob()
        call.job = job
        call.placement = .immediate
        return try await self.call(call).placement
    }

    func status() async throws -> SchedulerStatus {
        try SchedulerStatus(json: try await call(Query(.schedulerStatus)).body.bytes)
    }

    func sleep(_ duration: Duration) async throws { try await world.loop.sleep(for: duration) }
}
