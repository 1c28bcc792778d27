import Basics
import CDroverABI
package import Model
package import StateStore

/// A question about an evaluation's placements: which node is what to each of its groups, and why.
///
/// As for an evaluation, its owner asks a scheduler in between: the processor's `inquire` builds a problem of one more
/// instance of every group, with the scores of all nodes wanted; its `explain` reads them. Nothing is placed.
package struct PlacementInquiry: Sendable {
    package let evaluation: Evaluation
    package let job: Job
    package let snapshot: Snapshot
    let problem: PlacementProblem
    let neighbours: NeighbourLabels

    /// Nodes shown of each group when none is asked about.
    private static let bestShown = 5

    /// Puts the answer together; `nodes` are the nodes asked about, `outcome` is a plan not yet committed, for `job plan`.
    func explain(
        nodes: [NodeRow], answer: UnsafeRawBufferPointer, view: ClusterView, outcome: EvaluationOutcome? = nil
    ) -> PlacementExplanation {
        let scores = PlacementScores(answer, groupCount: problem.groups.count)
        var explanation = PlacementExplanation()
        explanation.evalID = evaluation.id
        explanation.namespace = job.namespace
        explanation.jobID = job.id
        explanation.index = snapshot.index
        explanation.groups = problem.groups.enumerated().map { index, group in
            let best = Array(scores.ranked(index).prefix(Self.bestShown))
            var told = history(group, outcome, now: metric(group, best, view))
            told.taskGroup = group.name
            let impossible =
                ImpossibleAsks.oversized(group, view) + ImpossibleAsks.contradictions(job, group.definition)
            told.impossible = impossible.map(\.description)
            let inspector = NodeInspector(
                job: job, problem: group, view: view, snapshot: snapshot, neighbours: neighbours)
            let chosen = chosenNodes(group, outcome)
            let asked = nodes.isEmpty ? best.map(\.node) : nodes
            told.nodes = asked.map { row in
                node(row, index, inspector, scores, isChosen: chosen.contains(row))
            }
            return told
        }
        return explanation
    }

    // MARK: - What was decided

    /// The group's metric as it would be now.
    private func metric(_ group: ProblemGroup, _ scores: [drover_score], _ view: ClusterView) -> AllocationMetric {
        PlacementExplainer(
            group: group, nodePool: job.nodePool, view: view, usage: PlanUsage(view: view, freed: [:]),
            hardware: HardwareAssigner(snapshot: snapshot, view: view, freed: [:]), tally: LimitTally(), openNodes: nil
        ).metric(scores: scores, failed: 0, duration: .zero)
    }

    /// Counts and metric as the evaluation left them, or as the plan would; `now` stands in where nothing was to be placed.
    private func history(
        _ group: ProblemGroup, _ outcome: EvaluationOutcome?, now: AllocationMetric
    ) -> GroupExplanation {
        var told = GroupExplanation()
        told.metric = now
        if let outcome {
            let batches = outcome.plan.placements.filter { $0.taskGroup == group.name }
            told.placed = batches.reduce(0) { $0 + $1.ids.count }
            told.failed = outcome.unplaced[group.name] ?? 0
            told.metric = outcome.failed[group.name] ?? batches.first?.metric ?? now
            return told
        }
        let rows = snapshot.allocations(ofEvaluation: evaluation.id).filter { $0.taskGroup == group.name }
        told.placed = rows.count
        if let metric = evaluation.failedTGAllocs[group.name] {
            told.failed = metric.coalescedFailures + 1
            told.metric = metric
        } else if let row = rows.first, let metric = snapshot.allocation(row, withJob: false).metrics {
            told.metric = metric
        }
        return told
    }

    private func chosenNodes(_ group: ProblemGroup, _ outcome: EvaluationOutcome?) -> Set<NodeRow> {
        if let outcome {
            return Set(outcome.plan.placements.filter { $0.taskGroup == group.name }.flatMap(\.nodes))
        }
        return Set(
            snapshot.allocations(ofEvaluation: evaluation.id).filter { $0.taskGroup == group.name }.map(\.node))
    }

    // MARK: - One node

    private func node(
        _ row: NodeRow, _ group: Int, _ inspector: NodeInspector, _ scores: PlacementScores, isChosen: Bool
    ) -> NodeExplanation {
        var told = NodeExplanation()
        told.nodeID = snapshot.node(row)?.id ?? .none
        told.nodeName = snapshot.node(row)?.name ?? ""
        let found = scores.score(group, row)
        if let found {
            told.rank = found.rank
            told.score = drover_score.value(found.score.final_score)
            told.scores = found.score.parts
        }
        if isChosen {
            told.verdict = "chosen"
            told.reason = "an instance of the group is placed here"
        } else if let verdict = inspector.verdict(row) {
            told.verdict = verdict.kind.rawValue
            told.reason = verdict.reason
            told.change = verdict.change
        } else {
            told.verdict = "feasible"
            rate(&told, found?.score, scores.best(group))
        }
        return told
    }

    /// Says how far a node that would do is behind the best one, and in what.
    private func rate(_ told: inout NodeExplanation, _ own: drover_score?, _ best: drover_score?) {
        guard let own, let best else {
            told.reason = "the node would do; the scheduler gave no score for it"
            return
        }
        guard own.final_score < best.final_score else {
            told.reason = "none scores higher: one more instance would go here, or to a node that ties with it"
            return
        }
        told.reason = "scores \(text(own.final_score)), the best node \(text(best.final_score))"
        let behind = best.parts.map { ($0.key, $0.value - (own.parts[$0.key] ?? 0)) }
            .max { ($0.1, $1.0) < ($1.1, $0.0) }
        guard let (part, gap) = behind, gap > 0 else { return }
        told.change = "make up for \(fixed(gap)) in \(part)"
    }

    private func text(_ score: Int32) -> String { fixed(drover_score.value(score)) }

    /// Three decimals, without Foundation.
    private func fixed(_ value: Double) -> String {
        let thousandths = Int((abs(value) * 1_000).rounded())
        let digits = String(thousandths % 1_000)
        let padded = String(repeating: "0", count: 3 - digits.count) + digits
        return "\(value < 0 ? "-" : "")\(thousandths / 1_000).\(padded)"
    }
}
