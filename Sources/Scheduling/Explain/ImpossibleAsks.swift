package import Model
import StateStore

/// Why a task group can never be placed, or not on the nodes there are.
package enum ImpossibleAsk: Equatable, Sendable, CustomStringConvertible {
    /// No node that meets its constraints has so much, even when empty; `most` is what the largest of them has.
    case oversized(ResourceDimension, asked: Int64, most: Int64)
    /// Two constraints, as ``Predicate/label`` has them, of which one rules the other out.
    case contradiction(String, String)
    /// A constraint that no value meets.
    case nothing(String)

    /// What is told of the group, to follow its name.
    package var description: String {
        switch self {
        case .oversized(let dimension, let asked, let most):
            "asks for \(asked) \(dimension.unit) of \(dimension.label), and no node that meets its constraints has more than "
                + "\(most)"
        case .contradiction(let first, let second):
            "has constraints \"\(first)\" and \"\(second)\", which exclude each other"
        case .nothing(let constraint): "has the constraint \"\(constraint)\", which nothing can meet"
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

    /// Constraints of one of the job's groups, those of the job, of its tasks and of each device included, that nothing meets, and
    /// pairs of them that nothing meets both of.
    package static func contradictions(_ job: Job, _ group: TaskGroup) -> [ImpossibleAsk] {
        let devices = group.tasks.flatMap { $0.resources?.devices ?? [] }
        return contradictions(among: job.constraints + group.constraints + group.tasks.flatMap(\.constraints))
            + devices.flatMap { contradictions(among: $0.constraints) }
    }

    private static func contradictions(among constraints: [Constraint]) -> [ImpossibleAsk] {
        let conditions = constraints.compactMap(ExclusiveCondition.init)
        return conditions.indices.flatMap { first in
            let own = conditions[first].isEmpty ? [ImpossibleAsk.nothing(conditions[first].label)] : []
            return own
                + conditions[(first + 1)...].filter { !$0.isEmpty && conditions[first].excludes($0) }.map { second in
                    .contradiction(conditions[first].label, second.label)
                }
        }
    }
}
