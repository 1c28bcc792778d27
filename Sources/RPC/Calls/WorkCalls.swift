package import Basics
package import Model

/// A worker asks the leader for the next evaluation, and waits for one.
package struct TakeEvaluation: ServerCall {
    package typealias Reply = TakeEvaluationReply
    package static let method = CallMethod.takeEvaluation

    /// The worker takes evaluations of jobs of these types.
    package var types: [JobType] = []
    package var wait = Duration.zero
    /// The worker's server, and its life: what it holds when that ends is for others.
    package var server = ""
    package var incarnation = ID.none

    package init() {}

    package var patience: Duration { wait + .seconds(15) }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Types", &types)
        try visitor.field("Wait", &wait)
        try visitor.field("Server", &server)
        try visitor.field("Incarnation", &incarnation)
    }
}

package struct TakeEvaluationReply: Document {
    /// None when there was none in time.
    package var evaluation: Evaluation?
    /// Proves that the worker holds it.
    package var token: UInt64 = 0
    /// It is to be decided on a state at least this new, which has all that came of the job's evaluations before.
    package var index: UInt64 = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Evaluation", &evaluation)
        try visitor.field("Token", &token)
        try visitor.field("Index", &index)
    }
}

/// A worker gives an evaluation back to the leader: brought to its end, or to be tried again later.
package struct FinishEvaluation: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.finishEvaluation

    package var id = ID.none
    package var token: UInt64 = 0
    package var isDone = true
    /// How it and those that follow from it are to be stored, where no plan brought that along.
    package var outcome: [Evaluation] = []

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("EvalID", &id)
        try visitor.field("Token", &token)
        try visitor.field("Done", &isDone)
        try visitor.field("Outcome", &outcome)
    }
}
