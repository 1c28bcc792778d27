package import Basics
package import Model

/// A variable to add or change, or a lock on it to acquire.
package struct VariableWrite: Sendable, Equatable {
    package var key: VariableKey
    /// Nil keeps what the variable holds.
    package var sealed: SealedItems?
    /// Refuse unless the variable's `ModifyIndex` is this; 0 for "no such variable yet"; nil for no check.
    package var expectedIndex: UInt64?
    /// The lock that the writer holds.
    package var heldLock = ID.none
    /// A lock to acquire with the write, with its new id; acquired again with the id it has, it is kept.
    package var lock: VariableLock?
    package var time: Timestamp

    package init(key: VariableKey, sealed: SealedItems?, time: Timestamp) {
        self.key = key
        self.sealed = sealed
        self.time = time
    }
}

package struct VariableDeletion: Sendable, Equatable {
    package var key: VariableKey
    /// Refuse unless the variable's `ModifyIndex` is this; nil for no check.
    package var expectedIndex: UInt64?
    /// The lock that the caller holds.
    package var heldLock = ID.none

    package init(key: VariableKey) { self.key = key }
}

/// Locks that end, or begin to.
package struct VariableUnlock: Sendable, Equatable {
    package enum Step: UInt8, Sendable {
        /// Its holder gives it back: anybody may acquire it now.
        case released = 0
        /// It was not renewed: its holder has lost it, and the lock delay begins.
        case lapsed = 1
        /// The lock delay is over.
        case freed = 2
    }

    package struct Lock: Sendable, Hashable {
        package var key: VariableKey
        package var id: ID

        package init(key: VariableKey, id: ID) {
            self.key = key
            self.id = id
        }
    }

    package var step: Step
    /// What is locked otherwise by now is left alone.
    package var locks: [Lock]
    package var time: Timestamp

    package init(step: Step, locks: [Lock], time: Timestamp) {
        self.step = step
        self.locks = locks
        self.time = time
    }
}

/// Variables encrypted anew with the active key; what was changed meanwhile is left alone. Nothing that readers see changes.
package struct VariableResealing: Sendable, Equatable {
    package struct Item: Sendable, Equatable {
        package var key: VariableKey
        /// The `ModifyIndex` of what was encrypted anew.
        package var modifyIndex: UInt64
        package var sealed: SealedItems

        package init(key: VariableKey, modifyIndex: UInt64, sealed: SealedItems) {
            self.key = key
            self.modifyIndex = modifyIndex
            self.sealed = sealed
        }
    }

    package var items: [Item]

    package init(items: [Item]) { self.items = items }
}

/// A root key that the servers have in their keystores, to be used from now on or later.
package struct RootKeyAddition: Sendable, Equatable {
    package var id: ID
    /// Not used before the leader adds it again without; ``Basics/Timestamp/never`` makes it the active key.
    package var publishTime = Timestamp.never
    /// What is encrypted with older keys is to be encrypted anew.
    package var rekeys = false
    package var time: Timestamp

    package init(id: ID, time: Timestamp) {
        self.id = id
        self.time = time
    }
}

/// A root key to forget.
package struct RootKeyDeletion: Sendable, Equatable {
    package var id: ID
    /// Even if variables are encrypted with it, which nobody can read then.
    package var force = false

    package init(id: ID, force: Bool = false) {
        self.id = id
        self.force = force
    }
}
