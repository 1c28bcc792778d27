package import Basics
package import Model

/// Evaluations that wait for capacity, and what would wake each of them.
///
/// An evaluation that could not place everything knows which computed node classes its constraints admit. When capacity appears
/// on a node, only evaluations of its pool that its class may serve are woken. One that a quota kept back knows which, and is woken
/// in its turn when that quota has room for it (``QuotaLine``); if it waits for nothing else, nodes do not wake it. One whose
/// constraints name labels of other jobs' allocations is woken when such allocations come or go. At most one evaluation a job
/// waits; a newer one takes the place of the older.
package struct BlockedEvaluations: Sendable {
    package enum Outcome: Sendable, Equatable {
        /// It waits; `superseded` is the older evaluation of its job that it displaced, to be cancelled.
        case waiting(superseded: Evaluation?)
        /// Capacity appeared after the snapshot it was made from: try again at once.
        case tryAgain(superseded: Evaluation?)
        /// A newer evaluation of its job waits already: this one is to be cancelled.
        case outdated
    }

    private struct Waiting: Sendable {
        let evaluation: Evaluation
        /// The pool its job's nodes are in; `all` for any.
        let nodePool: String
        /// Labels of other jobs' allocations that keep it off nodes.
        let labels: Set<String>

        var job: JobName { JobName(namespace: evaluation.namespace, id: evaluation.jobID) }

        /// Nodes would not help it.
        var waitsForQuotaAlone: Bool { !evaluation.quotaLimitReached.isEmpty && evaluation.classEligibility.isEmpty }
    }

    private var waiting: [ID: Waiting] = [:]
    private var byJob: [JobName: ID] = [:]
    private var byLabel: [String: Set<ID>] = [:]
    private var lines: [String: QuotaLine] = [:]
    /// Quotas of whose room something is reserved for an evaluation that was woken.
    private var trying: [ID: String] = [:]
    /// Index at which capacity last appeared, by class, and the pool the class is of.
    private var appeared: [String: (index: UInt64, nodePool: String)] = [:]
    /// Index at which capacity last appeared anywhere.
    private var appearedAnywhere: UInt64 = 0
    /// When it last changed how placements are made.
    private var rulesChanged: UInt64 = 0
    private var labelLog = LabelLog()

    package init() {}

    package var count: Int { waiting.count }

    package func evaluation(ofJob id: String, namespace: String) -> Evaluation? {
        byJob[JobName(namespace: namespace, id: id)].flatMap { waiting[$0]?.evaluation }
    }

    /// Takes in an evaluation whose status is `blocked`; `nodePool` is the one its job's nodes are in, or `all`, `labels` are
    /// those of other jobs' allocations that its constraints name and that kept it off nodes.
    package mutating func block(
        _ evaluation: Evaluation, nodePool: String, labels: Set<String> = []
    ) -> Outcome {
        let entry = Waiting(evaluation: evaluation, nodePool: nodePool, labels: labels)
        var superseded: Evaluation?
        if let oldID = byJob[entry.job], let old = waiting[oldID]?.evaluation {
            if oldID != evaluation.id {
                guard old.createIndex <= evaluation.createIndex else { return .outdated }
                superseded = old
            }
            remove(oldID)
        }
        guard !missedCapacity(entry) else { return .tryAgain(superseded: superseded) }
        waiting[evaluation.id] = entry
        byJob[entry.job] = evaluation.id
        for label in labels { byLabel[label, default: []].insert(evaluation.id) }
        let quota = evaluation.quotaLimitReached
        if !quota.isEmpty { lines[quota, default: QuotaLine()].add(evaluation) }
        return .waiting(superseded: superseded)
    }

    /// Capacity appeared on nodes of `computedClass`, which are in `nodePool`, at `index`; takes out the evaluations it may
    /// serve, oldest first.
    package mutating func unblock(computedClass: String, nodePool: String, index: UInt64) -> [Evaluation] {
        appeared[computedClass] = (max(index, appeared[computedClass]?.index ?? 0), nodePool)
        appearedAnywhere = max(index, appearedAnywhere)
        return take(waiting.values.filter { BlockedEvaluations.mayServe(computedClass, nodePool, $0) })
    }

    /// Allocations of `jobs` that have `label` came or went at `index`; takes out the evaluations of other jobs that wait for
    /// that, oldest first.
    package mutating func unblock(label: String, of jobs: [JobName], index: UInt64) -> [Evaluation] {
        for job in jobs { labelLog.note(label, job, index: index) }
        let entries = byLabel[label, default: []].compactMap { waiting[$0] }
        return take(entries.filter { entry in jobs.contains { $0 != entry.job } })
    }

    /// How placements are made changed at `index`: takes out the evaluations that wait for nodes, oldest first.
    package mutating func unblockAll(index: UInt64) -> [Evaluation] {
        rulesChanged = max(index, rulesChanged)
        return take(waiting.values.filter { !$0.waitsForQuotaAlone })
    }

    /// The job is gone or its allocations are all placed: whatever waits for it is moot. Returns what was waiting.
    package mutating func forget(job id: String, namespace: String) -> Evaluation? {
        guard let evaluation = byJob[JobName(namespace: namespace, id: id)] else { return nil }
        return remove(evaluation)?.evaluation
    }

    private func missedCapacity(_ entry: Waiting) -> Bool {
        let snapshotIndex = entry.evaluation.snapshotIndex
        if entry.labels.contains(where: { labelLog.hasChanged($0, besides: entry.job, since: snapshotIndex) }) {
            return true
        }
        if rulesChanged > snapshotIndex, !entry.waitsForQuotaAlone { return true }
        guard appearedAnywhere > snapshotIndex else { return false }
        return appeared.contains { computedClass, last in
            last.index > snapshotIndex && Self.mayServe(computedClass, last.nodePool, entry)
        }
    }

    /// Whether nodes of the class may hold what the evaluation waits for: unless it is known that they cannot.
    private static func mayServe(_ computedClass: String, _ nodePool: String, _ entry: Waiting) -> Bool {
        guard entry.nodePool == "all" || entry.nodePool == nodePool else { return false }
        let evaluation = entry.evaluation
        if evaluation.escapedComputedClass { return true }
        return !entry.waitsForQuotaAlone && evaluation.classEligibility[computedClass] != false
    }

    private mutating func take(_ entries: [Waiting]) -> [Evaluation] {
        for entry in entries { remove(entry.evaluation.id) }
        return entries.map(\.evaluation).sorted { ($0.createIndex, $0.id) < ($1.createIndex, $1.id) }
    }

    @discardableResult
    private mutating func remove(_ id: ID) -> Waiting? {
        guard let entry = waiting.removeValue(forKey: id) else { return nil }
        if byJob[entry.job] == id { byJob[entry.job] = nil }
        for label in entry.labels {
            byLabel[label]?.remove(id)
            if byLabel[label]?.isEmpty == true { byLabel[label] = nil }
        }
        lines[entry.evaluation.quotaLimitReached]?.remove(entry.evaluation)
        return entry
    }
}

