internal import Basics
internal import Model

/// Why instances are where they are: what `eval status`, `job plan` and `alloc status -verbose` show of a placement.
struct PlacementOutput {
    let shown: Shown

    /// A section for each task group.
    func text(_ explanation: PlacementExplanation) -> String {
        explanation.groups.map(group).joined(separator: "\n\n")
    }

    /// The section of one task group.
    func text(_ explanation: PlacementExplanation, group name: String) -> String {
        explanation.groups.filter { $0.taskGroup == name }.map(group).joined(separator: "\n\n")
    }

    private func group(_ group: GroupExplanation) -> String {
        var parts = [shown.paint.bold("Placement of Group \"\(group.taskGroup)\"")]
        parts.append(Table.pairs([("Placed", String(group.placed)), ("Failed", String(group.failed))]))
        parts.append(MetricOutput(shown: shown).whole(group.metric))
        parts += group.impossible.map { shown.paint.red("Impossible: ") + $0 }
        if !group.nodes.isEmpty { parts.append(nodes(group.nodes)) }
        return parts.joined(separator: "\n")
    }

    private func nodes(_ nodes: [NodeExplanation]) -> String {
        var lines = ["", shown.paint.bold("Nodes Now")]
        for node in nodes {
            let score = node.rank > 0 ? " (rank \(node.rank), score \(Shown.number(node.score, digits: 3)))" : ""
            lines.append("\(shown.id(node.nodeID)) \(node.nodeName): \(node.verdict)\(score)")
            lines.append("    \(node.reason)")
            if !node.change.isEmpty { lines.append("    to change that: \(node.change)") }
        }
        return lines.joined(separator: "\n")
    }
}
