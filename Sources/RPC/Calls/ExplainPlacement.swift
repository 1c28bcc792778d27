package import Basics
package import Model

/// Why an evaluation's instances are where they are, and what nodes named are to it.
package struct ExplainPlacement: ServerCall {
    package typealias Reply = PlacementReply
    package static let method = CallMethod.explainPlacement

    package var evaluationID = ID.none
    /// IDs, beginnings of IDs, or names of nodes; empty shows the best ones.
    package var nodes: [String] = []

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("EvaluationID", &evaluationID)
        try visitor.field("Nodes", &nodes)
    }
}

package struct PlacementReply: Document {
    package var explanation = PlacementExplanation()
    package var index: UInt64 = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Explanation", &explanation)
        try visitor.field("Index", &index)
    }
}
