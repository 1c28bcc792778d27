internal import Basics
internal import Gossip
internal import Logging
internal import Model
internal import PluginHost
internal import RPC
internal import Raft
internal import Server
internal import SimulatedSeam
internal import StateStore
internal import Synchronization

/// One server of a simulated cluster, through all its lives: each opens what the last left on the disk.
///
/// Its machine has a place in the network for good. When its disk is lost another server takes its place, with an id of
/// its own.
final class SimulatedServer: Sendable {
    /// How a life ends.
    enum Death: Sendable {
        case processDeath
        case powerCut
        /// The disk is gone; what comes back is another server.
        case diskLoss
        /// The simulation is over.
        case end
    }

    private struct State {
        var disk = SimulatedDisk()
        var agent: ServerAgent?
        var pool: SimulatedPool?
        var death = Death.powerCut
        var dying: AsyncStream<Void>.Continuation?
        var leaving: AsyncStream<Void>.Continuation?
        var lives = 0
        var disksLost = 0
    }

    /// How long the machine is away.
    private static let absence = Duration.seconds(2)

    /// Of the machine.
    let name: String
    let address: NetworkAddress
    let process: SimulatedProcess
    let clock: SimulatedClock
    private let number: Int
    private let world: SimulatedWorld
    private let settings: ClusterSettings
    private let recorder: ClusterRecorder
    private let random: SimulatedRandom
    private let state = Mutex(State())

    init(number: Int, world: SimulatedWorld, settings: ClusterSettings, recorder: ClusterRecorder) {
        name = Self.machine(number)
        address = Self.address(number)
        self.number = number
        self.world = world
        self.settings = settings
        self.recorder = recorder
        random = world.random.fork("\(name).faults")
        process = SimulatedProcess(loop: world.loop)
        // Clocks are up to 5 % fast or slow.
        clock = SimulatedClock(loop: world.loop, pace: SimulatedClock.evenPace - 50 + Int64(random.next() % 101))
    }

    private static func machine(_ number: Int) -> String { "server-\(number)" }

    private static func gossipAddress(_ number: Int) -> GossipAddress {
        GossipAddress(bytes: [198, 51, 100, UInt8(number)], port: 4648)
    }

    static func address(_ number: Int) -> NetworkAddress { NetworkAddress(host: "198.51.100.\(number)", port: 4647) }

    /// Of the server that is in this place now.
    var id: String {
        let disksLost = state.withLock { $0.disksLost }
        return disksLost == 0 ? name : "\(name).\(disksLost)"
    }

    /// The server while it lives.
    var agent: ServerAgent? { state.withLock { $0.agent } }
    /// How the server that lives sees the pool.
    var poolView: PoolChecker.View? {
        state.withLock { $0.pool }.map { PoolChecker.View(name: options(id).poolName, members: $0.members) }
    }
    var lives: Int { state.withLock { $0.lives } }
    var disk: SimulatedDisk { state.withLock { $0.disk } }

    /// Ends the present life now; a stopped process goes on to its end.
    func die(_ death: Death) {
        let dying = state.withLock { state in
            state.death = death
            defer { state.dying = nil }
            return state.dying
        }
        process.goOn()
        dying?.finish()
    }

    /// Has the present life leave the cluster in good order and end, unless something else ends it before. Then the power fails: what
    /// was promised to the others is to be on the disk.
    func leaveCluster() { state.withLock { $0.leaving }?.finish() }

