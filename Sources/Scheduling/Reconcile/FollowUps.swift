import Basics
import Model

/// The evaluations an evaluation leaves behind for later.
struct FollowUps {
    private(set) var evaluations: [Evaluation] = []
    private let origin: Evaluation
    private let newID: () -> ID
    private var rollingUpdate: Int?

    /// Reschedulings that fall due within this time of each other share an evaluation.
    private static let bucket = Duration.seconds(5)

    init(_ origin: Evaluation, newID: @escaping () -> ID) {
        self.origin = origin
        self.newID = newID
    }

    /// The evaluation that is to replace a failed allocation at `time`.
    mutating func reschedule(at time: Timestamp) -> ID {
        let shared = evaluations.first { evaluation in
            evaluation.triggeredBy == .retryFailedAllocation && time >= evaluation.waitUntil
                && time - evaluation.waitUntil <= Self.bucket
        }
        if let shared { return shared.id }
        let evaluation = make(.retryFailedAllocation, at: time, "created for delayed rescheduling")
        evaluations.append(evaluation)
        return evaluation.id
    }

    /// The evaluation that goes on with a rolling update: one a job, at the earliest time asked for.
    mutating func rollingUpdate(at time: Timestamp) {
        if let known = rollingUpdate {
            evaluations[known].waitUntil = min(evaluations[known].waitUntil, time)
            return
        }
        rollingUpdate = evaluations.count
        evaluations.append(make(.rollingUpdate, at: time, "created to continue a rolling update"))
    }

    /// The evaluation at the end of allocations' time to come back.
    mutating func disconnectTimeout(at time: Timestamp) -> ID {
        let shared = evaluations.first { $0.triggeredBy == .maxDisconnectTimeout && $0.waitUntil == time }
        if let shared { return shared.id }
        let evaluation = make(.maxDisconnectTimeout, at: time, "created for allocations that may come back until then")
        evaluations.append(evaluation)
        return evaluation.id
    }

    private func make(_ trigger: EvaluationTrigger, at time: Timestamp, _ description: String) -> Evaluation {
        var evaluation = Evaluation()
        evaluation.id = newID()
        evaluation.namespace = origin.namespace
        evaluation.priority = origin.priority
        evaluation.type = origin.type
        evaluation.triggeredBy = trigger
        evaluation.jobID = origin.jobID
        evaluation.jobModifyIndex = origin.jobModifyIndex
        evaluation.status = .pending
        evaluation.statusDescription = description
        evaluation.waitUntil = time
        evaluation.previousEval = origin.id
        return evaluation
    }
}
