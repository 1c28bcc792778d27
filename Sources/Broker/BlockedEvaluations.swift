internal import Basics
package import Model

/// Evaluations that wait for capacity, and what would wake each of them.
///
/// An evaluation that could not place everything knows which computed node classes its constraints admit. When capacity appears
/// on a node, only evaluations of its pool that its class may serve are woken. One that a quota kept back knows which, and is woken when
/// that quota has more room; if it waits for nothing else, nodes do not wake it. At most one evaluation a job waits; a newer
/// one takes the place of the older.
package struct BlockedEvaluations: Sendable {
    package enum Outcome: Sendable, Equatable {
        /// It waits; `superseded` is the older evaluation of its job that it displaced, to be cancelled.
        case waiting(superseded: Evaluation?)
        /// Capacity appeared after the snapshot it was made from: try again at once.
        case tryAgain(superseded: Evaluation?)
        /// A newer evaluation of its job waits already: this one is to be cancelled.
        case outdated
    }

    private struct JobName: Hashable {
        let namespace: String
        let id: String
    }

    private struct Waiting: Sendable {
        let evaluation: Evaluation
        /// The pool its job's nodes are in; `all` for any.
        let nodePool: String
    }

    private var waiting: [ID: Waiting] = [:]
    private var byJob: [JobName: ID] = [:]
    /// Index at which capacity last appeared, by class, and the pool the class is of.
    private var appeared: [String: (index: UInt64, nodePool: String)] = [:]
    /// Index at which each quota last had more room than before.
    private var loosened: [String: UInt64] = [:]
    /// Index at which capacity last appeared anywhere.
    private var appearedAnywhere: UInt64 = 0

    package init() {}

    package var count: Int { waiting.count }

    package func evaluation(ofJob id: String, namespace: String) -> Evaluation? {
        byJob[JobName(namespace: namespace, id: id)].flatMap { waiting[$0]?.evaluation }
    }

    /// Takes in an evaluation whose status is `blocked`; `nodePool` is the one its job's nodes are in, or `all`.
    package mutating func block(_ evaluation: Evaluation, nodePool: String) -> Outcome {
        let job = JobName(namespace: evaluation.namespace, id: evaluation.jobID)
        var superseded: Evaluation?
        if let oldID = byJob[job], let old = waiting[oldID]?.evaluation, oldID != evaluation.id {
            guard old.createIndex <= evaluation.createIndex else { return .outdated }
            waiting[oldID] = nil
            superseded = old
        }
        let entry = Waiting(evaluation: evaluation, nodePool: nodePool)
        guard !missedCapacity(entry) else {
            byJob[job] = nil
            return .tryAgain(superseded: superseded)
        }
        waiting[evaluation.id] = entry
        byJob[job] = evaluation.id
        return .waiting(superseded: superseded)
    }

    /// Capacity appeared on nodes of `computedClass`, which are in `nodePool`, at `index`; takes out the evaluations it may
    /// serve, oldest first.
    package mutating func unblock(computedClass: String, nodePool: String, index: UInt64) -> [Evaluation] {
        appeared[computedClass] = (max(index, appeared[computedClass]?.index ?? 0), nodePool)
        appearedAnywhere = max(index, appearedAnywhere)
        return take { BlockedEvaluations.mayServe(computedClass, nodePool, $0) }
    }

    /// There is more room in `quota` since `index`; takes out the evaluations that wait for it, oldest first.
    package mutating func unblock(quota: String, index: UInt64) -> [Evaluation] {
        loosened[quota] = max(index, loosened[quota] ?? 0)
        return take { $0.evaluation.quotaLimitReached == quota }
    }

    /// The job is gone or its allocations are all placed: whatever waits for it is moot. Returns what was waiting.
    package mutating func forget(job id: String, namespace: String) -> Evaluation? {
        guard let evaluation = byJob.removeValue(forKey: JobName(namespace: namespace, id: id)) else { return nil }
        return waiting.removeValue(forKey: evaluation)?.evaluation
    }

    private func missedCapacity(_ entry: Waiting) -> Bool {
        let snapshotIndex = entry.evaluation.snapshotIndex
        if let index = loosened[entry.evaluation.quotaLimitReached], index > snapshotIndex { return true }
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
        let waitsForQuotaAlone = !evaluation.quotaLimitReached.isEmpty && evaluation.classEligibility.isEmpty
        return !waitsForQuotaAlone && evaluation.classEligibility[computedClass] != false
    }

    private mutating func take(where matches: (Waiting) -> Bool) -> [Evaluation] {
        let taken = waiting.values.filter(matches).map(\.evaluation)
            .sorted { ($0.createIndex, $0.id) < ($1.createIndex, $1.id) }
        for evaluation in taken {
            waiting[evaluation.id] = nil
            byJob[JobName(namespace: evaluation.namespace, id: evaluation.jobID)] = nil
        }
        return taken
    }
}
