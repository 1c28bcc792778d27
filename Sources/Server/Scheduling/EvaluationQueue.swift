internal import Basics
internal import Broker
internal import Model
internal import Scheduling
internal import StateStore
internal import Synchronization

/// The leader's queues of evaluations, and the workers that wait at them.
///
/// Decides under one lock and wakes outside it. On a server that does not lead it is disabled: empty, and workers wait.
final class EvaluationQueue: Sendable {
    fileprivate struct Idle {
        let token: UInt64
        let types: [JobType]
        let continuation: CheckedContinuation<EvalBroker.Delivery?, Never>
    }

    fileprivate struct State {
        var broker: EvalBroker
        var blocked = BlockedEvaluations()
        var idle: [Idle] = []
        var nextToken: UInt64 = 0
        var enabled = false
        var paused = false
        /// Evaluations that a newer one of their job or its end made moot: the leader cancels them.
        var cancelled: [Evaluation] = []
        /// Evaluations given up that could not be marked so yet.
        var failed: [Evaluation] = []
    }

    private let time: any TimeSource
    /// Whose limits of quotas hold.
    private let region: String
    private let state: Mutex<State>

    init(time: any TimeSource, region: String, settings: EvalBroker.Settings = EvalBroker.Settings()) {
        self.time = time
        self.region = region
        state = Mutex(State(broker: EvalBroker(settings: settings)))
    }

    /// Starts anew with what the tables hold; called when this server becomes the leader.
    ///
    /// The newest snapshot is read under the lock: what is applied later comes through ``take(_:snapshot:)``, so nothing falls
    /// between the two. Blocked evaluations are tried at once, as room may have appeared that only the last leader knew of.
    func enable(from feed: ChangeFeed) {
        change { state in
            let snapshot = feed.snapshot
            state.reset()
            state.enabled = true
            state.paused = snapshot.schedulerConfiguration.pauseEvalBroker
            var open: [Evaluation] = []
            snapshot.forEachEvaluation { evaluation in
                if !evaluation.status.isTerminal { open.append(evaluation) }
                return true
            }
            open.sort { ($0.createIndex, $0.id) < ($1.createIndex, $1.id) }
            for evaluation in open { state.broker.enqueue(evaluation, wallClock: time.now) }
        }
    }

    /// Forgets everything; called when leadership is lost.
    func disable() {
        change { state in
            state.enabled = false
            state.reset()
        }
    }

    /// Takes in what an entry changed.
    func take(_ outcome: ApplyOutcome, snapshot: Snapshot) {
        change { state in
            guard state.enabled else { return }
            if outcome.tables.contains(.schedulerConfiguration) {
                state.paused = snapshot.schedulerConfiguration.pauseEvalBroker
            }
            for job in outcome.endedJobs {
                if let moot = state.blocked.forget(job: job.id, namespace: job.namespace) {
                    state.cancelled.append(moot)
                }
            }
            var quotas = outcome.freedQuotas
            for quota in quotas { state.blocked.loosen(quota: quota, index: outcome.index) }
            for evaluation in outcome.evaluations {
                if evaluation.status != .pending, let quota = state.blocked.settle(evaluation.id) {
                    quotas.insert(quota)
                }
                state.take(evaluation, snapshot, wallClock: time.now)
                if evaluation.status == .blocked, state.blocked.hasUnseenRoom(evaluation) {
                    quotas.insert(evaluation.quotaLimitReached)
                }
            }
            for evaluation in state.woken(by: outcome) + state.served(quotas, region: region, snapshot) {
                state.broker.enqueue(evaluation, wallClock: time.now)
            }
        }
    }

