import Basics
import Broker
import Model
import RPC
import SimulatedSeam
import StateStore
import Testing

@testable import Server

/// What the leader's queues do when leadership begins, and with evaluations that are settled elsewhere.
struct EvaluationQueueTests {
    private let world = SimulatedWorld(seed: 1)

    private func evaluation(_ number: UInt64, _ status: EvaluationStatus, job: String = "web") -> Evaluation {
        var evaluation = Evaluation()
        evaluation.id = ID(high: 1, low: number)
        evaluation.namespace = "default"
        evaluation.jobID = job
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
        let queue = EvaluationQueue(time: world.loop, region: "global", desks: 1)
        let (feed, _) = feed([evaluation(1, status)])
        queue.enable(from: feed, term: 1)
        #expect(queue.statistics.broker.ready == 1)
        #expect(queue.statistics.blocked == 0)
    }

    @Test(arguments: [EvaluationStatus.complete, .failed, .canceled])
    func whatIsSettledNoLongerWaitsForRoom(status: EvaluationStatus) {
        let queue = EvaluationQueue(time: world.loop, region: "global", desks: 1)
        let (empty, _) = feed([])
        queue.enable(from: empty, term: 1)
        let (waiting, blocked) = feed([evaluation(1, .blocked)])
        queue.take(blocked, snapshot: waiting.snapshot)
        #expect(queue.statistics.blocked == 1)
        let (settled, outcome) = feed([evaluation(1, status)])
        queue.take(outcome, snapshot: settled.snapshot)
        #expect(queue.statistics.blocked == 0)
    }

    @Test func whatCouldNotBeMarkedIsGivenOutAgain() {
        let queue = EvaluationQueue(time: world.loop, region: "global", desks: 1)
        let (empty, _) = feed([])
        queue.enable(from: empty, term: 1)
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
            let queue = EvaluationQueue(time: time, region: "global", desks: 1)
            queue.enable(from: feed, term: 1)
            let first = try await queue.next([.service], until: time.uptime + .seconds(1))
            queue.disable()
            queue.enable(from: feed, term: 1)
            let second = try await queue.next([.service], until: time.uptime + .seconds(1))
            return (first, second, first.map { queue.renew($0.evaluation.id, token: $0.token) })
        }
        #expect(first?.evaluation.id == second?.evaluation.id)
        #expect(stillHeld == false)
    }

    private static let elsewhere = EvaluationQueue.Borrower(server: "other", incarnation: ID(high: 9, low: 1))

    /// Waits at the queue for an evaluation of any type, for a second at most.
    private func next(
        of queue: EvaluationQueue, for borrower: EvaluationQueue.Borrower? = nil
    ) async throws -> EvalBroker.Delivery? {
        try await queue.next(JobType.all, for: borrower, until: world.loop.uptime + .seconds(1))
    }

    /// The leader's own workers come first while its desks have room, then those of other servers, then its own again.
    @Test func workersOfOtherServersTakeWhatTheLeadersDesksHaveNoRoomFor() throws {
        let (feed, _) = feed((1...3).map { evaluation($0, .pending, job: "job-\($0)") })
        let order = try world.run { [self] in
            let queue = EvaluationQueue(time: world.loop, region: "global", desks: 1)
            let (empty, _) = self.feed([])
            queue.enable(from: empty, term: 1)
            return try await withThrowingTaskGroup(of: (String, EvalBroker.Delivery?).self) { group in
                group.addTask { ("other", try await next(of: queue, for: Self.elsewhere)) }
                for _ in 0..<2 { group.addTask { ("own", try await next(of: queue)) } }
                try await world.loop.sleep(for: .milliseconds(1))
                queue.enable(from: feed, term: 1)
                var takers: [UInt64: String] = [:]
                for try await (taker, delivery) in group { takers[delivery?.evaluation.id.low ?? 0] = taker }
                return takers
            }
        }
        #expect(order == [1: "own", 2: "other", 3: "own"])
    }

    @Test func whatAServerHoldsThatIsGoneIsDeliveredAtOnce() throws {
        let (feed, _) = feed([evaluation(1, .pending)])
        try world.run { [self] in
            let queue = EvaluationQueue(time: world.loop, region: "global", desks: 1)
            queue.enable(from: feed, term: 1)
            let lost = try #require(try await next(of: queue, for: Self.elsewhere))
            #expect(queue.statistics.broker.ready == 0)
            queue.takeBack { $0 == Self.elsewhere }
            let again = try #require(try await next(of: queue))
            #expect(again.evaluation.id == lost.evaluation.id)
            #expect(!queue.renew(lost.evaluation.id, token: lost.token))
            #expect(queue.renew(again.evaluation.id, token: again.token))
        }
    }

    /// What a worker elsewhere let lie too long is nobody's loan any more: the leader's own desk counts as full again.
    @Test func aLoanThatTimedOutDoesNotCount() throws {
        let (feed, _) = feed([evaluation(1, .pending)])
        let loans = try world.run { [self] in
            let queue = EvaluationQueue(time: world.loop, region: "global", desks: 1)
            queue.enable(from: feed, term: 1)
            _ = try #require(try await next(of: queue, for: Self.elsewhere))
            try await world.loop.sleep(for: .seconds(61))
            _ = queue.tick()
            try await world.loop.sleep(for: .seconds(2))
            _ = queue.tick()
            #expect(queue.statistics.broker.ready == 1)
            return queue.statistics.loans
        }
        #expect(loans == 0)
    }

    /// Two servers that lead one after the other give out different tokens for one evaluation.
    @Test func aDeliveryOfAnotherLeaderProvesNothing() throws {
        let (feed, _) = feed([evaluation(1, .pending)])
        try world.run { [self] in
            let queues = (1...2).map { _ in EvaluationQueue(time: world.loop, region: "global", desks: 1) }
            for (term, queue) in zip(1..., queues) { queue.enable(from: feed, term: UInt64(term)) }
            let old = try #require(try await next(of: queues[0], for: Self.elsewhere))
            let new = try #require(try await next(of: queues[1]))
            #expect(!queues[1].renew(old.evaluation.id, token: old.token))
            #expect(queues[1].renew(new.evaluation.id, token: new.token))
        }
    }

    @Test func whoWaitsWhereNobodyLeadsIsTurnedAway() throws {
        try world.run { [self] in
            let queue = EvaluationQueue(time: world.loop, region: "global", desks: 1)
            let early = await #expect(throws: CallError.self) { try await next(of: queue) }
            #expect(early?.code == .undone)
            let (empty, _) = self.feed([])
            queue.enable(from: empty, term: 1)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let late = await #expect(throws: CallError.self) { try await next(of: queue) }
                    #expect(late?.code == .undone)
                }
                try await world.loop.sleep(for: .milliseconds(1))
                queue.disable()
                try await group.waitForAll()
            }
        }
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
