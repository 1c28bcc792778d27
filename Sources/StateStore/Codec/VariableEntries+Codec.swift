import Basics
import Model

/// The binary forms of entries about variables and root keys.
extension ByteWriter {
    mutating func key(_ key: VariableKey) {
        text(key.namespace)
        text(key.path)
    }

    mutating func sealed(_ sealed: SealedItems) {
        id(sealed.keyID)
        data(sealed.bytes)
    }

    mutating func write(_ write: VariableWrite) {
        time(write.time)
        key(write.key)
        flag(write.sealed != nil)
        if let sealed = write.sealed { self.sealed(sealed) }
        check(write.expectedIndex)
        id(write.heldLock)
        optional(write.lock)
    }

    mutating func deletion(_ deletion: VariableDeletion) {
        key(deletion.key)
        check(deletion.expectedIndex)
        id(deletion.heldLock)
    }

    mutating func unlock(_ unlock: VariableUnlock) {
        time(unlock.time)
        byte(unlock.step.rawValue)
        number(unlock.locks.count)
        for lock in unlock.locks {
            key(lock.key)
            id(lock.id)
        }
    }

    mutating func resealing(_ resealing: VariableResealing) {
        number(resealing.items.count)
        for item in resealing.items {
            key(item.key)
            number(item.modifyIndex)
            sealed(item.sealed)
        }
    }

    mutating func addition(_ addition: RootKeyAddition) {
        time(addition.time)
        id(addition.id)
        time(addition.publishTime)
        flag(addition.rekeys)
    }

    /// A variable of a snapshot.
    mutating func record(_ record: VariableRecord) {
        document(record.metadata)
        sealed(record.sealed)
        flag(record.isLapsed)
    }
}

extension ByteReader {
    mutating func variableKey() throws(CodecError) -> VariableKey {
        let namespace = try text()
        return VariableKey(namespace: namespace, path: try text())
    }

    mutating func sealed() throws(CodecError) -> SealedItems {
        let keyID = try id()
        return SealedItems(keyID: keyID, bytes: Array(try data()))
    }

    mutating func variableWrite() throws(CodecError) -> VariableWrite {
        let time = try time()
        let key = try variableKey()
        var write = VariableWrite(key: key, sealed: try flag() ? try sealed() : nil, time: time)
        write.expectedIndex = try check()
        write.heldLock = try id()
        write.lock = try optional(VariableLock.self)
        return write
    }

    mutating func variableDeletion() throws(CodecError) -> VariableDeletion {
        var deletion = VariableDeletion(key: try variableKey())
        deletion.expectedIndex = try check()
        deletion.heldLock = try id()
        return deletion
    }

    mutating func variableUnlock() throws(CodecError) -> VariableUnlock {
        let time = try time()
        guard let step = VariableUnlock.Step(rawValue: try byte()) else { throw error("unknown end of a lock") }
        var unlock = VariableUnlock(step: step, locks: [], time: time)
        for _ in 0..<(try count(elementSize: 18)) {
            let key = try variableKey()
            unlock.locks.append(VariableUnlock.Lock(key: key, id: try id()))
        }
        return unlock
    }

    mutating func variableResealing() throws(CodecError) -> VariableResealing {
        var resealing = VariableResealing(items: [])
        for _ in 0..<(try count(elementSize: 20)) {
            let key = try variableKey()
            let index = try number()
            resealing.items.append(VariableResealing.Item(key: key, modifyIndex: index, sealed: try sealed()))
        }
        return resealing
    }

    mutating func rootKeyAddition() throws(CodecError) -> RootKeyAddition {
        let time = try time()
        var addition = RootKeyAddition(id: try id(), time: time)
        addition.publishTime = try self.time()
        addition.rekeys = try flag()
        return addition
    }

    /// A variable of a snapshot.
    mutating func variableRecord() throws(CodecError) -> VariableRecord {
        let metadata = try document(VariableMetadata.self)
        var record = VariableRecord(metadata: metadata, sealed: try sealed())
        record.isLapsed = try flag()
        return record
    }
}
