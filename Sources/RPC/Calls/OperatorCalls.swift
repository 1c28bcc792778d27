package import Basics
package import Model

/// A write's answer when there is nothing to say but its index.
package struct IndexReply: Document {
    package var index: UInt64 = 0

    package init() {}

    package init(index: UInt64) { self.index = index }

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Index", &index)
    }
}

package struct SetSchedulerConfiguration: ServerCall {
    package typealias Reply = UpdatedReply
    package static let method = CallMethod.setSchedulerConfiguration

    package var configuration = SchedulerConfiguration()
    /// With ``checkAndSet``: the configuration's present `ModifyIndex`.
    package var modifyIndex: UInt64 = 0
    package var checkAndSet = false

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Configuration", &configuration)
        try visitor.field("ModifyIndex", &modifyIndex)
        try visitor.field("CheckAndSet", &checkAndSet)
    }
}

package struct UpdatedReply: Document {
    package var updated = false
    package var index: UInt64 = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Updated", &updated)
        try visitor.field("Index", &index)
    }
}

package struct SetAutopilotConfiguration: ServerCall {
    package typealias Reply = UpdatedReply
    package static let method = CallMethod.setAutopilotConfiguration

    package var configuration = AutopilotConfiguration()
    /// With ``checkAndSet``: the configuration's present `ModifyIndex`.
    package var modifyIndex: UInt64 = 0
    package var checkAndSet = false

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Configuration", &configuration)
        try visitor.field("ModifyIndex", &modifyIndex)
        try visitor.field("CheckAndSet", &checkAndSet)
    }
}

/// How the leader finds the servers.
package struct GetAutopilotHealth: ServerCall {
    package typealias Reply = AutopilotHealth
    package static let method = CallMethod.autopilotHealth

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {}
}

/// Removes what has ended, whatever its age.
package struct CollectGarbage: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.collectGarbage

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {}
}

package struct SetNodeEligibility: ServerCall {
    package typealias Reply = NodeUpdateReply
    package static let method = CallMethod.setNodeEligibility

    package var nodeID = ID.none
    package var eligibility = NodeEligibility.eligible

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("NodeID", &nodeID)
        try visitor.field("Eligibility", &eligibility)
    }
}

package struct NodeUpdateReply: Document {
    package var nodeModifyIndex: UInt64 = 0
    package var evalIDs: [ID] = []
    package var evalCreateIndex: UInt64 = 0
    package var index: UInt64 = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("NodeModifyIndex", &nodeModifyIndex)
        try visitor.field("EvalIDs", &evalIDs)
        try visitor.field("EvalCreateIndex", &evalCreateIndex)
        try visitor.field("Index", &index)
    }
}
