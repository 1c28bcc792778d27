import Basics
package import Model
package import StateStore

/// An evaluation after reconciling, before a scheduler has chosen nodes. One reference, handed from step to step.
package final class PreparedEvaluation {
    package let evaluation: Evaluation
    package let snapshot: Snapshot
    /// Nil when the job is purged.
    package let job: Job?
    package let reconciliation: Reconciliation
    /// Nil when nothing is to be placed: no scheduler has to be asked.
    package internal(set) var problem: PlacementProblem?
    /// Allocations may be evicted to place what is asked for.
    package var offersCandidates: Bool { problem?.candidates.isEmpty == false }
    /// What the namespace's quota has no room for; already taken out of ``reconciliation``.
    package let quotaCut: QuotaCut?
    let createTime: Timestamp

    init(
        evaluation: Evaluation, snapshot: Snapshot, job: Job?, reconciliation: Reconciliation, quotaCut: QuotaCut?,
        createTime: Timestamp
    ) {
        self.evaluation = evaluation
        self.snapshot = snapshot
        self.job = job
        self.reconciliation = reconciliation
        self.quotaCut = quotaCut
        self.createTime = createTime
    }

    /// The plan with everything in it but placements.
    var emptyPlan: Plan {
        var plan = Plan()
        plan.evalID = evaluation.id
        plan.priority = evaluation.priority
        plan.namespace = evaluation.namespace
        plan.jobID = evaluation.jobID
        plan.jobVersion = job?.version ?? 0
        plan.snapshotIndex = snapshot.index
        plan.stops = reconciliation.stops
        plan.inPlaceUpdates = reconciliation.inPlaceUpdates
        plan.createTime = createTime
        return plan
    }
}
