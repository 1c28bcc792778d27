internal import Basics
internal import RPC
internal import Raft
internal import Server
internal import SimulatedSeam
internal import StateStore

/// What befalls servers and the network, and how it ends.
extension ClusterOperator {
    /// What ends a fault.
    enum Repair {
        case turnOn(SimulatedMachine)
        case join(String)
        case mendLinks
        case deliver
        case succeed
        /// The power failed long ago, if it was to fail at all.
        case cutPower(SimulatedServer, SimulatedDisk)
        case goOn(SimulatedServer)
        case quickenDisk(SimulatedServer)
        case emptyDisk(SimulatedServer)
        case correctClock(SimulatedServer)
        /// The server of this id is to leave the group; whoever is in its place then is to be another.
        case replace(SimulatedServer, id: String)
    }

    /// How long it may take to remove a server when nothing else fails.
    static let replacementMax = Duration.seconds(60)

    /// Kills servers that are about to found their cluster, sets their clocks back, and lets them not hear each other.
    mutating func disturbFounding() async throws {
        var failing: [(server: SimulatedServer, disk: SimulatedDisk)] = []
        for _ in 0..<below(5) {
            try await world.loop.sleep(for: .milliseconds(Int64(below(800))))
            let server = servers[below(servers.count)]
            switch below(4) {
            case 0: server.die(.processDeath)
            case 1:
                server.disk.failPower(after: below(12))
                failing.append((server, server.disk))
            case 2:
                server.clock.set(offset: .seconds(Int64(-below(3_600))))
                server.die(.powerCut)
            default: performOnNetwork(.partition)
            }
        }
        try await world.loop.sleep(for: .seconds(2))
        for (server, disk) in failing where server.disk === disk { server.die(.powerCut) }
        world.network.mendLinks()
    }

    mutating func performOnNetwork(_ event: ClusterEvent) {
        switch event {
        case .loseMessages:
            var conditions = SimulatedNetwork.Conditions()
            conditions.lossChance = Double(5 + below(30)) / 100
            conditions.delayMax = .milliseconds(Int64(2 + below(300)))
            world.network.setConditions(conditions)
            later(3...20, .deliver)
        case .echoMessages:
            var conditions = SimulatedNetwork.Conditions()
            conditions.echoChance = Double(5 + below(40)) / 100
            conditions.echoDelayMax = .milliseconds([20, 500, 10_000][below(3)])
            conditions.delayMax = .milliseconds([2, 100][below(2)])
            world.network.setConditions(conditions)
            later(5...30, .deliver)
        case .partition:
            let side = servers.map { _ in below(2) }
            let isOneWay = below(2) == 0
            for (position, sender) in servers.enumerated() {
                for (other, receiver) in servers.enumerated() where side[position] != side[other] {
                    guard !isOneWay || side[position] == 0 else { continue }
                    world.network.cut(from: sender.name, to: receiver.name)
                }
            }
            later(3...30, .mendLinks)
        default:
            let server = someServer()
            world.network.isolate(server.name)
            later(3...30, .join(server.name))
        }
    }

    mutating func performOnServer(_ event: ClusterEvent) async throws {
        let server = someServer()
        switch event {
        case .killServer: server.die(.processDeath)
        case .cutPower:
            let disk = server.disk
            disk.failPower(after: below(12))
            later(2...4, .cutPower(server, disk))
            try await performOnJob(.register)
        case .hangServer:
            server.process.stop()
            later(1...20, .goOn(server))
        case .failSync: server.disk.failSyncs(1)
        case .slowDisk:
            server.disk.slowness = 5 + below(200)
            later(5...30, .quickenDisk(server))
        case .fillDisk:
            server.disk.setFreeBytes(below(20_000))
            later(5...30, .emptyDisk(server))
        case .setClock:
            server.clock.set(offset: .seconds(Int64(below(240) - 120)))
            later(10...60, .correctClock(server))
        default:
            // One that hangs would not answer before it is told to go on, which is for later.
            guard !server.process.isStopped else { return }
            do {
                try await server.agent?.saveSnapshot()
            } catch {
                world.trace.record("no snapshot: \(error)")
            }
        }
    }

    mutating func performOnGroup(_ event: ClusterEvent) async {
        let server = someServer()
        guard servers.count > 1 else { return }
        guard event != .transferLeadership else {
            var call = TransferLeadership()
            call.id = below(2) == 0 ? "" : server.id
            return await tryCall(call)
        }
        // One at a time: two losses may be more than the group can bear.
        guard Set(recorder.membership.voters.map(\.name)) == Set(servers.map(\.id)) else { return }
        let id = server.id
        if event == .leaveServer {
            server.leaveCluster()
        } else if event == .replaceServer {
            server.die(.diskLoss)
            later(5...20, .replace(server, id: id))
        } else {
            await remove(id)
            later(10...40, .replace(server, id: id))
        }
    }

    /// Returns whether the server has left the group and its place is another's.
    func replace(_ server: SimulatedServer, _ id: String) async -> Bool {
        guard !recorder.membership.contains(ServerID(id)) else {
            await remove(id)
            return false
        }
        if server.id == id { server.die(.diskLoss) }
        return true
    }

    private func remove(_ id: String) async {
        var call = RemoveRaftPeer()
        call.id = id
        await tryCall(call)
    }

    /// Whatever comes of it: these calls are refused while others of their kind are under way.
    private func tryCall(_ call: some ServerCall) async {
        do {
            try await make(call)
        } catch {
            world.trace.record("refused: \(error)")
        }
    }

    /// The leader as often as not.
    private func someServer() -> SimulatedServer {
        let chosen = servers[below(servers.count)]
        guard below(2) == 0 else { return chosen }
        return servers.first { $0.agent?.isLeader ?? false } ?? chosen
    }
}
