package import Basics
package import Model

/// Adds a namespace or replaces it.
package struct UpsertNamespace: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.upsertNamespace

    package var namespace = Namespace()

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Namespace", &namespace)
    }
}

/// Removes a namespace without jobs.
package struct DeleteNamespace: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.deleteNamespace

    package var name = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
    }
}

/// Adds a quota or replaces it; what runs already goes on running.
package struct UpsertQuota: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.upsertQuota

    package var quota = QuotaSpec()

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Quota", &quota)
    }
}

/// Removes a quota that no namespace names.
package struct DeleteQuota: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.deleteQuota

    package var name = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
    }
}
