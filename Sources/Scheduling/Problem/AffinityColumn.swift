import CDroverABI
import Model
import StateStore

/// How much a job likes each node: the weights of the affinities that hold, over the sum of all weights' sizes.
enum AffinityColumn {
    /// Scores in units of 1/65,536, -1 to 1, an element a row.
    static func scores(_ affinities: [Affinity], view: ClusterView, neighbours: NeighbourLabels) -> [Int32] {
        let weights = affinities.map { Int64($0.weight ?? 50) }
        let total = max(1, weights.reduce(0) { $0 + abs($1) })
        let predicates = affinities.map { Predicate($0) }
        var byClass = [Int64](repeating: 0, count: view.classes.count)
        for (predicate, weight) in zip(predicates, weights) where !predicate.isEscaped {
            for (number, holds) in view.classes.answers(predicate).enumerated() where holds {
                byClass[number] += weight
            }
        }
        let escaped = zip(predicates, weights).filter(\.0.isEscaped)
        var scores = [Int32](repeating: 0, count: view.nodeLimit)
        let classes = view.classColumn
        let flags = view.flagColumn
        for row in scores.indices where flags[row] != 0 {
            var weight = byClass[Int(classes[row])]
            if !escaped.isEmpty, let node = view.record(NodeRow(row))?.node {
                for (predicate, extra) in escaped where predicate.holds(on: node, NodeRow(row), neighbours) {
                    weight += extra
                }
            }
            scores[row] = Int32(weight * Int64(DROVER_SCORE_ONE) / total)
        }
        return scores
    }
}
