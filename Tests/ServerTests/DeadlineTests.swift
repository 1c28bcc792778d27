import Basics
import CDroverABI
import Model
import PluginHost
import SimulatedSeam
import Simulation
import StateStore
import Synchronization
import Testing

@testable import Server

/// How long schedulers get, and that they are told.
@Suite struct DeadlineTests {
    /// A slow plug-in's calls: what its problem said, and when each began.
    private final class Calls: Sendable {
        let list = Mutex<[(deadline: Int64, begin: Uptime)]>([])
    }

    /// Answers that nothing fits, after `pause`; late when that is beyond the deadline it was told.
    private static func slow(
        _ fixture: ServerFixture, _ calls: Calls, pause: Duration
    ) -> FakeScheduler.Conduct {
        .ask { _, batch in
            let head = batch.base.load(as: drover_problem_batch.self)
            let problem = batch.base.load(fromByteOffset: Int(head.problems), as: drover_problem.self)
            calls.list.withLock { $0.append((problem.deadline_ns, fixture.world.loop.uptime)) }
            fixture.world.loop.pass(pause)
            guard fixture.world.loop.uptime.nanoseconds <= problem.deadline_ns else {
                throw PluginError(.deadline, "place answered after its deadline")
            }
            var failure = drover_failure()
            failure.kind = UInt32(DROVER_RECORD_FAILURE)
            failure.size = UInt32(MemoryLayout<drover_failure>.size)
            failure.count = 1
            return withUnsafeBytes(of: failure) { Array($0) }
        }
    }

    /// Two answers of 0.6 s each, the second with allocations to evict, are more than a limit of 1 s.
    @Test func twoAnswersShareOneDeadline() throws {
        try ServerFixture.run(nodes: 1) { fixture in
            try await fixture.configure { configuration in
                configuration.schedulerDeadline = .seconds(1)
                configuration.preemptionConfig.serviceSchedulerEnabled = true
                configuration.schedulers = [SchedulerRule()]
                configuration.schedulers[0].plugin = "bold"
            }
            _ = try await fixture.place(ServerFixture.job("victim", priority: 10))
            let calls = Calls()
            fixture.schedulers.tell("bold", Self.slow(fixture, calls, pause: .milliseconds(600)))
            let report = try await fixture.place(ServerFixture.job("web", priority: 90))
            let made = calls.list.withLock { $0 }
            #expect(made.count == 2)
            let deadline = try #require(made.first).begin + .seconds(1)
            #expect(made.map(\.deadline) == [deadline.nanoseconds, deadline.nanoseconds])
            #expect(report?.allocations.count == 1, "the stock scheduler placed it")
            #expect(report?.statusDescription.contains("placed by service: place answered after its deadline") == true)
            let fault = try #require(try await fixture.status().faults.last)
            #expect(fault.plugin == "bold" && fault.kind == .late)
        }
    }

    @Test func whoIsInTimeIsNotReplaced() throws {
        try ServerFixture.run(nodes: 1) { fixture in
            try await fixture.configure { configuration in
                configuration.schedulerDeadline = .seconds(2)
                configuration.preemptionConfig.serviceSchedulerEnabled = true
                configuration.schedulerAlgorithm = "bold"
            }
            _ = try await fixture.place(ServerFixture.job("victim", priority: 10))
            fixture.schedulers.tell("bold", Self.slow(fixture, Calls(), pause: .milliseconds(600)))
            let before = fixture.schedulers.calls(of: "service")
            let report = try await fixture.place(ServerFixture.job("web", priority: 90))
            #expect(report?.allocations.isEmpty == true && fixture.schedulers.calls(of: "service") == before)
            #expect(try await fixture.status().faults.isEmpty)
        }
    }
}
