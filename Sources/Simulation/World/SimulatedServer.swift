internal import Basics
internal import Logging
internal import Model
internal import PluginHost
internal import RPC
internal import Raft
internal import Server
internal import SimulatedSeam
internal import StateStore
internal import Synchronization

/// The one server of a simulated cluster, through all its lives: each opens what the last left on the disk.
final class SimulatedServer: Sendable {
    static let address = NetworkAddress(host: "192.0.2.250", port: 4647)

    /// How a life ends.
    enum Death: Sendable {
        case processDeath
        case powerCut
        /// The simulation is over.
        case end
    }

    private struct State {
        var disk = SimulatedDisk()
        var server: ServerAgent?
        var death = Death.powerCut
        var dying: AsyncStream<Void>.Continuation?
        var lives = 0
    }

    /// How long the machine is away.
    private static let absence = Duration.seconds(2)

    private let world: SimulatedWorld
    private let settings: ClusterSettings
    private let recorder: ClusterRecorder
    private let random: SimulatedRandom
    private let state = Mutex(State())

    init(world: SimulatedWorld, settings: ClusterSettings, recorder: ClusterRecorder) {
        self.world = world
        self.settings = settings
        self.recorder = recorder
        random = world.random.fork("server.faults")
    }

    /// The server while it lives.
    var agent: ServerAgent? { state.withLock { $0.server } }
    var lives: Int { state.withLock { $0.lives } }
    var disk: SimulatedDisk { state.withLock { $0.disk } }

    /// Whether it leads and holds all that was ever acknowledged.
    var isWhole: Bool {
        guard let agent, agent.isLeader else { return false }
        return agent.snapshot.index >= recorder.acknowledgedIndex
    }

    /// Ends the present life now.
    func die(_ death: Death) {
        let dying = state.withLock { state in
            state.death = death
            defer { state.dying = nil }
            return state.dying
        }
        dying?.finish()
    }

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
                group.addTask { await self.live() }
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
            state.server = nil
            switch death {
            case .processDeath: state.disk = state.disk.processDeath()
            case .powerCut: state.disk = state.disk.powerCut(random: random)
            case .end: return death
            }
            state.death = .powerCut
            return death
        }
        guard death != .end else { return false }
        world.trace.record("server died: \(death)")
        try? await world.loop.sleep(for: Self.absence)
        return true
    }

    private func live() async {
        let disk = disk
        do {
            let seam = world.seam(disk: disk, name: "server.\(lives)")
            let host = PluginManager(seam: seam, configuration: plugins, log: .silent)
            await host.start()
            let schedulers: any SchedulerRegistry = RivalSchedulers(stock: host)
            let placers = settings.replaceSchedulers?(schedulers) ?? schedulers
            let recorder = recorder
            let agent = try await ServerAgent.open(options, seam: seam, placers: placers, log: .silent) {
                recorder.applied($0, $1, $2)
            }
            recorder.opened(agent.snapshot)
            world.trace.record("server opened at \(agent.snapshot.index)")
            state.withLock { $0.server = agent }
            defer { state.withLock { $0.server = nil } }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await agent.run() }
                group.addTask { try await seam.network.serve(at: Self.address, handler: agent) { _ in } }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch {
            world.trace.record("server stopped: \(error)")
            if !disk.isOff, "\(error)".contains("damaged") { recorder.report("the server cannot start: \(error)") }
        }
    }

    private var plugins: PluginHostConfiguration {
        var configuration = PluginHostConfiguration(
            stockFolder: settings.pluginFolder, pluginFolder: nil, dataFolder: "/data/plugins", hostProgram: "")
        configuration.callsInline = true
        // Whatever else lies in the folder is not for a simulation: it would look at the real machine.
        for name in ["raw_exec", "mock_driver", "host"] { configuration.plugins[name] = .disabled }
        return configuration
    }

    private var options: ServerOptions {
        var options = ServerOptions(folder: "/data/server")
        options.id = "server-1"
        options.rpcAddress = Self.address
        options.bootstrap = Membership(members: [.init(id: ServerID("server-1"), address: "\(Self.address)")])
        options.heartbeatFailover = .seconds(30)
        options.logSegmentBytes = 128 << 10
        options.snapshotAfterBytes = 96 << 10
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
