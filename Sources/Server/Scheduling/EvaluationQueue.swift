internal import Basics
internal import Broker
internal import Model
internal import RPC
internal import Scheduling
internal import StateStore
internal import Synchronization

/// The leader's queues of evaluations, and the workers that wait at them: its own and those of other servers.
///
/// Decides under one lock and wakes outside it. On a server that does not lead it is disabled: empty, and turns workers away.
final class EvaluationQueue: Sendable {
    /// A server whose workers hold evaluations, in one of its lives.
    struct Borrower: Sendable, Hashable {
        let server: String
        let incarnation: ID
    }

    fileprivate struct Idle {
        let token: UInt64
        let types: [JobType]
        /// Nil for the leader's own.
        let borrower: Borrower?
        let deadline: Uptime
        let continuation: CheckedContinuation<EvalBroker.Delivery?, any Error>
    }

    fileprivate struct Loan {
        let token: UInt64
        let borrower: Borrower
    }

    fileprivate struct State {
        var broker: EvalBroker
        let desks: Int
        var blocked = BlockedEvaluations()
        var idle: [Idle] = []
        var nextToken: UInt64 = 0
        var enabled = false
        var paused = false
        /// Evaluations that a newer one of their job or its end made moot: the leader cancels them.
        var cancelled: [Evaluation] = []
        /// Evaluations given up that could not be marked so yet.
        var failed: [Evaluation] = []
        /// What workers of other servers hold.
        var loans: [ID: Loan] = [:]
        var eachNodeChanges = EachNodeChanges()
        /// Before that they are not handed out again.
        var eachNodeRest = Uptime(nanoseconds: 0)
    }

    /// How often jobs that run on each node are looked at again because of what changed; 1 s.
    private static let eachNodePause = Duration.seconds(1)

    private static let notLeading = CallError(.undone, "No cluster leader")

    private let time: any TimeSource
    /// Whose limits of quotas hold.
    private let region: String
    private let state: Mutex<State>

    /// `desks` is how many evaluations this server decides at once.
    init(
        time: any TimeSource, region: String, desks: Int, settings: EvalBroker.Settings = EvalBroker.Settings()
    ) {
        self.time = time
        self.region = region
        state = Mutex(State(broker: EvalBroker(settings: settings), desks: desks))
    }

    /// Starts anew with what the tables hold; called when this server becomes the leader.
    ///
    /// The newest snapshot is read under the lock: what is applied later comes through ``take(_:snapshot:)``, so nothing falls
    /// between the two. Blocked evaluations are tried at once, as room may have appeared that only the last leader knew of.
    func enable(from feed: ChangeFeed, term: UInt64) {
        change { state in
            let snapshot = feed.snapshot
            state.reset(term: term)
            state.enabled = true
            state.paused = snapshot.schedulerConfiguration.pauseEvalBroker
            var open: [Evaluation] = []
            snapshot.forEachEvaluation { evaluation in
                if !evaluation.status.isTerminal { open.append(evaluation) }
                return true
            }
            open.sort { ($0.createIndex, $0.id) < ($1.createIndex, $1.id) }
            for evaluation in open { state.broker.enqueue(evaluation, wallClock: time.now) }
            state.eachNodeChanges.noteAnything()
        }
    }

    /// Forgets everything and turns away who waits; called when leadership is lost.
    func disable() {
        let idle = state.withLock { state in
            state.enabled = false
            state.reset()
            defer { state.idle = [] }
            return state.idle
        }
        for idle in idle { idle.continuation.resume(throwing: Self.notLeading) }
    }

