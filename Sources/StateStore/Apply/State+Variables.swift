import Basics
import Model

extension State {
    mutating func write(_ write: VariableWrite, _ outcome: inout ApplyOutcome) {
        let (key, present) = (write.key, variables[write.key])
        guard namespaces[key.namespace] != nil else {
            return outcome.refuse(.invalid, "variable is in nonexistent namespace \"\(key.namespace)\"")
        }
        guard write.sealed.map({ $0.keyID.isNone || rootKeys[$0.keyID] != nil }) ?? true else {
            return outcome.refuse(.outdated, "root key \(write.sealed?.keyID ?? .none) was removed meanwhile")
        }
        guard check(write.expectedIndex, heldLock: write.lock?.id ?? write.heldLock, key, write.lock, &outcome) else {
            return
        }
        var metadata = present?.metadata ?? VariableMetadata()
        if present == nil {
            (metadata.namespace, metadata.path) = (key.namespace, key.path)
            (metadata.createIndex, metadata.createTime) = (outcome.index, write.time)
        }
        metadata.modifyIndex = outcome.index
        metadata.modifyTime = write.time
        // The terms of a lock that is held do not change.
        if metadata.lock == nil { metadata.lock = write.lock }
        store(VariableRecord(metadata: metadata, sealed: write.sealed ?? present?.sealed ?? .empty), &outcome)
    }

    mutating func delete(_ deletion: VariableDeletion, _ outcome: inout ApplyOutcome) {
        let key = deletion.key
        guard check(deletion.expectedIndex, heldLock: deletion.heldLock, key, nil, &outcome) else { return }
        guard variables[key] != nil else { return }
        variables[key] = nil
        outcome.variables.append(key)
        outcome.tables.insert(.variables)
    }

    /// Whether a change may go on: the index is as expected, and nobody else holds the lock. Notes the variable in the outcome
    /// when it may not. A lock to acquire may be the one that is held.
    private func check(
        _ expectedIndex: UInt64?, heldLock: ID, _ key: VariableKey, _ acquired: VariableLock?,
        _ outcome: inout ApplyOutcome
    ) -> Bool {
        let present = variables[key]
        let index = present?.metadata.modifyIndex ?? 0
        if let expectedIndex, expectedIndex != index {
            outcome.variable = present
            outcome.refuse(.conflict, "cas error: requested index \(expectedIndex); found index \(index)")
            return false
        }
        let isFree = present?.metadata.lock == nil
        guard isFree ? acquired != nil || heldLock.isNone : present?.admits(heldLock) == true else {
            outcome.variable = present
            let problem = isFree ? "is not locked by \(heldLock)" : "is locked by another holder"
            outcome.refuse(.conflict, "variable \"\(key.path)\" \(problem)")
            return false
        }
        return true
    }

    mutating func unlock(_ unlock: VariableUnlock, _ outcome: inout ApplyOutcome) {
        for lock in unlock.locks {
            guard var record = variables[lock.key], record.metadata.lock?.id == lock.id,
                record.isLapsed == (unlock.step == .freed)
            else {
                guard unlock.step == .released else { continue }
                outcome.variable = variables[lock.key]
                outcome.refuse(.conflict, "variable \"\(lock.key.path)\" is not locked by \(lock.id)")
                continue
            }
            record.isLapsed = unlock.step == .lapsed
            if !record.isLapsed { record.metadata.lock = nil }
            record.metadata.modifyIndex = outcome.index
            record.metadata.modifyTime = unlock.time
            store(record, &outcome)
        }
    }

    mutating func reseal(_ resealing: VariableResealing, _ outcome: inout ApplyOutcome) {
        for item in resealing.items {
            guard var record = variables[item.key], record.metadata.modifyIndex == item.modifyIndex,
                rootKeys[item.sealed.keyID] != nil
            else { continue }
            record.sealed = item.sealed
            variables[item.key] = record
        }
        // An entry without items says that there was nothing left: look whether that is so.
        guard resealing.items.isEmpty else { return }
        let used = usedRootKeys
        var done: [RootKeyMeta] = []
        rootKeys.scan { id, key in
            if key.state == .rekeying, !used.contains(id) { done.append(key) }
            return true
        }
        for key in done { set(key, .deprecated, &outcome) }
    }

    private mutating func store(_ record: VariableRecord, _ outcome: inout ApplyOutcome) {
        variables[record.key] = record
        outcome.variable = record
        outcome.variables.append(record.key)
        outcome.tables.insert(.variables)
    }
}

// MARK: - Root keys

extension State {
    mutating func add(_ addition: RootKeyAddition, _ outcome: inout ApplyOutcome) {
        var key = rootKeys[addition.id] ?? RootKeyMeta()
        guard key.keyID.isNone || key.state == .prepublished else {
            return outcome.refuse(.invalid, "root key \(addition.id) is \(key.state.rawValue) already")
        }
        if key.keyID.isNone {
            key.keyID = addition.id
            (key.createIndex, key.createTime) = (outcome.index, addition.time)
        }
        key.publishTime = addition.publishTime
        guard addition.publishTime == .never else { return set(key, .prepublished, &outcome) }
        var older: [RootKeyMeta] = []
        rootKeys.scan { _, other in
            if other.state == .active || addition.rekeys && other.state == .inactive { older.append(other) }
            return true
        }
        for other in older { set(other, addition.rekeys ? .rekeying : .inactive, &outcome) }
        set(key, .active, &outcome)
    }

    mutating func delete(_ deletion: RootKeyDeletion, _ outcome: inout ApplyOutcome) {
        guard let key = rootKeys[deletion.id] else {
            return outcome.refuse(.notFound, "root key \(deletion.id) not found")
        }
        guard key.state != .active else {
            return outcome.refuse(.invalid, "root key \(deletion.id) is active; rotate the keyring first")
        }
        guard deletion.force || !usedRootKeys.contains(deletion.id) else {
            return outcome.refuse(
                .invalid, "root key \(deletion.id) encrypts variables; rotate with full first, or lose them with force")
        }
        rootKeys[deletion.id] = nil
        outcome.tables.insert(.rootKeys)
    }

    private mutating func set(_ key: RootKeyMeta, _ state: RootKeyMeta.State, _ outcome: inout ApplyOutcome) {
        var key = key
        key.state = state
        key.modifyIndex = outcome.index
        rootKeys[key.keyID] = key
        outcome.tables.insert(.rootKeys)
    }

    /// The keys that variables are encrypted with. O(n), for what is rare.
    private var usedRootKeys: Set<ID> {
        var used: Set<ID> = []
        variables.scan { _, record in
            used.insert(record.sealed.keyID)
            return true
        }
        return used
    }
}
