import Basics
import CDroverABI
import Model
import StateStore

/// A question about a group's placements by an evaluation: which node is what to it, and why.
///
/// As for an evaluation, its owner asks a scheduler in between: the processor's `inquire` builds a problem of one more
/// instance of the group, with the scores of all nodes wanted; its `explain` reads them. Nothing is placed. Each group has a
/// problem of its own, so that what is tried for one takes nothing from another.
package struct PlacementInquiry: Sendable {
    let evaluation: Evaluation
    let job: Job
    let snapshot: Snapshot
    let group: ProblemGroup
    let neighbours: NeighbourLabels

    /// Nodes shown when none is asked about.
    private static let bestShown = 5

    /// Puts the answer together; `nodes` are the nodes asked about, `outcome` is a plan not yet committed, for `job plan`.
    func explain(
        nodes: [NodeRow], answer: UnsafeRawBufferPointer, view: ClusterView, outcome: EvaluationOutcome?
    ) -> GroupExplanation {
        let scores = PlacementScores(answer)
        let best = Array(scores.ranked.prefix(Self.bestShown))
        var told = history(outcome, now: metric(best, view))
        told.taskGroup = group.name
        let impossible = ImpossibleAsks.oversized(group, view) + ImpossibleAsks.contradictions(job, group.definition)
        told.impossible = impossible.map(\.description)
        let inspector = NodeInspector(
            job: job, problem: group, view: view, snapshot: snapshot, neighbours: neighbours,
            planned: PlannedNodes(outcome?.plan, of: job, snapshot: snapshot, view: view), tally: tally(outcome),
            plannedQuotaShortages: outcome?.failed[group.name]?.quotaExhausted ?? [])
        let chosen = chosenNodes(outcome)
        let asked = nodes.isEmpty ? best.map(\.node) : nodes
        told.nodes = asked.map { node($0, inspector, scores, isChosen: chosen.contains($0)) }
        return told
    }

    // MARK: - What was decided

    /// The group's metric as it would be now.
    private func metric(_ scores: [drover_score], _ view: ClusterView) -> AllocationMetric {
        PlacementExplainer(
            group: group, nodePool: job.nodePool, view: view, usage: PlanUsage(view: view, freed: [:]),
            hardware: HardwareAssigner(snapshot: snapshot, view: view, freed: [:]), tally: LimitTally(), openNodes: nil
        ).metric(scores: scores, failed: 0, duration: .zero)
    }

    /// Counts and metric as the evaluation left them, or as the plan would; `now` stands in where nothing was to be placed.
    private func history(_ outcome: EvaluationOutcome?, now: AllocationMetric) -> GroupExplanation {
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

    private func chosenNodes(_ outcome: EvaluationOutcome?) -> Set<NodeRow> {
        if let outcome {
            return Set(outcome.plan.placements.filter { $0.taskGroup == group.name }.flatMap(\.nodes))
        }
        return Set(
            snapshot.allocations(ofEvaluation: evaluation.id).filter { $0.taskGroup == group.name }.map(\.node))
    }

    /// The placements of a plan that is not committed, held against the group's limits; those of the job count all groups.
    private func tally(_ outcome: EvaluationOutcome?) -> LimitTally {
        var tally = LimitTally()
        for batch in outcome?.plan.placements ?? [] {
            let limits = group.limits.filter { batch.taskGroup == group.name || $0.isOfJob }
            for row in batch.nodes { _ = tally.add(to: limits, on: row) }
        }
        return tally
    }

    // MARK: - One node

    private func node(
        _ row: NodeRow, _ inspector: NodeInspector, _ scores: PlacementScores, isChosen: Bool
    ) -> NodeExplanation {
        var told = NodeExplanation()
        told.nodeID = snapshot.node(row)?.id ?? .none
        told.nodeName = snapshot.node(row)?.name ?? ""
        let found = scores.score(row)
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
            rate(&told, found?.score, scores.best)
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
