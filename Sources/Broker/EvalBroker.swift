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
    package struct Delivery: Sendable, Equatable {
        package let evaluation: Evaluation
        package let token: UInt64
    }

    package struct Statistics: Sendable, Equatable {
        package var ready = 0
        package var outstanding = 0
        package var waitingForJob = 0
        package var delayed = 0
    }

    private struct JobName: Hashable {
        let namespace: String
        let id: String
    }

    private struct Queued: Sendable {
        let evaluation: Evaluation
        /// Ahead of all that are not, whatever their priority.
        let isExpress: Bool
        let order: UInt64
    }

    private struct Delayed: Sendable {
        let evaluation: Evaluation
        /// On the wall clock for `waitUntil`, on the monotonic one for redeliveries.
        let dueNanoseconds: Int64
        let order: UInt64
    }

    private struct Outstanding: Sendable {
        let evaluation: Evaluation
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
    private var behind: [JobName: [Evaluation]] = [:]
    /// Every evaluation held, so that none is enqueued twice.
    private var known: Set<ID> = []
    /// Outstanding ones to deliver once more after their acknowledgement.
    private var again: [ID: Evaluation] = [:]
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
            again[evaluation.id] = evaluation
            return
        }
        guard known.insert(evaluation.id).inserted else { return }
        guard evaluation.waitUntil > wallClock else { return line(up: evaluation) }
        nextOrder += 1
        scheduled.insert(
            Delayed(evaluation: evaluation, dueNanoseconds: evaluation.waitUntil.nanoseconds, order: nextOrder))
    }

    /// Somebody waits for the job: its evaluations go ahead of all others until as many ``endExpress(job:namespace:)``.
    package mutating func beginExpress(job id: String, namespace: String) {
        let job = JobName(namespace: namespace, id: id)
        express[job, default: 0] += 1
        guard express[job] == 1, let waiting = current[job] else { return }
        for type in ready.keys {
            guard let queued = ready[type]?.removeAll(where: { $0.evaluation.id == waiting }).first else { continue }
            makeReady(queued.evaluation)
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
        let evaluation = queued.evaluation
        outstanding[evaluation.id] = Outstanding(
            evaluation: evaluation, token: nextToken, deadline: now + settings.ackTimeout)
        deliveries[evaluation.id, default: 0] += 1
        return Delivery(evaluation: evaluation, token: nextToken)
    }

    /// The worker is done: the evaluation is forgotten and its job's newest waiting one becomes ready.
    ///
    /// - Returns: false when the token is not, or no longer, that of the delivery.
    package mutating func acknowledge(_ id: ID, token: UInt64) -> Bool {
        guard let held = outstanding[id], held.token == token else { return false }
        outstanding[id] = nil
        forget(held.evaluation)
        let repeated = again.removeValue(forKey: id)
        releaseJob(of: held.evaluation)
        if let repeated, known.insert(id).inserted { line(up: repeated) }
        return true
    }

    /// The worker could not do it; it is delivered again later, or given up.
    package mutating func reject(_ id: ID, token: UInt64, now: Uptime) -> Bool {
        guard let held = outstanding[id], held.token == token else { return false }
        redeliver(held, now: now)
        return true
    }

    /// The worker is still at it.
    package mutating func renew(_ id: ID, token: UInt64, now: Uptime) -> Bool {
        guard var held = outstanding[id], held.token == token else { return false }
        held.deadline = now + settings.ackTimeout
        outstanding[id] = held
        return true
    }

    /// Its worker is no more: somebody else gets it at once, and it counts as never delivered.
    package mutating func takeBack(_ id: ID, token: UInt64) {
        guard let held = outstanding[id], held.token == token else { return }
        outstanding[id] = nil
        deliveries[id, default: 1] -= 1
        makeReady(held.evaluation)
    }

    /// Makes ready what has become due and takes back what workers have let lie.
    package mutating func tick(now: Uptime, wallClock: Timestamp) {
        while let first = scheduled.first, first.dueNanoseconds <= wallClock.nanoseconds {
            _ = scheduled.removeFirst()
            if known.contains(first.evaluation.id) { line(up: first.evaluation) }
        }
        while let first = redeliveries.first, first.dueNanoseconds <= now.nanoseconds {
            _ = redeliveries.removeFirst()
            if known.contains(first.evaluation.id) { makeReady(first.evaluation) }
        }
        let silent = outstanding.values.filter { $0.deadline <= now }.sorted { $0.token < $1.token }
        for held in silent { redeliver(held, now: now) }
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

    private mutating func line(up evaluation: Evaluation) {
        let job = JobName(namespace: evaluation.namespace, id: evaluation.jobID)
        if current[job] != nil {
            behind[job, default: []].append(evaluation)
        } else {
            current[job] = evaluation.id
            makeReady(evaluation)
        }
    }

    private mutating func makeReady(_ evaluation: Evaluation) {
        nextOrder += 1
        let isExpress = express[JobName(namespace: evaluation.namespace, id: evaluation.jobID)] != nil
        ready[evaluation.type, default: Heap(by: EvalBroker.precedes)].insert(
            Queued(evaluation: evaluation, isExpress: isExpress, order: nextOrder))
    }

    private mutating func redeliver(_ held: Outstanding, now: Uptime) {
        let evaluation = held.evaluation
        outstanding[evaluation.id] = nil
        let count = deliveries[evaluation.id] ?? 1
        guard count < settings.deliveriesMax else {
            forget(evaluation)
            again[evaluation.id] = nil
            failed.append(evaluation)
            releaseJob(of: evaluation)
            return
        }
        nextOrder += 1
        let due = now + (count == 1 ? settings.firstDelay : settings.laterDelay)
        redeliveries.insert(Delayed(evaluation: evaluation, dueNanoseconds: due.nanoseconds, order: nextOrder))
    }

    /// Of the job's waiting evaluations the newest becomes ready: it sees all that the others were made for.
    private mutating func releaseJob(of evaluation: Evaluation) {
        let job = JobName(namespace: evaluation.namespace, id: evaluation.jobID)
        current[job] = nil
        guard var waiting = behind.removeValue(forKey: job), !waiting.isEmpty else { return }
        waiting.sort { ($0.priority, $0.modifyIndex, $0.id) < ($1.priority, $1.modifyIndex, $1.id) }
        let next = waiting.removeLast()
        for old in waiting {
            forget(old)
            superseded.append(old)
        }
        current[job] = next.id
        makeReady(next)
    }

    private mutating func forget(_ evaluation: Evaluation) {
        known.remove(evaluation.id)
        deliveries[evaluation.id] = nil
    }

    private static func precedes(_ left: Queued, _ right: Queued) -> Bool {
        if left.isExpress != right.isExpress { return left.isExpress }
        return left.evaluation.priority != right.evaluation.priority
            ? left.evaluation.priority > right.evaluation.priority : left.order < right.order
    }
}