    /// Takes in what an entry changed.
    func take(_ outcome: ApplyOutcome, snapshot: Snapshot) {
        change { state in
            guard state.enabled else { return }
            if outcome.tables.contains(.schedulerConfiguration) {
                state.paused = snapshot.schedulerConfiguration.pauseEvalBroker
            }
            state.eachNodeChanges.note(outcome)
            for job in outcome.endedJobs {
                if let moot = state.blocked.forget(job: job.id, namespace: job.namespace) {
                    state.cancelled.append(moot)
                }
            }
            var (quotas, nodes) = (outcome.freedQuotas, outcome.freedNodes)
            for quota in quotas { state.blocked.loosen(quota: quota, index: outcome.index) }
            for row in nodes { state.blocked.free(node: row, index: outcome.index) }
            for evaluation in outcome.evaluations {
                if evaluation.status != .pending {
                    switch state.blocked.settle(evaluation.id) {
                    case .quota(let quota): quotas.insert(quota)
                    case .node(let row): nodes.insert(row)
                    case nil: break
                    }
                }
                state.take(evaluation, snapshot, wallClock: time.now)
                guard evaluation.status == .blocked else { continue }
                if state.blocked.hasUnseenRoom(evaluation) { quotas.insert(evaluation.quotaLimitReached) }
                nodes.formUnion(state.blocked.unseenNodes(by: evaluation))
            }
            let served = state.served(nodes, snapshot) + state.served(quotas, region: region, snapshot)
            for evaluation in state.woken(by: outcome) + served {
                state.broker.enqueue(evaluation, wallClock: time.now)
            }
        }
    }

