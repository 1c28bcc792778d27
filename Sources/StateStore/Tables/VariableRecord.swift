package import Basics
package import Model

package struct VariableKey: Hashable, Comparable, Sendable {
    package let namespace: String
    package let path: String

    package init(namespace: String, path: String) {
        self.namespace = namespace
        self.path = path
    }

    package static func < (left: VariableKey, right: VariableKey) -> Bool {
        left.namespace != right.namespace ? left.namespace < right.namespace : left.path < right.path
    }
}

/// What a variable holds, as servers encrypted it before it was proposed: log, state and snapshots never see more.
package struct SealedItems: Sendable, Equatable {
    /// The root key it is sealed with; ``Basics/ID/none`` with no bytes is no items at all.
    package var keyID: ID
    package var bytes: [UInt8]

    package static let empty = SealedItems(keyID: .none, bytes: [])

    package init(keyID: ID, bytes: [UInt8]) {
        self.keyID = keyID
        self.bytes = bytes
    }
}

/// A variable as it is stored.
package struct VariableRecord: Sendable, Equatable {
    package var metadata: VariableMetadata
    package var sealed: SealedItems
    /// Its lock was not renewed in time: its holder has lost it, and until the lock delay is over nobody else gets it.
    package var isLapsed = false

    package var key: VariableKey { VariableKey(namespace: metadata.namespace, path: metadata.path) }

    /// Whether who names this lock may change the variable.
    package func admits(_ lock: ID) -> Bool {
        guard let held = metadata.lock else { return lock.isNone }
        return held.id == lock && !isLapsed
    }

    package init(metadata: VariableMetadata, sealed: SealedItems) {
        self.metadata = metadata
        self.sealed = sealed
    }
}
