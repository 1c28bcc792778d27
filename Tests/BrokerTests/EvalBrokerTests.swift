import Basics
import Broker
import Model
import Testing

@Suite struct EvalBrokerTests {
    private let start = Uptime(nanoseconds: 0)
    private let wall = Timestamp(seconds: 1_000)

    private func evaluation(_ number: UInt64, job: String, priority: Int = 50, type: JobType = .service) -> Evaluation {
        var evaluation = Evaluation()
        evaluation.id = ID(high: 1, low: number)
        evaluation.namespace = "default"
        evaluation.jobID = job
        evaluation.priority = priority
        evaluation.type = type
        evaluation.modifyIndex = number
        evaluation.createIndex = number
        return evaluation
    }

    private func drain(_ broker: Subject, _ types: [JobType] = [.service, .batch]) -> [UInt64] {
        var order: [UInt64] = []
        while let delivery = broker.dequeue(types, now: start) { order.append(delivery.evaluation.id.low) }
        return order
    }

    @Test func highestPriorityFirstThenFirstCome() {
        let broker = Subject()
        for (number, priority) in [(1, 50), (2, 90), (3, 50), (4, 90)] as [(UInt64, Int)] {
            broker.enqueue(evaluation(number, job: "job\(number)", priority: priority), wallClock: wall)
        }
        #expect(drain(broker) == [2, 4, 1, 3])
    }

    @Test func whatSomebodyWaitsForGoesAheadOfAll() {
        let broker = Subject()
        broker.enqueue(evaluation(1, job: "high", priority: 100), wallClock: wall)
        broker.enqueue(evaluation(2, job: "low", priority: 1, type: .batch), wallClock: wall)
        broker.enqueue(evaluation(3, job: "other"), wallClock: wall)
        broker.beginExpress(job: "low", namespace: "default")
        broker.beginExpress(job: "next", namespace: "default")
        broker.enqueue(evaluation(4, job: "next", priority: 2), wallClock: wall)
        #expect(broker.statistics.ready == 4)
        #expect(drain(broker) == [4, 2, 1, 3], "of two that are waited for, priority decides")
    }

    @Test func theWayIsOpenUntilTheLastWaiterIsGone() {
        let broker = Subject()
        for _ in 0..<2 { broker.beginExpress(job: "low", namespace: "default") }
        broker.endExpress(job: "low", namespace: "default")
        broker.enqueue(evaluation(1, job: "high", priority: 100), wallClock: wall)
        broker.enqueue(evaluation(2, job: "low", priority: 1), wallClock: wall)
        #expect(broker.dequeue([.service], now: start)?.evaluation.id.low == 2)
        broker.endExpress(job: "low", namespace: "default")
        broker.enqueue(evaluation(3, job: "low", priority: 1), wallClock: wall)
        #expect(broker.dequeue([.service], now: start)?.evaluation.id.low == 1)
    }

    @Test func onlyAskedTypesAreDelivered() {
        let broker = Subject()
        broker.enqueue(evaluation(1, job: "a", type: .system), wallClock: wall)
        broker.enqueue(evaluation(2, job: "b", type: .batch), wallClock: wall)
        #expect(drain(broker) == [2])
        #expect(drain(broker, [.system]) == [1])
    }

    @Test func oneEvaluationOfAJobAtATimeAndTheNewestNext() throws {
        let broker = Subject()
        for number in 1...4 { broker.enqueue(evaluation(UInt64(number), job: "web"), wallClock: wall) }
        let first = try #require(broker.dequeue([.service], now: start))
        #expect(first.evaluation.id.low == 1)
        #expect(broker.dequeue([.service], now: start) == nil)
        #expect(broker.acknowledge(first.evaluation.id, token: first.token))
        let next = try #require(broker.dequeue([.service], now: start))
        #expect(next.evaluation.id.low == 4)
        #expect(broker.takeSuperseded().map(\.id.low) == [2, 3])
        #expect(broker.statistics.waitingForJob == 0)
    }

    @Test func sameJobNameInAnotherNamespaceIsAnotherJob() {
        let broker = Subject()
        var other = evaluation(2, job: "web")
        other.namespace = "prod"
        broker.enqueue(evaluation(1, job: "web"), wallClock: wall)
        broker.enqueue(other, wallClock: wall)
        #expect(drain(broker) == [1, 2])
    }

    @Test func staleTokensAreRefused() throws {
        let broker = Subject()
        broker.enqueue(evaluation(1, job: "web"), wallClock: wall)
        let delivery = try #require(broker.dequeue([.service], now: start))
        #expect(!broker.acknowledge(delivery.evaluation.id, token: delivery.token + 1))
        #expect(broker.acknowledge(delivery.evaluation.id, token: delivery.token))
        #expect(!broker.acknowledge(delivery.evaluation.id, token: delivery.token))
    }

