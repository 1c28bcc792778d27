internal import Basics
internal import Model
internal import RPC
package import Server
internal import SimulatedSeam
internal import StateStore

/// A whole cluster in one process, on one thread, from one seed: a real server with real scheduler plug-ins on a
/// simulated disk, and simulated clients on a simulated network. Things are done to it; what must hold is checked after
/// every entry, and once faults have stopped it must come to rest with everybody served or told why not.
///
/// The same settings give the same trace, in every process and on every day.
package final class Cluster: Sendable {
    private let settings: ClusterSettings
    private let world: SimulatedWorld
    private let recorder: ClusterRecorder
    private let server: SimulatedServer
    private let machines: [SimulatedMachine]

    package init(_ settings: ClusterSettings) {
        self.settings = settings
        let world = SimulatedWorld(seed: settings.seed)
        let recorder = ClusterRecorder(trace: world.trace)
        self.world = world
        self.recorder = recorder
        server = SimulatedServer(world: world, settings: settings, recorder: recorder)
        machines = (0..<settings.nodes + settings.laterNodes).map {
            SimulatedMachine(number: $0, world: world, recorder: recorder)
        }
    }

    /// Plays the seed's script to its end, or to the first broken promise.
    ///
    /// - Parameter tamper: called with the server once the cluster has settled; for tests of the checkers.
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
        report.hash = world.trace.hash
        report.violations = recorder.violations
        report.lines = world.trace.lines
        report.placed = recorder.placed
        report.restarts = max(0, server.lives - 1)
        report.index = recorder.snapshot.index
        return report
    }

    private func play(
        _ tamper: (@Sendable (ServerAgent) async throws -> Void)?
    ) async throws -> (settling: Duration, blocked: Int) {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.server.run() }
            for machine in machines { group.addTask { await machine.run() } }
            for machine in machines[..<settings.nodes] { machine.turn(on: true) }
            defer {
                for machine in machines { machine.end() }
                server.die(.end)
            }
            var hand = ClusterOperator(
                world: world, settings: settings, recorder: recorder, server: server, machines: machines)
            try await hand.playScript()
            hand.stopFaults()
            var rest = try await settle()
            if recorder.violations.isEmpty {
                try await restartFromSnapshot()
                rest.blocked = try await settle().blocked
            }
            if let tamper, let agent = server.agent { try await tamper(agent) }
            return rest
        }
    }

    /// Waits until everything is as it should be; what is still wrong at the end is broken.
    private func settle() async throws -> (settling: Duration, blocked: Int) {
        let start = world.loop.uptime
        var last = ["the server does not lead"]
        while world.loop.uptime - start < settings.settlingMax, recorder.violations.isEmpty {
            try await world.loop.sleep(for: .seconds(2))
            guard server.isWhole, let snapshot = server.agent?.snapshot else { continue }
            let checker = SettledChecker(snapshot)
            last = checker.violations
            guard last.isEmpty else { continue }
            for violation in StateChecker.violations(in: snapshot) { recorder.report(violation) }
            world.trace.record("settled at \(snapshot.index), \(checker.blocked) groups blocked")
            return (world.loop.uptime - start, checker.blocked)
        }
        if recorder.violations.isEmpty { for violation in last { recorder.report("does not settle: \(violation)") } }
        return (world.loop.uptime - start, 0)
    }

    /// What a snapshot and the log after it restore must be what was there before.
    private func restartFromSnapshot() async throws {
        try await server.agent?.saveSnapshot()
        try await world.loop.sleep(for: .seconds(30))
        let lives = server.lives
        server.die(.powerCut)
        let start = world.loop.uptime
        while server.lives == lives || !server.isWhole {
            guard world.loop.uptime - start < .seconds(60) else {
                return recorder.report(
                    "a restarted server does not have what was acknowledged, up to \(recorder.acknowledgedIndex)")
            }
            try await world.loop.sleep(for: .milliseconds(200))
        }
    }
}
