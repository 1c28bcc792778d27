import Model

/// An evaluation and the rows of the allocations made for it.
final class EvaluationRecord: Sendable {
    let evaluation: Evaluation
    let allocations: RowList

    init(evaluation: Evaluation, allocations: RowList = RowList()) {
        self.evaluation = evaluation
        self.allocations = allocations
    }
}
