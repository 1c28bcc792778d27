package import Basics
package import Model

/// Hands evaluations to workers: those that somebody waits for first, then by priority, first come first served within one;
/// one at a time for each job.
///
/// An evaluation is delivered at least once. It stays with its worker until acknowledged; when the worker rejects it or falls
/// silent it is delivered again after a delay, and after ``Settings/deliveriesMax`` it is given up as failed. Pure: moments come
/// as arguments, and ``tick(now:wallClock:)`` carries out what has become due.
///
/// ```
/// enqueue ─► delayed ─(waitUntil)─► ready ─dequeue─► outstanding ─acknowledge─► gone; the job's newest waiting one is ready
///                     ▲                                  │
///                     └──────(delay)── reject, timeout ◄─┘──(deliveriesMax)─► failed
/// ```
package struct EvalBroker: Sendable {
    package struct Settings: Sendable {
        /// A worker that neither acknowledges nor renews for this long is taken for dead.
        package var ackTimeout = Duration.seconds(60)
        /// Deliveries before an evaluation counts as failed.
        package var deliveriesMax = 3
        /// Delay after the first rejection, and after later ones.
        package var firstDelay = Duration.seconds(1)
        package var laterDelay = Duration.seconds(20)

        package init() {}
    }

    /// An evaluation in a worker's hands; `token` proves it.
    package struct Delivery: Sendable {
        fileprivate let held: Held
        package let token: UInt64

        package var id: ID { held.evaluation.id }
        package var evaluation: Evaluation { held.evaluation }
    }

    package struct Statistics: Sendable, Equatable {
        package var ready = 0
        package var outstanding = 0
        package var waitingForJob = 0
        package var delayed = 0
    }

    /// An evaluation as it goes from one line to the next: one reference, as there are many fields to copy.
    fileprivate final class Held: Sendable {
        let evaluation: Evaluation
        let job: JobName

        init(_ evaluation: Evaluation) {
            self.evaluation = evaluation
            job = JobName(namespace: evaluation.namespace, id: evaluation.jobID)
        }
    }

    private struct Queued: Sendable {
        let held: Held
        let priority: Int
        /// Ahead of all that are not, whatever their priority.
        let isExpress: Bool
        let order: UInt64
    }

    private struct Delayed: Sendable {
        let held: Held
        /// On the wall clock for `waitUntil`, on the monotonic one for redeliveries.
        let dueNanoseconds: Int64
        let order: UInt64
    }

    private struct Outstanding: Sendable {
        let held: Held
        let token: UInt64
        var deadline: Uptime
    }

    private let settings: Settings
    private var ready: [JobType: Heap<Queued>] = [:]
    private var scheduled = Heap<Delayed> { ($0.dueNanoseconds, $0.order) < ($1.dueNanoseconds, $1.order) }
    private var redeliveries = Heap<Delayed> { ($0.dueNanoseconds, $0.order) < ($1.dueNanoseconds, $1.order) }
    private var outstanding: [ID: Outstanding] = [:]
    /// The one evaluation of each job that is ready or outstanding.
    private var current: [JobName: ID] = [:]
    /// Those behind it.
    private var behind: [JobName: [Held]] = [:]
    /// Every evaluation held, so that none is enqueued twice.
    private var known: Set<ID> = []
    /// Outstanding ones to deliver once more after their acknowledgement.
    private var again: [ID: Held] = [:]
    private var deliveries: [ID: Int] = [:]
    /// Jobs whose evaluations somebody waits for, with how many do.
    private var express: [JobName: Int] = [:]
    private var failed: [Evaluation] = []
    private var superseded: [Evaluation] = []
    private var nextToken: UInt64 = 1
    private var nextOrder: UInt64 = 1

    package init(settings: Settings = Settings()) { self.settings = settings }

    /// Forgets everything but which tokens have been given out: a worker that still holds a delivery cannot prove another.
    ///
    /// Nor can one that holds a delivery of another server's: `term`, that of the leadership, is part of the tokens.
    package mutating func reset(term: UInt64 = 0) {
        let token = max(nextToken, term << 32)
        self = EvalBroker(settings: settings)
        nextToken = token
    }

    /// Takes in an evaluation that is pending.
    ///
    /// One that is held already is ignored; one that a worker holds comes back once that worker has acknowledged it, as
    /// capacity may appear between its last look and its acknowledgement.
    package mutating func enqueue(_ evaluation: Evaluation, wallClock: Timestamp) {
        guard outstanding[evaluation.id] == nil else {
            again[evaluation.id] = Held(evaluation)
            return
        }
        guard known.insert(evaluation.id).inserted else { return }
        let held = Held(evaluation)
        guard evaluation.waitUntil > wallClock else { return line(up: held) }
        nextOrder += 1
        scheduled.insert(
            Delayed(held: held, dueNanoseconds: evaluation.waitUntil.nanoseconds, order: nextOrder))
    }

    /// Somebody waits for the job: its evaluations go ahead of all others until as many ``endExpress(job:namespace:)``.
    package mutating func beginExpress(job id: String, namespace: String) {
        let job = JobName(namespace: namespace, id: id)
        express[job, default: 0] += 1
        guard express[job] == 1, let waiting = current[job] else { return }
        for type in ready.keys {
            guard let queued = ready[type]?.removeAll(where: { $0.held.evaluation.id == waiting }).first else {
                continue
            }
            makeReady(queued.held)
        }
    }

    package mutating func endExpress(job id: String, namespace: String) {
        let job = JobName(namespace: namespace, id: id)
        guard let count = express[job] else { return }
        express[job] = count > 1 ? count - 1 : nil
    }

    /// The next evaluation of one of the types, or nil when none is ready.
    package mutating func dequeue(_ types: [JobType], now: Uptime) -> Delivery? {
        let best = types.min { left, right in
            guard let first = ready[left]?.first else { return false }
            guard let second = ready[right]?.first else { return true }
            return EvalBroker.precedes(first, second)
        }
        guard let best, let queued = ready[best]?.removeFirst() else { return nil }
        nextToken += 1
        let delivery = Delivery(held: queued.held, token: nextToken)
        outstanding[delivery.id] = Outstanding(
            held: queued.held, token: nextToken, deadline: now + settings.ackTimeout)
        deliveries[delivery.id, default: 0] += 1
        return delivery
    }

    /// The worker is done: the evaluation is forgotten and its job's newest waiting one becomes ready.
    ///
    /// - Returns: false when the token is not, or no longer, that of the delivery.
    package mutating func acknowledge(_ id: ID, token: UInt64) -> Bool {
        guard let delivered = outstanding[id], delivered.token == token else { return false }
        outstanding[id] = nil
        forget(id)
        let repeated = again.removeValue(forKey: id)
        release(delivered.held.job)
        if let repeated, known.insert(id).inserted { line(up: repeated) }
        return true
    }

    /// The worker could not do it; it is delivered again later, or given up.
    package mutating func reject(_ id: ID, token: UInt64, now: Uptime) -> Bool {
        guard let delivered = outstanding[id], delivered.token == token else { return false }
        redeliver(delivered.held, now: now)
        return true
    }

    /// The worker is still at it.
    package mutating func renew(_ id: ID, token: UInt64, now: Uptime) -> Bool {
        guard outstanding[id]?.token == token else { return false }
        outstanding[id]?.deadline = now + settings.ackTimeout
        return true
    }

    /// Its worker is no more: somebody else gets it at once, and it counts as never delivered.
    package mutating func takeBack(_ id: ID, token: UInt64) {
        guard let delivered = outstanding[id], delivered.token == token else { return }
        outstanding[id] = nil
        deliveries[id, default: 1] -= 1
        makeReady(delivered.held)
    }

    /// Makes ready what has become due and takes back what workers have let lie.
    package mutating func tick(now: Uptime, wallClock: Timestamp) {
        while let first = scheduled.first, first.dueNanoseconds <= wallClock.nanoseconds {
            _ = scheduled.removeFirst()
            if known.contains(first.held.evaluation.id) { line(up: first.held) }
        }
        while let first = redeliveries.first, first.dueNanoseconds <= now.nanoseconds {
            _ = redeliveries.removeFirst()
            if known.contains(first.held.evaluation.id) { makeReady(first.held) }
        }
        let silent = outstanding.values.filter { $0.deadline <= now }.sorted { $0.token < $1.token }
        for delivered in silent { redeliver(delivered.held, now: now) }
    }

    /// Evaluations given up since the last call; the leader marks them failed and tries again much later.
    package mutating func takeFailed() -> [Evaluation] {
        defer { failed = [] }
        return failed
    }

    /// Evaluations made superfluous by a newer one of their job since the last call; the leader marks them cancelled.
    package mutating func takeSuperseded() -> [Evaluation] {
        defer { superseded = [] }
        return superseded
    }

    package var statistics: Statistics {
        Statistics(
            ready: ready.values.reduce(0) { $0 + $1.count }, outstanding: outstanding.count,
            waitingForJob: behind.values.reduce(0) { $0 + $1.count }, delayed: scheduled.count + redeliveries.count)
    }

    /// Whether there is something to deliver, of some type.
    package var hasReady: Bool { ready.values.contains { !$0.isEmpty } }

    /// Evaluations that workers hold.
    package var outstandingCount: Int { outstanding.count }

    /// The delivery of an evaluation, if a worker holds it.
    package func outstandingToken(_ id: ID) -> UInt64? { outstanding[id]?.token }

    private mutating func line(up held: Held) {
        if current[held.job] != nil {
            behind[held.job, default: []].append(held)
        } else {
            current[held.job] = held.evaluation.id
            makeReady(held)
        }
    }

    private mutating func makeReady(_ held: Held) {
        nextOrder += 1
        ready[held.evaluation.type, default: Heap(by: EvalBroker.precedes)].insert(
            Queued(
                held: held, priority: held.evaluation.priority, isExpress: express[held.job] != nil, order: nextOrder))
    }

    private mutating func redeliver(_ held: Held, now: Uptime) {
        let id = held.evaluation.id
        outstanding[id] = nil
        let count = deliveries[id] ?? 1
        guard count < settings.deliveriesMax else {
            forget(id)
            again[id] = nil
            failed.append(held.evaluation)
            release(held.job)
            return
        }
        nextOrder += 1
        let due = now + (count == 1 ? settings.firstDelay : settings.laterDelay)
        redeliveries.insert(Delayed(held: held, dueNanoseconds: due.nanoseconds, order: nextOrder))
    }

    /// Of the job's waiting evaluations the newest becomes ready: it sees all that the others were made for.
    private mutating func release(_ job: JobName) {
        current[job] = nil
        guard var waiting = behind.removeValue(forKey: job), !waiting.isEmpty else { return }
        waiting.sort {
            let (left, right) = ($0.evaluation, $1.evaluation)
            return (left.priority, left.modifyIndex, left.id) < (right.priority, right.modifyIndex, right.id)
        }
        let next = waiting.removeLast()
        for old in waiting {
            forget(old.evaluation.id)
            superseded.append(old.evaluation)
        }
        current[job] = next.evaluation.id
        makeReady(next)
    }

    private mutating func forget(_ id: ID) {
        known.remove(id)
        deliveries[id] = nil
    }

    private static func precedes(_ left: Queued, _ right: Queued) -> Bool {
        if left.isExpress != right.isExpress { return left.isExpress }
        return left.priority != right.priority ? left.priority > right.priority : left.order < right.order
    }
}