    @Test func silentWorkersLoseTheirEvaluationAndThreeDeliveriesAreTheLimit() throws {
        let broker = Subject()
        broker.enqueue(evaluation(1, job: "web"), wallClock: wall)
        var now = start
        for delivery in 1...3 {
            let held = try #require(broker.dequeue([.service], now: now), "delivery \(delivery)")
            now = now + .seconds(60)
            broker.tick(now: now, wallClock: wall)
            #expect(!broker.acknowledge(held.evaluation.id, token: held.token), "its time was up")
            now = now + .seconds(20)
            broker.tick(now: now, wallClock: wall)
        }
        #expect(broker.dequeue([.service], now: now) == nil)
        #expect(broker.takeFailed().map(\.id.low) == [1])
        #expect(broker.takeFailed().isEmpty)
    }

    @Test func renewalKeepsALongEvaluation() throws {
        let broker = Subject()
        broker.enqueue(evaluation(1, job: "web"), wallClock: wall)
        let held = try #require(broker.dequeue([.service], now: start))
        #expect(broker.renew(held.evaluation.id, token: held.token, now: start + .seconds(50)))
        broker.tick(now: start + .seconds(100), wallClock: wall)
        #expect(broker.acknowledge(held.evaluation.id, token: held.token))
    }

    @Test func rejectedOnesComeBackAfterADelayAndKeepTheirJob() throws {
        let broker = Subject()
        broker.enqueue(evaluation(1, job: "web"), wallClock: wall)
        broker.enqueue(evaluation(2, job: "web"), wallClock: wall)
        let held = try #require(broker.dequeue([.service], now: start))
        #expect(broker.reject(held.evaluation.id, token: held.token, now: start))
        #expect(broker.dequeue([.service], now: start) == nil, "the second must not overtake within one job")
        broker.tick(now: start + .seconds(1), wallClock: wall)
        #expect(broker.dequeue([.service], now: start)?.evaluation.id.low == 1)
    }

    @Test func delayedEvaluationsWaitForTheWallClock() {
        let broker = Subject()
        var later = evaluation(1, job: "web")
        later.waitUntil = wall + .seconds(30)
        broker.enqueue(later, wallClock: wall)
        broker.tick(now: start, wallClock: wall + .seconds(29))
        #expect(broker.dequeue([.service], now: start) == nil)
        broker.tick(now: start, wallClock: wall + .seconds(30))
        #expect(broker.dequeue([.service], now: start)?.evaluation.id.low == 1)
    }

    @Test func capacityThatAppearsWhileAWorkerLooksIsNotMissed() throws {
        let broker = Subject()
        broker.enqueue(evaluation(1, job: "web"), wallClock: wall)
        let held = try #require(broker.dequeue([.service], now: start))
        broker.enqueue(evaluation(1, job: "web"), wallClock: wall)
        #expect(broker.dequeue([.service], now: start) == nil)
        #expect(broker.acknowledge(held.evaluation.id, token: held.token))
        #expect(broker.dequeue([.service], now: start)?.evaluation.id.low == 1)
    }

    @Test func enqueuedTwiceIsDeliveredOnce() {
        let broker = Subject()
        broker.enqueue(evaluation(1, job: "web"), wallClock: wall)
        broker.enqueue(evaluation(1, job: "web"), wallClock: wall)
        #expect(drain(broker) == [1])
    }
}

/// The broker behind a reference: the macros of Swift Testing call no mutating methods.
private final class Subject {
    private var broker = EvalBroker()

    var statistics: EvalBroker.Statistics { broker.statistics }

    func enqueue(_ evaluation: Evaluation, wallClock: Timestamp) { broker.enqueue(evaluation, wallClock: wallClock) }
    func beginExpress(job: String, namespace: String) { broker.beginExpress(job: job, namespace: namespace) }
    func endExpress(job: String, namespace: String) { broker.endExpress(job: job, namespace: namespace) }
    func dequeue(_ types: [JobType], now: Uptime) -> EvalBroker.Delivery? { broker.dequeue(types, now: now) }
    func acknowledge(_ id: ID, token: UInt64) -> Bool { broker.acknowledge(id, token: token) }
    func reject(_ id: ID, token: UInt64, now: Uptime) -> Bool { broker.reject(id, token: token, now: now) }
    func renew(_ id: ID, token: UInt64, now: Uptime) -> Bool { broker.renew(id, token: token, now: now) }
    func tick(now: Uptime, wallClock: Timestamp) { broker.tick(now: now, wallClock: wallClock) }
    func takeFailed() -> [Evaluation] { broker.takeFailed() }
    func takeSuperseded() -> [Evaluation] { broker.takeSuperseded() }
}
