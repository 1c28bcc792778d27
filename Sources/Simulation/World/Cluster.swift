internal import Basics
internal import Gossip
internal import Model
internal import RPC
internal import Raft
package import Server
internal import SimulatedSeam
internal import StateStore

/// A whole cluster in one process, on one thread, from one seed: real servers with real scheduler plug-ins on simulated
/// disks and clocks, simulated clients, and a simulated network between them all. Things are done to it; what must hold
/// is checked after every step, and once faults have stopped it must come to rest with one leader, everybody served or
/// told why not, and the same state everywhere.
///
/// The same settings give the same trace, in every process and on every day.
package final class Cluster: Sendable {
    /// Simulated time within which servers that reach each other have a leader that knows all that was acknowledged.
    private static let electionMax = Duration.seconds(60)

    /// How long nobody must be held for failed once the cluster has settled: some rounds of probes.
    private static let watch = Duration.seconds(20)

    private let settings: ClusterSettings
    private let world: SimulatedWorld
    private let recorder: ClusterRecorder
    private let servers: [SimulatedServer]
    private let machines: [SimulatedMachine]

    package init(_ settings: ClusterSettings) {
        self.settings = settings
        let world = SimulatedWorld(seed: settings.seed)
        let recorder = ClusterRecorder(trace: world.trace)
        self.world = world
        self.recorder = recorder
        servers = (1...settings.servers).map {
            SimulatedServer(number: $0, world: world, settings: settings, recorder: recorder)
        }
        let addresses = servers.map(\.address)
        machines = (0..<settings.nodes + settings.laterNodes).map {
            SimulatedMachine(number: $0, servers: addresses, world: world, recorder: recorder)
        }
    }

    /// Plays the seed's script to its end, or to the first broken promise.
    ///
    /// - Parameter tamper: called with the leader once the cluster has settled; for tests of the checkers.
    /// - Returns: what happened, and what was broken.
    package func run(tamper: (@Sendable (ServerAgent) async throws -> Void)? = nil) -> ClusterReport {
        var report = ClusterReport()
        do {
            let (settling, blocked) = try world.run(limit: settings.chaos + settings.settlingMax + .seconds(3_600)) {
                try await self.play(tamper)
            }
            report.settling = settling
            report.blocked = blocked
        } catch {
            recorder.report("\(error)")
        }
        report.seed = settings.seed
        report.servers = settings.servers
        report.hash = world.trace.hash
        report.violations = recorder.violations
        report.lines = world.trace.lines
        report.placed = recorder.placed
        report.restarts = servers.reduce(0) { $0 + max(0, $1.lives - 1) }
        report.terms = recorder.termsLed
        report.index = recorder.snapshot.index
        return report
    }

    private func play(
        _ tamper: (@Sendable (ServerAgent) async throws -> Void)?
    ) async throws -> (settling: Duration, blocked: Int) {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { await server.run() } }
            for machine in machines { group.addTask { await machine.run() } }
            for machine in machines[..<settings.nodes] { machine.turn(on: true) }
            defer {
                for machine in machines { machine.end() }
                for server in servers { server.die(.end) }
            }
            var hand = ClusterOperator(
                world: world, settings: settings, recorder: recorder, servers: servers, machines: machines)
            if settings.isBirthHard { try await hand.disturbFounding() }
            try await wait("no cluster is formed") { self.isFormed }
            try await hand.playScript()
            try await hand.stopFaults()
            var rest = try await settle()
            try await watchPool()
            if recorder.violations.isEmpty {
                try await restartFromSnapshots()
                rest.blocked = try await settle().blocked
            }
            if recorder.violations.isEmpty, servers.count > 1 {
                try await seeOneLeave()
                rest.blocked = try await settle().blocked
            }
            if let tamper, let agent = leader { try await tamper(agent) }
            return rest
        }
    }

    /// The server that leads and knows all that was ever acknowledged.
    private var leader: ServerAgent? {
        servers.compactMap(\.agent).first { $0.isLeader && $0.snapshot.index >= recorder.acknowledgedIndex }
    }

    /// Whether all servers are voters.
    private var isFormed: Bool {
        leader != nil && Set(recorder.membership.voters.map(\.name)) == Set(servers.map(\.id))
    }

    /// Waits for what must come when nothing fails.
    private func wait(_ what: String, until isSo: () -> Bool) async throws {
        let start = world.loop.uptime
        while !isSo(), recorder.violations.isEmpty {
            guard world.loop.uptime - start < Self.electionMax else {
                return recorder.report("\(what) within \(Self.electionMax.goText)")
            }
            try await world.loop.sleep(for: .milliseconds(200))
        }
    }

    /// Waits until everything is as it should be; what is still wrong at the end is broken.
    private func settle() async throws -> (settling: Duration, blocked: Int) {
        let start = world.loop.uptime
        try await wait("no server leads with all that was acknowledged (up to \(recorder.acknowledgedIndex))") {
            leader != nil
        }
        var last: [String] = []
        while world.loop.uptime - start < settings.settlingMax, recorder.violations.isEmpty {
            try await world.loop.sleep(for: .seconds(2))
            guard let snapshot = leader?.snapshot else { continue }
            let checker = SettledChecker(snapshot)
            last = checker.violations + apart(from: snapshot)
            guard last.isEmpty else { continue }
            for violation in StateChecker.violations(in: snapshot) { recorder.report(violation) }
            for server in servers {
                if let agent = server.agent { recorder.compareAtRest(server.id, agent.snapshot) }
            }
            world.trace.record("settled at \(snapshot.index), \(checker.blocked) groups blocked")
            return (world.loop.uptime - start, checker.blocked)
        }
        if recorder.violations.isEmpty { for violation in last { recorder.report("does not settle: \(violation)") } }
        return (world.loop.uptime - start, 0)
    }

    /// Which servers are not of one mind with the leader.
    private func apart(from snapshot: Snapshot) -> [String] {
        let voters = Set(recorder.membership.voters.map(\.name))
        var found = servers.compactMap { server -> String? in
            guard let agent = server.agent else { return "\(server.id) does not run" }
            guard voters.contains(server.id) else { return "\(server.id) is no voter" }
            let index = agent.snapshot.index
            return index == snapshot.index ? nil : "\(server.id) is at \(index), the leader at \(snapshot.index)"
        }
        if voters.count != servers.count { found.append("voters are \(voters.sorted())") }
        let leaders = servers.filter { $0.agent?.raftStatus.role == .leader }
        if leaders.count != 1 { found.append("leaders are \(leaders.map(\.id))") }
        return found + PoolChecker.violations(servers.compactMap(\.poolView))
    }

    /// Where nothing fails, nobody is held for failed, however short.
    private func watchPool() async throws {
        let end = world.loop.uptime + Self.watch
        while world.loop.uptime < end, recorder.violations.isEmpty {
            try await world.loop.sleep(for: .milliseconds(500))
            for violation in PoolChecker.violations(servers.compactMap(\.poolView)) {
                recorder.report("does not last: \(violation)")
            }
        }
    }

    /// A server that leaves in good order is out of the group, and all others say that it left, before it is back.
    private func seeOneLeave() async throws {
        let server = servers[Int(settings.seed % UInt64(servers.count))]
        guard let name = server.poolView?.name else { return }
        server.leaveCluster()
        let others = servers.filter { $0 !== server }
        try await wait("\(name) left, and is not out of the group or not everybody's pool says so") {
            server.agent == nil && !recorder.membership.contains(ServerID(server.id))
                && others.allSatisfy { $0.poolView?.member(name)?.status == .left }
        }
    }

    /// What snapshots and the logs after them restore must be what was there before.
    private func restartFromSnapshots() async throws {
        for server in servers { try await server.agent?.saveSnapshot() }
        try await world.loop.sleep(for: .seconds(30))
        let lives = servers.map(\.lives)
        for server in servers { server.die(.powerCut) }
        try await wait(
            "servers that lost power do not have what was acknowledged (up to \(recorder.acknowledgedIndex))"
        ) {
            zip(servers, lives).allSatisfy { $0.lives > $1 } && leader != nil
        }
    }
}