// MARK: - Quotas

extension BlockedEvaluations {
    /// The quota has more room since `index`; ``serve(quota:room:isHeld:)`` gives it to those that wait.
    package mutating func loosen(quota: String, index: UInt64) {
        lines[quota, default: QuotaLine()].loosen(index: index)
    }

    /// Whether its quota got more room after the snapshot that the evaluation was made from.
    package func hasUnseenRoom(_ evaluation: Evaluation) -> Bool {
        lines[evaluation.quotaLimitReached].map { $0.loosenedIndex > evaluation.snapshotIndex } ?? false
    }

    /// Takes out evaluations that have not seen the quota's newest room, by priority and the oldest first, as many as may use it;
    /// the others go on waiting until one of those is settled, or there is more.
    ///
    /// `room` is what is left of the quota. `isHeld` says whether an evaluation's namespace is still under that quota: who is not
    /// is woken whatever the room. The cost is that of the evaluations that wait for this quota.
    package mutating func serve(
        quota: String, room: QuotaRoomLeft, isHeld: (Evaluation) -> Bool
    ) -> [Evaluation] {
        guard let line = lines[quota] else { return [] }
        var left = line.unreserved(room)
        var woken: [Evaluation] = []
        for place in line.places {
            guard let evaluation = waiting[place.id]?.evaluation, hasUnseenRoom(evaluation) else { continue }
            if isHeld(evaluation) {
                guard let share = Self.share(of: evaluation, left) else { continue }
                left.take(share)
                lines[quota]?.reserve(share, for: evaluation.id)
                trying[evaluation.id] = quota
            }
            woken.append(evaluation)
        }
        for evaluation in woken { remove(evaluation.id) }
        return woken
    }

    /// What the evaluation may take of what is left; nil when there is no room for it. One that does not know what it needs gets
    /// all there is.
    private static func share(of evaluation: Evaluation, _ left: QuotaRoomLeft) -> QuotaRoomLeft? {
        guard let need = evaluation.quotaNeed else { return left.isOpen ? left : nil }
        return need.any.contains { left.holds(QuotaRoomLeft($0)) } ? QuotaRoomLeft(need.all) : nil
    }

    /// An evaluation has come to an end, or waits again: what was reserved for it is free. Returns the quota whose room that is.
    package mutating func settle(_ id: ID) -> String? {
        guard let quota = trying.removeValue(forKey: id) else { return nil }
        lines[quota]?.release(id)
        return quota
    }
}
