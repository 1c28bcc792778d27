package import Basics
package import Model

/// Adds a variable or changes it, or acquires a lock on it.
package struct PutVariable: ServerCall {
    package typealias Reply = VariableReply
    package static let method = CallMethod.putVariable

    /// Its namespace, path and items; its lock's id is that of the lock the caller holds. With ``acquires``, no items leave
    /// those that are there.
    package var variable = Variable()
    /// With ``checkAndSet``: the variable's present `ModifyIndex`, 0 for none.
    package var modifyIndex: UInt64 = 0
    package var checkAndSet = false
    /// Acquire a lock with the variable's `Lock` as its terms.
    package var acquires = false

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Variable", &variable)
        try visitor.field("ModifyIndex", &modifyIndex)
        try visitor.field("CheckAndSet", &checkAndSet)
        try visitor.field("Acquires", &acquires)
    }
}

package struct DeleteVariable: ServerCall {
    package typealias Reply = VariableReply
    package static let method = CallMethod.deleteVariable

    package var namespace = ""
    package var path = ""
    /// The lock that the caller holds.
    package var lockID = ID.none
    package var modifyIndex: UInt64 = 0
    package var checkAndSet = false

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Namespace", &namespace)
        try visitor.field("Path", &path)
        try visitor.field("LockID", &lockID)
        try visitor.field("ModifyIndex", &modifyIndex)
        try visitor.field("CheckAndSet", &checkAndSet)
    }
}

/// Holds a lock for another `TTL`, or gives it back.
package struct KeepVariableLock: ServerCall {
    package typealias Reply = VariableReply
    package static let method = CallMethod.keepVariableLock

    package var namespace = ""
    package var path = ""
    package var lockID = ID.none
    package var releases = false

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Namespace", &namespace)
        try visitor.field("Path", &path)
        try visitor.field("LockID", &lockID)
        try visitor.field("Releases", &releases)
    }
}

/// What became of a variable.
package struct VariableReply: Document {
    /// Nothing was changed: its index is another, or somebody else holds its lock. `variable` is what is there.
    package var isConflict = false
    package var variable = Variable()
    package var index: UInt64 = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("IsConflict", &isConflict)
        try visitor.field("Variable", &variable)
        try visitor.field("Index", &index)
    }
}

/// Makes a new root key and uses it from now on.
package struct RotateRootKey: ServerCall {
    package typealias Reply = RootKeyReply
    package static let method = CallMethod.rotateRootKey

    package var algorithm = RootKeyMeta.aes256GCM
    /// Encrypt all variables anew.
    package var full = false
    /// Use it only from then on; ``Basics/Timestamp/never`` at once.
    package var publishTime = Timestamp.never

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Algorithm", &algorithm)
        try visitor.field("Full", &full)
        try visitor.field("PublishTime", &publishTime)
    }
}

package struct RootKeyReply: Document {
    package var key = RootKeyMeta()
    package var index: UInt64 = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Key", &key)
        try visitor.field("Index", &index)
    }
}

/// Forgets a root key that is not active.
package struct DeleteRootKey: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.deleteRootKey

    package var keyID = ID.none
    /// Even if variables are encrypted with it.
    package var force = false

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("KeyID", &keyID)
        try visitor.field("Force", &force)
    }
}

/// A root key with its material: only between servers, and in their keystores.
package struct RootKey: Document {
    package var keyID = ID.none
    package var algorithm = RootKeyMeta.aes256GCM
    /// 32 bytes in base64.
    package var key = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("KeyID", &keyID)
        try visitor.field("Algorithm", &algorithm)
        try visitor.field("Key", &key)
    }
}

/// A server gives another one a root key, which that one has on disk when it answers.
package struct StoreRootKey: ServerCall {
    package typealias Reply = IndexReply
    package static let method = CallMethod.storeRootKey

    package var key = RootKey()

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Key", &key)
    }
}

/// A server asks another one for a root key that it lacks.
package struct FetchRootKey: ServerCall {
    package typealias Reply = RootKey
    package static let method = CallMethod.fetchRootKey

    package var keyID = ID.none

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("KeyID", &keyID)
    }
}
