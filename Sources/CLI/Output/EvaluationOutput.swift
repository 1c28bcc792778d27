internal import APIClient
internal import Basics
internal import Model

/// Evaluations as `eval status` and `eval list` show them.
struct EvaluationOutput {
    let shown: Shown

    func list(_ evaluations: [Evaluation]) -> String {
        guard !evaluations.isEmpty else { return "No evals found" }
        let heading = [
            "ID", "Priority", "Triggered By", "Job ID", "Namespace", "Node ID", "Status", "Placement Failures",
        ]
        let rows = evaluations.sorted { $0.createIndex > $1.createIndex }.map { evaluation in
            [
                shown.id(evaluation.id), String(evaluation.priority), evaluation.triggeredBy.rawValue, evaluation.jobID,
                evaluation.namespace, shown.id(evaluation.nodeID), evaluation.status.rawValue, failures(evaluation),
            ]
        }
        return Table.list(heading, rows)
    }

    func facts(_ evaluation: Evaluation) -> String {
        var pairs: [(String, String)] = [
            ("ID", shown.verbose ? evaluation.id.description : evaluation.id.short),
            ("Create Time", shown.age(evaluation.createTime)), ("Modify Time", shown.age(evaluation.modifyTime)),
            ("Status", evaluation.status.rawValue),
            (
                "Status Description",
                evaluation.statusDescription.isEmpty ? evaluation.status.rawValue : evaluation.statusDescription
            ), ("Type", evaluation.type.rawValue), ("TriggeredBy", evaluation.triggeredBy.rawValue),
        ]
        if !evaluation.nodeID.isNone { pairs.append(("Node ID", shown.id(evaluation.nodeID))) }
        pairs += [
            ("Job ID", evaluation.jobID), ("Namespace", evaluation.namespace),
            ("Priority", String(evaluation.priority)),
            ("Placement Failures", failures(evaluation)),
        ]
        if !evaluation.quotaLimitReached.isEmpty { pairs.append(("Quota Limit", evaluation.quotaLimitReached)) }
        if shown.verbose {
            pairs += [
                ("Previous Eval", evaluation.previousEval.description), ("Next Eval", evaluation.nextEval.description),
                ("Blocked Eval", evaluation.blockedEval.description),
            ]
        }
        return Table.pairs(pairs)
    }

    /// What it could not place and, when one waits for room, which evaluation goes on.
    func failedPlacements(_ evaluation: Evaluation) -> String? {
        guard !evaluation.failedTGAllocs.isEmpty else { return nil }
        var text = shown.paint.bold("Failed Placements") + "\n"
        text += MetricOutput(shown: shown).failures(evaluation.failedTGAllocs)
        if !evaluation.blockedEval.isNone {
            let waiting = "Evaluation \"\(shown.id(evaluation.blockedEval))\" waiting"
            text += "\n\n\(waiting) for additional capacity to place remainder"
        }
        return text
    }

    private func failures(_ evaluation: Evaluation) -> String {
        evaluation.status == .blocked ? "N/A - In Progress" : String(!evaluation.failedTGAllocs.isEmpty)
    }
}
