import Basics
import Client
import Linux
import Logging
import Model
import PluginHost
import RPC
import Testing

/// A client on a folder of its own, with servers and drivers of the test.
struct ClientFixture: Sendable {
    let folder: String
    let servers = FakeServers()
    let driver = FakeDriver(schema: .object([("command", .object([("type", .string("string"))]))]))
    var drivers: [any Driver]
    var devices: FakeDevices?
    var network: any NetworkTools = NoNetworkTools()
    let seam: Seam

    init() {
        folder = "/tmp/drover-test-\(SystemRandom().id().short)"
        seam = Seam.system(network: NoNetwork())
        drivers = [driver]
    }

    func close() { try? Folder.remove(folder) }

    func client(
        store: (any ClientStore)? = nil, change: (inout ClientConfiguration) -> Void = { _ in }
    ) async throws
        -> ClientAgent
    {
        let log = Logger.quiet
        var configuration = ClientConfiguration(stateFolder: folder + "/client", allocationFolder: folder + "/alloc")
        configuration.meta = ["rack": "r1"]
        configuration.inheritedEnvironment = ["PATH": "/bin", "HOME": "/root"]
        change(&configuration)
        try seam.disk.makeDirectory(folder + "/client")
        let sqlite =
            store == nil ? try await SQLiteClientStore.open(folder + "/client/state.db", seam: seam, log: log) : nil
        let plugins = FakePlugins(drivers: drivers, devices: devices)
        let world = ClientWorld(
            configuration: configuration, seam: seam, servers: servers, drivers: plugins, fingerprinters: plugins,
            devices: plugins,
            store: store ?? sqlite ?? MemoryClientStore(), modes: LinuxFileModes(), network: network, log: log)
        return try await ClientAgent(world)
    }

    /// Runs a client while `body` goes on, then lets go of it.
    @discardableResult
    func run<Result: Sendable>(
        _ client: ClientAgent, _ body: @escaping @Sendable (ClientAgent) async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                do { try await client.run() } catch is CancellationError {}
                return nil
            }
            let result = try await body(client)
            group.cancelAll()
            return result
        }
    }

    /// Waits until the latest report of an allocation meets the condition; fails after the bound that only a hang reaches.
    @discardableResult
    func reported(
        _ id: ID, _ what: String = "", _ condition: (AllocationUpdate) -> Bool
    ) async throws -> AllocationUpdate {
        for _ in 0..<2_000 {
            if let update = servers.latest(id), condition(update) { return update }
            try await Task.sleep(for: .milliseconds(5))
        }
        let last = servers.latest(id).map { String(decoding: $0.jsonBytes, as: UTF8.self) } ?? "no report"
        throw CallError(.deadline, "never reported \(what); last: \(last)")
    }

    func eventually(_ condition: () -> Bool) async throws -> Bool {
        for _ in 0..<2_000 {
            if condition() { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }
}

extension Logger {
    /// Says only what no test expects.
    static var quiet: Logger {
        var log = Logger(label: "client")
        log.logLevel = .critical
        return log
    }
}

struct NoNetwork: Network {
    func peer(at address: NetworkAddress) -> any Peer { NoPeer() }

    func serve(
        at address: NetworkAddress, handler: any CallHandler, ready: @escaping @Sendable (NetworkAddress) -> Void
    ) async throws {}
}

struct NoPeer: Peer {
    func call(_ method: UInt16, _ body: [UInt8], deadline: Duration) async throws -> [UInt8] {
        throw CallError(.unavailable, "no network in this test")
    }

    func stream(_ method: UInt16, _ body: [UInt8]) async throws -> any ItemStream {
        throw CallError(.unavailable, "no network in this test")
    }
}

/// An allocation of a job with one group of tasks.
func makeAllocation(
    _ type: JobType = .service, _ tasks: [JobTask], _ change: (inout TaskGroup) -> Void = { _ in }
)
    -> Allocation
{
    var group = TaskGroup()
    group.name = "web"
    group.tasks = tasks
    var policy = RestartPolicy()
    policy.attempts = 1
    policy.delay = .milliseconds(1)
    policy.interval = .seconds(600)
    policy.mode = "fail"
    group.restartPolicy = policy
    change(&group)
    var job = Job()
    job.id = "example"
    job.name = "example"
    job.namespace = "default"
    job.type = type
    job.taskGroups = [group]
    job.meta = ["owner": "ops"]
    var allocation = Allocation()
    allocation.id = SystemRandom().id()
    allocation.namespace = "default"
    allocation.name = "example.web[3]"
    allocation.jobID = job.id
    allocation.job = job
    allocation.taskGroup = "web"
    for task in tasks {
        var resources = AllocatedTaskResources()
        resources.cpu.cpuShares = 250
        resources.memory.memoryMB = 64
        allocation.allocatedResources.tasks[task.name] = resources
    }
    var port = PortMapping()
    port.label = "http-api"
    port.value = 23_456
    port.hostIP = "127.0.0.1"
    allocation.allocatedResources.shared.ports = [port]
    return allocation
}

func makeTask(_ name: String, hook: String = "", sidecar: Bool = false, leader: Bool = false) -> JobTask {
    var task = JobTask()
    task.name = name
    task.driver = "fake"
    task.leader = leader
    task.killSignal = "SIGTERM"
    if !hook.isEmpty {
        var lifecycle = TaskLifecycle()
        lifecycle.hook = hook
        lifecycle.sidecar = sidecar
        task.lifecycle = lifecycle
    }
    return task
}

extension AllocationUpdate {
    func events(_ task: String) -> [String] { taskStates[task]?.events.map(\.type) ?? [] }
}
