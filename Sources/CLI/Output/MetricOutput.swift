internal import Basics
internal import Model

/// Why allocations were not placed, and how they were scored.
struct MetricOutput {
    let shown: Shown

    /// A paragraph for each group that could not be placed whole.
    func failures(_ groups: [String: AllocationMetric]) -> String {
        groups.sorted { $0.key < $1.key }.map { group, metric in
            let missing = metric.coalescedFailures + 1
            let title = "Task Group \"\(group)\" (failed to place \(missing) allocation\(missing == 1 ? "" : "s")):"
            return ([shown.paint.red(title)] + reasons(metric).map { "  * \($0)" }).joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    /// One sentence each.
    func reasons(_ metric: AllocationMetric) -> [String] {
        var reasons: [String] = []
        // Where the quota has no room at all, nodes are not looked at.
        if metric.nodesEvaluated == 0, metric.quotaExhausted.isEmpty {
            reasons.append("No nodes were eligible for evaluation")
        }
        for (datacenter, count) in sorted(metric.nodesAvailable) where count == 0 {
            reasons.append("No nodes are available in datacenter \"\(datacenter)\"")
        }
        reasons += sorted(metric.classFiltered).map { "Class \"\($0)\": \(nodes($1)) excluded by filter" }
        reasons += sorted(metric.constraintFiltered).map { "Constraint \"\($0)\": \(nodes($1)) excluded by filter" }
        if metric.nodesExhausted > 0 { reasons.append("Resources exhausted on \(nodes(metric.nodesExhausted))") }
        reasons += sorted(metric.classExhausted).map { "Class \"\($0)\" exhausted on \(nodes($1))" }
        reasons += sorted(metric.dimensionExhausted).map { "Dimension \"\($0)\" exhausted on \(nodes($1))" }
        reasons += metric.quotaExhausted.map { "Quota limit hit \"\($0)\"" }
        return reasons
    }

    /// Everything about how a group's placements were decided.
    func whole(_ metric: AllocationMetric) -> String {
        var parts = [
            Table.pairs([
                ("Nodes in Pool", String(metric.nodesInPool)), ("Nodes Evaluated", String(metric.nodesEvaluated)),
                ("Nodes Filtered", String(metric.nodesFiltered)), ("Nodes Exhausted", String(metric.nodesExhausted)),
            ])
        ]
        parts += reasons(metric).map { "  * \($0)" }
        if let scores = scores(metric) { parts.append(scores) }
        return parts.joined(separator: "\n")
    }

    /// The scored nodes, best first, a column for each scorer.
    func scores(_ metric: AllocationMetric) -> String? {
        guard !metric.scoreMetaData.isEmpty else { return nil }
        let scorers = Set(metric.scoreMetaData.flatMap { $0.scores.keys }).sorted()
        let rows = metric.scoreMetaData.sorted { $0.normScore > $1.normScore }.map { meta in
            [shown.id(meta.nodeID)] + scorers.map { Shown.number(meta.scores[$0] ?? 0, digits: 3) }
                + [Shown.number(meta.normScore, digits: 3)]
        }
        return Table.list(["Node"] + scorers + ["final score"], rows)
    }

    private func sorted(_ counts: [String: Int]) -> [(String, Int)] { counts.sorted { $0.key < $1.key } }

    private func nodes(_ count: Int) -> String { "\(count) nodes" }
}
