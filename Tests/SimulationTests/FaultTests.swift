import Basics
import SimulatedSeam
import Synchronization
import Testing

/// The faults of the simulated world are what they say.
@Suite struct FaultTests {
    /// Counts what it hears, and answers.
    private final class Ear: CallHandler {
        let heard = Mutex(0)

        func handle(_ method: UInt16, _ body: [UInt8], from caller: CallOrigin) async throws -> [UInt8] {
            heard.withLock { $0 += 1 }
            return body
        }

        func handleStream(
            _ method: UInt16, _ body: [UInt8], from caller: CallOrigin, to sink: any ItemSink
        ) async throws {}
    }

    private static let address = NetworkAddress(host: "192.0.2.1", port: 4647)

    /// Machine "there" serves while `body` runs, given the world, what was heard, and a way to call from machine "here".
    private func serve(
        _ body: @escaping @Sendable (SimulatedWorld, Ear, any Peer) async throws -> Void
    ) throws {
        let world = SimulatedWorld(seed: 1)
        try world.run {
            let ear = Ear()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await world.network.face(of: "there").serve(at: Self.address, handler: ear) { _ in }
                }
                try await world.loop.sleep(for: .milliseconds(1))
                try await body(world, ear, world.network.face(of: "here").peer(at: Self.address))
                group.cancelAll()
            }
        }
    }

    @Test(arguments: [
        (cut: ["here", "there"], heard: 0), (cut: ["there", "here"], heard: 1), (cut: ["here", "elsewhere"], heard: 1),
    ])
    func aCutLinkCarriesNothingOneWay(cut: [String], heard: Int) throws {
        try serve { world, ear, peer in
            world.network.cut(from: cut[0], to: cut[1])
            let isAnswered = (try? await peer.call(1, [7], deadline: .seconds(1))) == [7]
            #expect(isAnswered == cut.contains("elsewhere"))
            #expect(ear.heard.withLock { $0 } == heard)
            world.network.mendLinks()
            let answer = try await peer.call(1, [7], deadline: .seconds(1))
            #expect(answer == [7])
        }
    }

    @Test(arguments: ["here", "there"]) func anIsolatedMachineIsNotHeard(machine: String) throws {
        try serve { world, ear, peer in
            world.network.isolate(machine)
            let error = await #expect(throws: CallError.self) { try await peer.call(1, [], deadline: .seconds(1)) }
            #expect(error?.code == .deadline && ear.heard.withLock { $0 } == 0)
            world.network.join(machine)
            _ = try await peer.call(1, [], deadline: .seconds(1))
        }
    }

    @Test func anEchoIsHeardAgainLater() throws {
        try serve { world, ear, peer in
            var conditions = SimulatedNetwork.Conditions()
            conditions.echoChance = 1
            world.network.setConditions(conditions)
            _ = try await peer.call(1, [], deadline: .seconds(1))
            #expect(ear.heard.withLock { $0 } == 1)
            try await world.loop.sleep(for: conditions.echoDelayMax)
            #expect(ear.heard.withLock { $0 } == 2)
        }
    }

    /// Its tasks do nothing while it is stopped, and all they missed afterwards.
    @Test func aStoppedProcessHangs() throws {
        let world = SimulatedWorld(seed: 1)
        try world.run {
            let process = SimulatedProcess(loop: world.loop)
            let steps = Shared(0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await withTaskExecutorPreference(process) {
                        while true {
                            try await world.loop.sleep(for: .seconds(1))
                            steps.count.withLock { $0 += 1 }
                        }
                    }
                }
                try await world.loop.sleep(for: .milliseconds(3_500))
                #expect(steps.count.withLock { $0 } == 3)
                process.stop()
                try await world.loop.sleep(for: .seconds(10))
                #expect(steps.count.withLock { $0 } == 3)
                process.goOn()
                try await world.loop.sleep(for: .milliseconds(500))
                #expect(steps.count.withLock { $0 } == 4, "a timer is late, not lost")
                group.cancelAll()
            }
        }
    }

    private final class Shared: Sendable {
        let count: Mutex<Int>

        init(_ count: Int) { self.count = Mutex(count) }
    }

    @Test(arguments: [950, 1_000, 1_050] as [Int64]) func aClockHasItsOwnPace(pace: Int64) throws {
        let world = SimulatedWorld(seed: 1)
        try world.run {
            let clock = SimulatedClock(loop: world.loop, pace: pace)
            let (start, moment) = (world.loop.uptime, clock.uptime)
            try await clock.sleep(for: .seconds(100))
            #expect(clock.uptime - moment >= .seconds(100) && clock.uptime - moment < .milliseconds(100_001))
            let passed = (world.loop.uptime - start).nanosecondCount / 1_000_000
            #expect(abs(passed - 100_000 * 1_000 / pace) <= 1)
            let before = clock.now
            clock.set(offset: .seconds(-60))
            #expect(before - clock.now == .seconds(60))
        }
    }
}
