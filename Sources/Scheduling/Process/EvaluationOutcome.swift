import Basics
package import Model
import StateStore

/// What an evaluation comes to: the plan, and how the evaluation ends if the plan is committed as it is.
package struct EvaluationOutcome: Sendable {
    package let plan: Plan
    /// The evaluation as it is to be stored once the plan is committed.
    package private(set) var evaluation: Evaluation
    /// Evaluations that follow: delayed ones, the next step of a rolling update. To be stored before or with the plan,
    /// as the plan's stops may name them.
    package private(set) var followUps: [Evaluation]
    /// Waits for room for what was not placed; nil when all was, or when the evaluation itself is blocked again.
    package private(set) var blocked: Evaluation?
    /// Why instances were not placed, by group.
    package internal(set) var failed: [String: AllocationMetric] = [:]
    /// How many, by group.
    package internal(set) var unplaced: [String: Int] = [:]
    package internal(set) var desired: [String: DesiredUpdates]
    /// Instances found no node, whatever quotas had room for.
    private(set) var lacksNodes = false

    /// Times an evaluation's plan is made anew after a partial commit (Nomad: 5 for services, 2 for batch work).
    package static func attemptsMax(_ type: JobType) -> Int { type == .batch ? 2 : 5 }

    init(_ prepared: PreparedEvaluation, plan: Plan) {
        self.plan = plan
        followUps = prepared.reconciliation.followUps
        desired = prepared.reconciliation.desired
        evaluation = prepared.evaluation
        evaluation.status = .complete
        evaluation.statusDescription = ""
        evaluation.failedTGAllocs = [:]
        evaluation.classEligibility = [:]
        evaluation.escapedComputedClass = false
        evaluation.quotaLimitReached = ""
        evaluation.quotaNeed = nil
        evaluation.snapshotIndex = prepared.snapshot.index
        if let next = followUps.first { evaluation.nextEval = next.id }
        evaluation.queuedAllocations = [:]
        for group in prepared.job?.taskGroups ?? [] where prepared.job?.stop == false {
            evaluation.queuedAllocations[group.name] = 0
        }
    }

    /// Makes the evaluation that waits for room, or blocks this one again when it is one already.
    ///
    /// `groups` are those of which instances found no node; `cut` is what the quota had no room for.
    mutating func block(on groups: [ProblemGroup], _ cut: QuotaCut?, newID: ID) {
        if let cut { add(cut) }
        lacksNodes = !groups.isEmpty
        if plan.placements.allSatisfy(\.ids.isEmpty) {
            // Nothing came of this step of a rolling update: what waits for room goes on with it.
            followUps.removeAll { $0.triggeredBy == .rollingUpdate }
            evaluation.nextEval = followUps.first?.id ?? .none
        }
        evaluation.failedTGAllocs = failed
        for (group, count) in unplaced { evaluation.queuedAllocations[group] = count }
        var waiting = evaluation
        waiting.status = .blocked
        waiting.statusDescription = "created to place remaining allocations"
        waiting.nextEval = .none
        wait(in: &waiting, for: groups, cut)
        guard evaluation.triggeredBy != .queuedAllocations else {
            evaluation = waiting
            return
        }
        waiting.id = newID
        waiting.triggeredBy = .queuedAllocations
        waiting.previousEval = evaluation.id
        waiting.waitUntil = .never
        waiting.createIndex = 0
        waiting.modifyIndex = 0
        blocked = waiting
        evaluation.blockedEval = newID
    }

    /// Says what would help: nodes of which classes, room in which quota, or either.
    private func wait(in waiting: inout Evaluation, for groups: [ProblemGroup], _ cut: QuotaCut?) {
        for group in groups {
            if group.feasibility.isEscaped { waiting.escapedComputedClass = true }
            waiting.classEligibility.merge(group.feasibility.classEligibility) { $0 || $1 }
        }
        guard let cut else { return }
        waiting.quotaLimitReached = cut.quota
        waiting.quotaNeed = cut.need
        // Without a word on classes it would wait for the quota alone.
        if !groups.isEmpty, waiting.classEligibility.isEmpty { waiting.escapedComputedClass = true }
    }

    /// Counts instances that the quota had no room for as not placed.
    private mutating func add(_ cut: QuotaCut) {
        for (group, shortfall) in cut.shortfalls {
            let count = unplaced[group, default: 0] + shortfall.count
            unplaced[group] = count
            failed[group, default: AllocationMetric()].quotaExhausted = shortfall.labels
            failed[group]?.coalescedFailures = count - 1
        }
    }

    /// Tells with the evaluation what its counts do not: who placed it, what can never be placed.
    package mutating func note(_ text: String) { evaluation.note(text) }

    /// Tells why waiting is in vain, with the evaluation and with the one that waits.
    mutating func noteImpossible(_ text: String) {
        evaluation.note(text)
        blocked?.note(text)
    }

    /// What to store and whether to go on, now that the leader has answered.
    ///
    /// `result` is nil when the plan was empty and was not submitted; otherwise ``ending`` went along with it. `attempt` is how often the evaluation has been
    /// prepared, 1 for the first time.
    package func settle(_ result: PlanResult?, attempt: Int) -> Settlement {
        guard let result else { return .done(ending) }
        guard result.isPartial else { return .done([]) }
        guard attempt < Self.attemptsMax(evaluation.type) else { return .done(exhaustedEvaluations(result)) }
        return .retry(minimumIndex: result.refreshIndex)
    }

    /// The plan with the end of its evaluation, to be committed with it.
    package var endingPlan: Plan {
        var plan = plan
        plan.ending = ending
        return plan
    }

    /// The evaluations to store at the end; follow-ups are stored before the plan.
    private var ending: [Evaluation] { [evaluation] + (blocked.map { [$0] } ?? []) }

    /// How long an evaluation rests whose plans met others' again and again.
    private static let conflictPause = Duration.seconds(1)

    /// Gives up for now; another evaluation tries again a little later.
    private func exhaustedEvaluations(_ result: PlanResult) -> [Evaluation] {
        var failed = evaluation
        failed.status = .failed
        failed.statusDescription = "maximum attempts reached (\(Self.attemptsMax(evaluation.type)))"
        var waiting = blocked ?? evaluation
        if blocked == nil {
            // The plan's own id names the evaluation, so the next one follows from it on every server alike.
            waiting.id = ID(index: evaluation.id.high, ordinal: evaluation.id.low, salt: result.refreshIndex)
        }
        waiting.triggeredBy = .maxPlans
        waiting.statusDescription = "created due to placement conflicts"
        waiting.escapedComputedClass = true
        if result.quotaLimitReached.isEmpty {
            waiting.status = .pending
            waiting.waitUntil = plan.createTime + Self.conflictPause
        } else {
            // The quota itself says when there is room.
            waiting.status = .blocked
            waiting.quotaLimitReached = result.quotaLimitReached
            waiting.quotaNeed = nil
        }
        waiting.previousEval = evaluation.id
        waiting.createIndex = 0
        waiting.modifyIndex = 0
        if waiting.status == .blocked { failed.blockedEval = waiting.id } else { failed.nextEval = waiting.id }
        return [failed, waiting]
    }
}

/// How an evaluation goes on after its plan was answered.
package enum Settlement: Sendable {
    /// It is over: store these evaluations, if there are any that the plan did not bring along.
    case done([Evaluation])
    /// Part of the plan was refused: prepare again from a snapshot at least this new.
    case retry(minimumIndex: UInt64)
}

extension Evaluation {
    fileprivate mutating func note(_ text: String) {
        statusDescription = statusDescription.isEmpty ? text : "\(statusDescription); \(text)"
    }
}