    /// The next evaluation of one of the types; waits for it. Nil when cancelled.
    func next(_ types: [JobType]) async -> EvalBroker.Delivery? {
        let token = state.withLock { state -> UInt64 in
            state.nextToken += 1
            return state.nextToken
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                change { state in
                    state.idle.append(Idle(token: token, types: types, continuation: continuation))
                }
                if Task.isCancelled { cancel(token) }
            }
        } onCancel: {
            cancel(token)
        }
    }

    /// Puts a job's evaluations ahead of all others while somebody waits for them.
    func beginExpress(_ job: JobKey) { change { $0.broker.beginExpress(job: job.id, namespace: job.namespace) } }

    func endExpress(_ job: JobKey) { change { $0.broker.endExpress(job: job.id, namespace: job.namespace) } }

    func acknowledge(_ delivery: EvalBroker.Delivery) {
        change { _ = $0.broker.acknowledge(delivery.evaluation.id, token: delivery.token) }
    }

    func reject(_ delivery: EvalBroker.Delivery) {
        change { _ = $0.broker.reject(delivery.evaluation.id, token: delivery.token, now: time.uptime) }
    }

    /// Whether the worker still holds the evaluation; prolongs its time if so.
    func renew(_ delivery: EvalBroker.Delivery) -> Bool {
        state.withLock { $0.broker.renew(delivery.evaluation.id, token: delivery.token, now: time.uptime) }
    }

    /// Carries out what is due; returns the evaluations to mark failed and those to mark cancelled.
    func tick() -> (failed: [Evaluation], cancelled: [Evaluation]) {
        var due: (failed: [Evaluation], cancelled: [Evaluation]) = ([], [])
        change { state in
            state.broker.tick(now: time.uptime, wallClock: time.now)
            due = (
                state.failed + state.broker.takeFailed(), state.broker.takeSuperseded() + state.cancelled
            )
            state.failed = []
            state.cancelled = []
        }
        return due
    }

    /// Takes back what ``tick()`` gave out and could not be marked: the next one gives it out again.
    func putBack(failed: [Evaluation], cancelled: [Evaluation]) {
        state.withLock { state in
            guard state.enabled else { return }
            state.failed += failed
            state.cancelled += cancelled
        }
    }

    var statistics: (broker: EvalBroker.Statistics, blocked: Int) {
        state.withLock { ($0.broker.statistics, $0.blocked.count) }
    }

    /// Changes the state, then hands out what became ready.
    private func change(_ body: (inout State) -> Void) {
        let deliveries = state.withLock { state in
            body(&state)
            return state.match(now: time.uptime)
        }
        for (idle, delivery) in deliveries { idle.continuation.resume(returning: delivery) }
    }

    private func cancel(_ token: UInt64) {
        let idle = state.withLock { state -> Idle? in
            guard let position = state.idle.firstIndex(where: { $0.token == token }) else { return nil }
            return state.idle.remove(at: position)
        }
        idle?.continuation.resume(returning: nil)
    }
}

extension EvaluationQueue.State {
    fileprivate mutating func reset() {
        broker.reset()
        blocked = BlockedEvaluations()
        cancelled = []
        failed = []
    }

    /// Takes out what waits for what an entry changed about nodes and neighbours.
    fileprivate mutating func woken(by outcome: ApplyOutcome) -> [Evaluation] {
        var woken: [Evaluation] = []
        for (name, pool) in outcome.freedClasses.sorted(by: { $0.key < $1.key }) {
            woken += blocked.unblock(computedClass: name, nodePool: pool, index: outcome.index)
        }
        for (label, jobs) in outcome.movedLabels.sorted(by: { $0.key < $1.key }) {
            let names = jobs.sorted().map { JobName(namespace: $0.namespace, id: $0.id) }
            woken += blocked.unblock(label: label, of: names, index: outcome.index)
        }
        return woken
    }

    /// Takes out those whose turn it is to use what is left of quotas.
    fileprivate mutating func served(_ quotas: Set<String>, region: String, _ snapshot: Snapshot) -> [Evaluation] {
        quotas.sorted().flatMap { quota in
            let left = QuotaRoom.left(quota: quota, region: region, snapshot: snapshot)
            return blocked.serve(quota: quota, room: QuotaRoomLeft(left)) {
                snapshot.namespace($0.namespace)?.quota == quota
            }
        }
    }

    fileprivate mutating func take(_ evaluation: Evaluation, _ snapshot: Snapshot, wallClock: Timestamp) {
        switch evaluation.status {
        case .pending: broker.enqueue(evaluation, wallClock: wallClock)
        case .blocked:
            let job = snapshot.jobRecord(evaluation.namespace, evaluation.jobID)?.current?.job ?? Job()
            let pool = job.nodePool.isEmpty ? "default" : job.nodePool
            switch blocked.block(evaluation, nodePool: pool, labels: job.neighbourKeys(keepingBack: evaluation)) {
            case .waiting(let superseded): if let superseded { cancelled.append(superseded) }
            case .outdated: cancelled.append(evaluation)
            case .tryAgain(let superseded):
                if let superseded { cancelled.append(superseded) }
                broker.enqueue(evaluation, wallClock: wallClock)
            }
        case .complete, .failed, .canceled:
            // Settled while it waited for room: waking it would do again what is done.
            let waiting = blocked.evaluation(ofJob: evaluation.jobID, namespace: evaluation.namespace)
            if waiting?.id == evaluation.id {
                _ = blocked.forget(job: evaluation.jobID, namespace: evaluation.namespace)
            }
        }
    }

    fileprivate mutating func match(now: Uptime) -> [(EvaluationQueue.Idle, EvalBroker.Delivery)] {
        guard enabled, !paused else { return [] }
        var matched: [(EvaluationQueue.Idle, EvalBroker.Delivery)] = []
        var position = 0
        while position < idle.count {
            if let delivery = broker.dequeue(idle[position].types, now: now) {
                matched.append((idle.remove(at: position), delivery))
            } else {
                position += 1
            }
        }
        return matched
    }
}
