package import Model
import StateStore

/// What can never come true: asks larger than any node, and constraints that exclude each other.
package enum ImpossibleAsks {
    /// Sentences for a group: dimensions of which no suitable node has enough even when empty.
    static func oversized(_ group: ProblemGroup, _ view: ClusterView) -> [String] {
        let rows = (0..<NodeRow(view.nodeLimit)).filter { group.feasibility.suitable.contains($0) }
        guard !rows.isEmpty else { return [] }
        return ResourceDimension.allCases.compactMap { dimension in
            let most = rows.map { view.capacityColumn(dimension)[Int($0)] }.max() ?? 0
            guard group.ask[dimension] > most else { return nil }
            return
                "asks for \(group.ask[dimension]) \(dimension.unit) of \(dimension.label), and no node that meets its "
                + "constraints has more than \(most)"
        }
    }

    /// Sentences for pairs of a job's constraints of which one rules the other out.
    package static func contradictions(_ job: Job) -> [String] {
        job.taskGroups.flatMap { group -> [String] in
            let all = job.constraints + group.constraints + group.tasks.flatMap(\.constraints)
            return all.indices.flatMap { first in
                all[(first + 1)...].filter { contradict(all[first], $0) }.map { second in
                    "group \"\(group.name)\": constraints \"\(Predicate(all[first]).label)\" and "
                        + "\"\(Predicate(second).label)\" exclude each other"
                }
            }
        }
    }

    private static func contradict(_ first: Constraint, _ second: Constraint) -> Bool {
        guard first.lTarget == second.lTarget, NodeTarget(first.lTarget).isOfNode,
            let left = ConstraintOperator(spelling: first.operand),
            let right = ConstraintOperator(spelling: second.operand)
        else { return false }
        return rulesOut(left, first.rTarget, right, second.rTarget)
            || rulesOut(right, second.rTarget, left, first.rTarget)
    }

    /// Whether the first condition, met, makes the second one false.
    private static func rulesOut(
        _ first: ConstraintOperator, _ value: String, _ second: ConstraintOperator, _ other: String
    ) -> Bool {
        guard case .literal = NodeTarget(value), case .literal = NodeTarget(other) else { return false }
        switch (first, second) {
        case (.isSet, .isNotSet): return true
        case (.equal, .isNotSet): return true
        case (.equal, .isSet), (.equal, .distinctHosts), (.equal, .distinctProperty): return false
        case (.equal, _):
            var constraint = Constraint()
            constraint.lTarget = value
            constraint.operand = second.rawValue
            constraint.rTarget = other
            return !Predicate(constraint).holds(value, other)
        default: return false
        }
    }
}

extension NodeTarget {
    /// It names something that each node has at most one value of.
    fileprivate var isOfNode: Bool {
        switch self {
        case .literal, .unknown, .neighbourMeta: false
        default: true
        }
    }
}