    /// One life after the other, until the end.
    func run() async {
        while true {
            let (stream, dying) = AsyncStream.makeStream(of: Void.self)
            let isOver = state.withLock { state -> Bool in
                state.dying = dying
                state.lives += 1
                return state.death == .end
            }
            guard !isOver else { return }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await withTaskExecutorPreference(self.process) { await self.live() } }
                group.addTask { for await _ in stream {} }
                await group.next()
                group.cancelAll()
            }
            guard await turn() else { return }
        }
    }

    /// From one life to the next: what the disk keeps, and the time until the machine is back. False at the end.
    private func turn() async -> Bool {
        let death = state.withLock { state -> Death in
            let death = state.death
            (state.agent, state.pool, state.leaving) = (nil, nil, nil)
            switch death {
            case .processDeath: state.disk = state.disk.processDeath()
            case .powerCut: state.disk = state.disk.powerCut(random: random)
            case .diskLoss:
                state.disk = SimulatedDisk()
                state.disksLost += 1
            case .end: return death
            }
            state.death = .powerCut
            return death
        }
        guard death != .end else { return false }
        world.trace.record("\(name) died: \(death)")
        try? await world.loop.sleep(for: Self.absence)
        return true
    }

    private func live() async {
        let (disk, id) = (disk, id)
        do {
            let seam = world.seam(disk: disk, name: "\(id).\(lives)", machine: name, clock: clock)
            let host = PluginManager(seam: seam, configuration: plugins, log: .silent)
            await host.start()
            let schedulers: any SchedulerRegistry = RivalSchedulers(stock: host)
            let placers = settings.replaceSchedulers?(schedulers) ?? schedulers
            let pool = pool(id, seam)
            let agent = try await ServerAgent.open(
                options(id), seam: seam, placers: placers, log: .silent, pool: pool, probe: probe(id))
            recorder.opened(id, agent.snapshot)
            world.trace.record("\(id) opened at \(agent.snapshot.index)")
            let (orders, leaving) = AsyncStream.makeStream(of: Void.self)
            state.withLock { ($0.agent, $0.pool, $0.leaving) = (agent, pool, leaving) }
            defer { state.withLock { ($0.agent, $0.pool, $0.leaving) = (nil, nil, nil) } }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await agent.run() }
                group.addTask { try await seam.network.serve(at: self.address, handler: agent) { _ in } }
                group.addTask { try await pool.run() }
                group.addTask {
                    for await _ in orders {}
                    // The end of the life ends the waiting too.
                    try Task.checkCancellation()
                    try await self.leave(agent, pool)
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch {
            world.trace.record("\(id) stopped: \(error)")
            if !disk.isOff, "\(error)".contains("damaged") { recorder.report("\(id) cannot start: \(error)") }
        }
    }

    /// As an agent does that is told to.
    private func leave(_ agent: ServerAgent, _ pool: SimulatedPool) async throws {
        world.trace.record("\(agent.id) leaves")
        do {
            try await agent.leave()
        } catch let error as CallError {
            world.trace.record("the others do not let \(agent.id) go: \(error)")
        }
        try await pool.leave()
    }

    private func pool(_ id: String, _ seam: Seam) -> SimulatedPool {
        let numbers = 1...settings.servers
        let peers = Dictionary(uniqueKeysWithValues: numbers.map { (Self.machine($0), Self.gossipAddress($0)) })
        return SimulatedPool(
            machine: name, options: options(id), peers: peers, world: world, seam: seam,
            seed: world.random.fork("\(id).\(lives).gossip").next(),
            bug: number == settings.servers ? settings.poolBug : nil)
    }

    private func probe(_ id: String) -> ServerProbe {
        var probe = ServerProbe()
        probe.seededBug = settings.seededBug
        probe.applied = { [recorder] in recorder.applied(id, $0, $1, $2) }
        probe.stepped = { [recorder] in recorder.stepped($0, $1, $2) }
        return probe
    }

    private var plugins: PluginHostConfiguration {
        var configuration = PluginHostConfiguration(
            stockFolder: settings.pluginFolder, pluginFolder: nil, dataFolder: "/data/plugins", hostProgram: "")
        configuration.callsInline = true
        // Whatever else lies in the folder is not for a simulation: it would look at the real machine.
        for name in ["raw_exec", "mock_driver", "host"] { configuration.plugins[name] = .disabled }
        return configuration
    }

    private func options(_ id: String) -> ServerOptions {
        var options = ServerOptions(folder: "/data/server")
        options.id = id
        options.name = id
        options.rpcAddress = address
        // Of several servers the first decides nothing itself: while it leads the others' workers do all.
        options.workers = number == 1 && settings.servers > 1 ? 0 : 2
        options.heartbeatFailover = .seconds(30)
        options.logSegmentBytes = 128 << 10
        options.snapshotAfterBytes = 96 << 10
        options.appendBytesMax = settings.appendBytesMax
        options.expect = settings.servers
        if settings.servers == 1 {
            options.bootstrap = Membership(members: [.init(id: ServerID(id), address: "\(address)")])
        }
        return options
    }
}

extension PluginHostConfiguration.Plugin {
    fileprivate static var disabled: Self {
        var plugin = Self()
        plugin.isEnabled = false
        return plugin
    }
}

extension Logger {
    /// Logs nothing: the trace says what happens.
    static var silent: Logger { Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() } }
}
