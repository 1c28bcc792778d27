internal import Basics
internal import Model
internal import RPC
internal import SimulatedSeam
internal import Synchronization

/// One node of a simulated cluster, switched on and off; each time it comes back it knows nothing of its tasks.
final class SimulatedMachine: Sendable {
    let node: Node
    let client: SimulatedClient
    private let servers: ServerList
    private let time: any TimeSource
    private let state = Mutex(false)
    private let switches: AsyncStream<Bool>
    private let switcher: AsyncStream<Bool>.Continuation

    init(number: Int, servers: [NetworkAddress], world: SimulatedWorld, recorder: ClusterRecorder) {
        let random = world.random.fork("node.\(number)")
        let node = Node.simulated(number: number, random: random)
        let seam = world.seam(disk: SimulatedDisk(), name: node.name)
        self.servers = ServerList(
            servers, network: seam.network, start: number, random: world.random.fork("\(node.name).servers"))
        time = seam.time
        var script = SimulatedClient.Script()
        script.watchWait = .seconds(30)
        script.patience = .seconds(3)
        self.node = node
        client = SimulatedClient(
            node: node, seam: seam, servers: RecordingCaller(caller: self.servers, recorder: recorder), script: script)
        (switches, switcher) = AsyncStream.makeStream()
    }

    var isOn: Bool { state.withLock { $0 } }

    func turn(on isOn: Bool) {
        state.withLock { $0 = isOn }
        switcher.yield(isOn)
    }

    func end() { switcher.finish() }

    /// Several moves in a simulation, where a real client makes one in minutes.
    private static let rhythm: Rebalancing = {
        var rhythm = Rebalancing()
        (rhythm.stayMin, rhythm.spreadMin) = (.seconds(20), .seconds(20))
        return rhythm
    }()

    /// Runs the client while it is switched on, until the end.
    func run() async {
        var orders = switches.makeAsyncIterator()
        while let isOn = await orders.next() {
            guard isOn else { continue }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.client.run() }
                group.addTask { try? await self.servers.rebalance(Self.rhythm, time: self.time) }
                while let isOn = await orders.next(), isOn {}
                group.cancelAll()
            }
        }
    }
}
