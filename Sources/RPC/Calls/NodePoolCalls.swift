package import Basics
package import Model

/// Adds a node pool or replaces it.
package struct UpsertNodePool: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.upsertNodePool

    package var pool = NodePool()

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("NodePool", &pool)
    }
}

/// Removes a node pool without nodes and without jobs that are not dead.
package struct DeleteNodePool: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.deleteNodePool

    package var name = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
    }
}
