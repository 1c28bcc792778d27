import Basics
import Model

extension State {
    /// Makes an evaluation whose id and time follow from the entry.
    mutating func addEvaluation(_ outcome: inout ApplyOutcome, _ fill: (inout Evaluation) -> Void) {
        var evaluation = Evaluation()
        evaluation.id = outcome.nextID()
        evaluation.createTime = outcome.time
        evaluation.modifyTime = outcome.time
        fill(&evaluation)
        upsert(evaluation, &outcome)
    }

    mutating func update(_ evaluations: [Evaluation], _ outcome: inout ApplyOutcome) {
        for evaluation in evaluations {
            var evaluation = evaluation
            evaluation.modifyTime = outcome.time
            if evaluation.createTime == .never { evaluation.createTime = outcome.time }
            upsert(evaluation, &outcome)
            if evaluation.status == .complete, evaluation.failedTGAllocs.isEmpty {
                cancelBlocked(besides: evaluation, &outcome)
            }
        }
    }

    /// A job all of whose wishes are met has nothing left to wait for.
    private mutating func cancelBlocked(besides complete: Evaluation, _ outcome: inout ApplyOutcome) {
        let key = JobKey(namespace: complete.namespace, id: complete.jobID)
        guard let record = jobs[key], record.body.openEvaluationCount > 0 else { return }
        var blocked: [Evaluation] = []
        record.body.evaluations.forEach { row in
            guard let other = evaluations[Int(row)]?.evaluation, other.status == .blocked, other.id != complete.id
            else { return }
            blocked.append(other)
        }
        for var other in blocked {
            other.status = .canceled
            other.statusDescription = "evaluation \"\(complete.id)\" successful"
            other.modifyTime = outcome.time
            upsert(other, &outcome)
        }
    }

    private mutating func upsert(_ evaluation: Evaluation, _ outcome: inout ApplyOutcome) {
        var evaluation = evaluation
        evaluation.modifyIndex = outcome.index
        let before = evaluationRow(evaluation.id)
        let old = before.flatMap { evaluations[Int($0)] }
        evaluation.createIndex = old?.evaluation.createIndex ?? outcome.index
        let row = before ?? UInt32(freeEvaluationRows.popLast().map(Int.init) ?? evaluations.limit)
        evaluations[Int(row)] = EvaluationRecord(
            evaluation: evaluation, allocations: old?.allocations ?? RowList())
        if before == nil {
            let table = evaluations
            evaluationIndex.insert(evaluation.id, row: row) { table[Int($0)]?.evaluation.id ?? .none }
        }
        outcome.evaluations.append(evaluation)
        outcome.tables.insert(.evaluations)
        let wasOpen = old.map { !$0.evaluation.status.isTerminal } ?? false
        recordInJob(evaluation, row: row, isNew: before == nil, wasOpen: wasOpen, &outcome)
    }

    private mutating func recordInJob(
        _ evaluation: Evaluation, row: UInt32, isNew: Bool, wasOpen: Bool, _ outcome: inout ApplyOutcome
    ) {
        let key = JobKey(namespace: evaluation.namespace, id: evaluation.jobID)
        guard jobs[key] != nil else { return }
        let isOpen = !evaluation.status.isTerminal
        let index = outcome.index
        updateJob(key, &outcome) { body in
            if isNew { body.evaluations.append(row) }
            body.openEvaluationCount += (isOpen ? 1 : 0) - (wasOpen ? 1 : 0)
            body.hadWork = true
            body.evaluationIndex = index
            guard evaluation.status != .pending, evaluation.status != .canceled else { return }
            for (group, count) in evaluation.queuedAllocations where body.groups[group]?.queued != count {
                body.groups[group, default: TaskGroupSummary()].queued = count
                body.summaryIndex = index
            }
        }
    }
}

extension Evaluation {
    /// Takes over what every evaluation of `job` has.
    mutating func fill(from job: Job, trigger: EvaluationTrigger) {
        namespace = job.namespace
        jobID = job.id
        priority = job.priority > 0 ? job.priority : 50
        type = job.type
        jobModifyIndex = job.jobModifyIndex
        triggeredBy = trigger
    }
}
