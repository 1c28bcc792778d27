import Basics
import Broker
import Model
import SimulatedSeam
import StateStore
import Testing

@testable import Server

/// What the leader's queues do when leadership begins, and with evaluations that are settled elsewhere.
struct EvaluationQueueTests {
    private let world = SimulatedWorld(seed: 1)

    private func evaluation(_ number: UInt64, _ status: EvaluationStatus) -> Evaluation {
        var evaluation = Evaluation()
        evaluation.id = ID(high: 1, low: number)
        evaluation.namespace = "default"
        evaluation.jobID = "web"
        evaluation.type = .service
        evaluation.priority = 50
        evaluation.status = status
        return evaluation
    }

    /// A feed whose state holds the evaluations, and the outcome of storing them.
    private func feed(_ evaluations: [Evaluation]) -> (ChangeFeed, ApplyOutcome) {
        var store = StateTables()
        let outcome = store.apply(.evaluationsUpdate(evaluations, time: world.loop.now), index: 1)
        return (ChangeFeed(store.snapshot()), outcome)
    }

    @Test(arguments: [EvaluationStatus.pending, .blocked])
    func aNewLeaderTriesWhatIsOpen(status: EvaluationStatus) throws {
        let queue = EvaluationQueue(time: world.loop, region: "global")
        let (feed, _) = feed([evaluation(1, status)])
        queue.enable(from: feed)
        #expect(queue.statistics.broker.ready == 1)
        #expect(queue.statistics.blocked == 0)
    }

    @Test(arguments: [EvaluationStatus.complete, .failed, .canceled])
    func whatIsSettledNoLongerWaitsForRoom(status: EvaluationStatus) {
        let queue = EvaluationQueue(time: world.loop, region: "global")
        let (empty, _) = feed([])
        queue.enable(from: empty)
        let (waiting, blocked) = feed([evaluation(1, .blocked)])
        queue.take(blocked, snapshot: waiting.snapshot)
        #expect(queue.statistics.blocked == 1)
        let (settled, outcome) = feed([evaluation(1, status)])
        queue.take(outcome, snapshot: settled.snapshot)
        #expect(queue.statistics.blocked == 0)
    }

    @Test func whatCouldNotBeMarkedIsGivenOutAgain() {
        let queue = EvaluationQueue(time: world.loop, region: "global")
        let (empty, _) = feed([])
        queue.enable(from: empty)
        queue.putBack(failed: [evaluation(1, .pending)], cancelled: [evaluation(2, .pending)])
        let due = queue.tick()
        #expect(due.failed.map(\.id.low) == [1])
        #expect(due.cancelled.map(\.id.low) == [2])
        #expect(queue.tick().failed.isEmpty)
        queue.disable()
        queue.putBack(failed: [evaluation(1, .pending)], cancelled: [])
        #expect(queue.tick().failed.isEmpty)
    }

    @Test func aDeliveryOfAnEarlierLeadershipProvesNothing() throws {
        let (feed, _) = feed([evaluation(1, .pending)])
        let time = world.loop
        let (first, second, stillHeld) = try world.run {
            let queue = EvaluationQueue(time: time, region: "global")
            queue.enable(from: feed)
            let first = await queue.next([.service])
            queue.disable()
            queue.enable(from: feed)
            let second = await queue.next([.service])
            return (first, second, first.map { queue.renew($0) })
        }
        #expect(first?.evaluation.id == second?.evaluation.id)
        #expect(stillHeld == false)
    }
}

/// When a node's time is up.
struct HeartbeatsTests {
    @Test func aNodeThatCouldNotBeMarkedIsNamedAgainUnlessItReports() {
        let (silent, back) = (ID(high: 1, low: 1), ID(high: 1, low: 2))
        var heartbeats = Heartbeats(settings: Heartbeats.Settings())
        let start = Uptime(nanoseconds: 0)
        heartbeats.expect(silent, now: start)
        heartbeats.expect(back, now: start)
        let later = start + .seconds(301)
        #expect(heartbeats.expired(now: later) == [silent, back])
        _ = heartbeats.beat(back, now: later, jitter: 0)
        heartbeats.look(at: silent, after: .zero, now: later)
        heartbeats.look(at: back, after: .zero, now: later)
        #expect(heartbeats.expired(now: later) == [silent])
    }
}
