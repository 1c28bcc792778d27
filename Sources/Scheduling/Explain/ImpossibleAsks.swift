package import Model
import StateStore

/// Why a task group can never be placed, or not on the nodes there are.
package enum ImpossibleAsk: Equatable, Sendable, CustomStringConvertible {
    /// No node that meets its constraints has so much, even when empty; `most` is what the largest of them has.
    case oversized(ResourceDimension, asked: Int64, most: Int64)
    /// Two constraints, as ``Predicate/label`` has them, of which one rules the other out.
    case contradiction(String, String)

    /// What is told of the group, to follow its name.
    package var description: String {
        switch self {
        case .oversized(let dimension, let asked, let most):
            "asks for \(asked) \(dimension.unit) of \(dimension.label), and no node that meets its constraints has more than "
                + "\(most)"
        case .contradiction(let first, let second):
            "has constraints \"\(first)\" and \"\(second)\", which exclude each other"
        }
    }

    /// The same as a sentence that names the group.
    package func sentence(of group: String) -> String { "group \"\(group)\" \(self)" }
}

/// Finds what can never come true: asks larger than any node, and constraints that exclude each other.
package enum ImpossibleAsks {
    /// Dimensions of which no node that suits the group has enough even when empty.
    static func oversized(_ group: ProblemGroup, _ view: ClusterView) -> [ImpossibleAsk] {
        let rows = (0..<NodeRow(view.nodeLimit)).filter { group.feasibility.suitable.contains($0) }
        guard !rows.isEmpty else { return [] }
        return ResourceDimension.allCases.compactMap { dimension in
            let most = rows.map { view.capacityColumn(dimension)[Int($0)] }.max() ?? 0
            guard group.ask[dimension] > most else { return nil }
            return .oversized(dimension, asked: group.ask[dimension], most: most)
        }
    }

    /// Pairs of constraints of one of the job's groups, those of the job and of its tasks included, that cannot both be met.
    package static func contradictions(_ job: Job, _ group: TaskGroup) -> [ImpossibleAsk] {
        let all = job.constraints + group.constraints + group.tasks.flatMap(\.constraints)
        return all.indices.flatMap { first in
            all[(first + 1)...].filter { contradict(all[first], $0) }.map { second in
                .contradiction(Predicate(all[first]).label, Predicate(second).label)
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