    /// The next evaluation of one of the types, for a worker of this server or of `borrower`.
    ///
    /// Waits for it until `deadline`, as exact as the clock that calls ``tick()``. Nil when there is none by then, and when
    /// cancelled.
    ///
    /// - Throws: ``CallError``: `undone` when the server does not lead, or leads no more.
    func next(
        _ types: [JobType], for borrower: Borrower? = nil, until deadline: Uptime
    ) async throws -> EvalBroker.Delivery? {
        let token = state.withLock { state -> UInt64 in
            state.nextToken += 1
            return state.nextToken
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let idle = Idle(
                    token: token, types: types, borrower: borrower, deadline: deadline, continuation: continuation)
                var isTurnedAway = false
                change { state in
                    isTurnedAway = !state.enabled
                    if !isTurnedAway { state.idle.append(idle) }
                }
                guard !isTurnedAway else { return continuation.resume(throwing: Self.notLeading) }
                if Task.isCancelled { cancel(token) }
            }
        } onCancel: {
            cancel(token)
        }
    }

    /// Puts a job's evaluations ahead of all others while somebody waits for them.
    func beginExpress(_ job: JobKey) { change { $0.broker.beginExpress(job: job.id, namespace: job.namespace) } }

    func endExpress(_ job: JobKey) { change { $0.broker.endExpress(job: job.id, namespace: job.namespace) } }

    func acknowledge(_ id: ID, token: UInt64) {
        change { state in
            if state.broker.acknowledge(id, token: token) { state.loans[id] = nil }
        }
    }

    func reject(_ id: ID, token: UInt64) {
        change { state in
            if state.broker.reject(id, token: token, now: time.uptime) { state.loans[id] = nil }
        }
    }

    /// Whether the worker still holds the evaluation; prolongs its time if so.
    func renew(_ id: ID, token: UInt64) -> Bool {
        state.withLock { $0.broker.renew(id, token: token, now: time.uptime) }
    }

    /// Takes back what workers of other servers hold that are no more.
    func takeBack(where isGone: (Borrower) -> Bool) {
        change { state in
            let lost = state.loans.filter { isGone($0.value.borrower) }.sorted { $0.value.token < $1.value.token }
            for (id, loan) in lost {
                state.loans[id] = nil
                state.broker.takeBack(id, token: loan.token)
            }
        }
    }

    /// Carries out what is due; returns the evaluations to mark failed and those to mark cancelled.
    func tick() -> (failed: [Evaluation], cancelled: [Evaluation]) {
        var due: (failed: [Evaluation], cancelled: [Evaluation]) = ([], [])
        let late = state.withLock { state in
            let now = time.uptime
            defer { state.idle.removeAll { $0.deadline <= now } }
            return state.idle.filter { $0.deadline <= now }
        }
        for idle in late { idle.continuation.resume(returning: nil) }
        change { state in
            state.broker.tick(now: time.uptime, wallClock: time.now)
            state.dropStaleLoans()
            due = (
                state.failed + state.broker.takeFailed(), state.broker.takeSuperseded() + state.cancelled
            )
            state.failed = []
            state.cancelled = []
        }
        return due
    }

    /// What changed for jobs that run on each node since it was last taken; nil when nothing did, or that was a moment ago.
    func takeEachNodeChanges() -> EachNodeChanges? {
        state.withLock { state in
            let now = time.uptime
            guard state.enabled, !state.eachNodeChanges.isEmpty, now >= state.eachNodeRest else { return nil }
            state.eachNodeRest = now + Self.eachNodePause
            defer { state.eachNodeChanges = EachNodeChanges() }
            return state.eachNodeChanges
        }
    }

    /// Nobody was evaluated because of what ``takeEachNodeChanges()`` gave out.
    func putBackEachNodeChanges() { state.withLock { $0.eachNodeChanges.noteAnything() } }

    /// Takes back what ``tick()`` gave out and could not be marked: the next one gives it out again.
    func putBack(failed: [Evaluation], cancelled: [Evaluation]) {
        state.withLock { state in
            guard state.enabled else { return }
            state.failed += failed
            state.cancelled += cancelled
        }
    }

    var statistics: (broker: EvalBroker.Statistics, blocked: Int, loans: Int) {
        state.withLock { ($0.broker.statistics, $0.blocked.count, $0.loans.count) }
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
    fileprivate mutating func reset(term: UInt64 = 0) {
        broker.reset(term: term)
        loans = [:]
        blocked = BlockedEvaluations()
        eachNodeChanges = EachNodeChanges()
        cancelled = []
        failed = []
    }

    /// Forgets loans of which the broker took the evaluations back.
    fileprivate mutating func dropStaleLoans() {
        guard !loans.isEmpty else { return }
        loans = loans.filter { broker.outstandingToken($0.key) == $0.value.token }
    }

    /// Takes out what waits for what an entry changed about neighbours and the rules of placement.
    fileprivate mutating func woken(by outcome: ApplyOutcome) -> [Evaluation] {
        var woken: [Evaluation] = []
        if outcome.tables.contains(.schedulerConfiguration) { woken += blocked.unblockAll(index: outcome.index) }
        for job in outcome.thinnedJobs.sorted() {
            woken += blocked.unblock(job: JobName(namespace: job.namespace, id: job.id), index: outcome.index)
        }
        for (label, jobs) in outcome.movedLabels.sorted(by: { $0.key < $1.key }) {
            let names = jobs.sorted().map { JobName(namespace: $0.namespace, id: $0.id) }
            woken += blocked.unblock(label: label, of: names, index: outcome.index)
        }
        return woken
    }

    /// Takes out those whose turn it is to use what is left of nodes.
    fileprivate mutating func served(_ nodes: Set<NodeRow>, _ snapshot: Snapshot) -> [Evaluation] {
        guard blocked.waitsForNodes else { return [] }
        let mayEvict = blocked.waitsToEvict
        return nodes.sorted().flatMap { row in
            NodeRoom(row, snapshot, withHeld: mayEvict).map { blocked.serve(node: row, room: $0) } ?? []
        }
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
            let outcome = blocked.block(
                evaluation, nodePool: pool, labels: job.neighbourKeys(keepingBack: evaluation),
                need: PlacementNeed(evaluation, snapshot))
            switch outcome {
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
        while let match = nextMatch(now: now) { matched.append(match) }
        return matched
    }

    /// As long as the leader's own workers hold fewer evaluations than it has desks they come first, as what they decide needs no
    /// way back; then those of other servers do.
    private mutating func nextMatch(now: Uptime) -> (EvaluationQueue.Idle, EvalBroker.Delivery)? {
        guard broker.hasReady, !idle.isEmpty else { return nil }
        let isOwnTurn = broker.outstandingCount - loans.count < desks
        for prefersOwn in [isOwnTurn, !isOwnTurn] {
            for position in idle.indices where (idle[position].borrower == nil) == prefersOwn {
                guard let delivery = broker.dequeue(idle[position].types, now: now) else { continue }
                let taker = idle.remove(at: position)
                loans[delivery.id] = taker.borrower.map { .init(token: delivery.token, borrower: $0) }
                return (taker, delivery)
            }
        }
        return nil
    }
}
