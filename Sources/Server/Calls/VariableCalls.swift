internal import Basics
internal import Model
internal import RPC
internal import StateStore

extension PutVariable: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> VariableReply {
        var lock = (variable.lock ?? VariableLock()).canonical()
        var problems = variable.problems(mayBeEmpty: acquires)
        if acquires { problems += lock.problems() }
        try CallError.check(problems)
        let key = VariableKey(namespace: variable.namespace, path: variable.path)
        var write = VariableWrite(key: key, sealed: nil, time: server.seam.time.now)
        if !variable.items.isEmpty {
            write.sealed = try server.keystore.seal(
                variable.items, for: key, with: try await server.activeRootKey())
        }
        write.expectedIndex = checkAndSet ? modifyIndex : nil
        write.heldLock = lock.id
        if acquires {
            if lock.id.isNone { lock.id = server.seam.random.id() }
            write.lock = lock
        }
        let outcome = try await server.change(.variableWrite(write))
        // Acquired once more, it is renewed.
        if let lock = outcome.variable?.metadata.lock, write.lock?.id == lock.id, outcome.refusal == nil {
            _ = server.locks.renew(VariableUnlock.Lock(key: key, id: lock.id), ttl: lock.ttl.duration)
        }
        return try await server.reply(outcome, key)
    }
}

extension DeleteVariable: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> VariableReply {
        try CallError.check(Variable.problems(ofPath: path))
        let key = VariableKey(namespace: namespace, path: path)
        var deletion = VariableDeletion(key: key)
        deletion.expectedIndex = checkAndSet ? modifyIndex : nil
        deletion.heldLock = lockID
        return try await server.reply(try await server.change(.variableDelete(deletion)), key)
    }
}

extension KeepVariableLock: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> VariableReply {
        let key = VariableKey(namespace: namespace, path: path)
        guard !lockID.isNone else { throw CallError(.invalid, "the lock's ID is missing: give it as Lock.ID") }
        guard server.snapshot.variable(key) != nil else { throw CallError(.notFound, "variable not found") }
        let lock = VariableUnlock.Lock(key: key, id: lockID)
        if releases {
            let unlock = VariableUnlock(step: .released, locks: [lock], time: server.seam.time.now)
            return try await server.reply(try await server.change(.variableUnlock(unlock)), key)
        }
        // One that was leading until a moment ago must not promise what its successor does not know of.
        try await server.waitForLeadership(isConfirmed: true)
        let record = server.snapshot.variable(key)
        var reply = try await server.reply(record, key, index: server.snapshot.index)
        let ttl = record?.admits(lockID) == true ? record?.metadata.lock?.ttl.duration : nil
        reply.isConflict = ttl.map { !server.locks.renew(lock, ttl: $0) } ?? true
        return reply
    }
}

extension RotateRootKey: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> RootKeyReply {
        guard algorithm == RootKeyMeta.aes256GCM else {
            throw CallError(.invalid, "unknown algorithm \"\(algorithm)\": the only one is \(RootKeyMeta.aes256GCM)")
        }
        guard !full || publishTime == .never else {
            throw CallError(.invalid, "a key that is published later cannot rotate in full: give full or publish_time")
        }
        var reply = RootKeyReply()
        (reply.key, reply.index) = try await server.rotateRootKey(publishTime: publishTime, rekeys: full)
        return reply
    }
}

extension DeleteRootKey: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        let deletion = RootKeyDeletion(id: keyID, force: force)
        return IndexReply(index: try await server.propose(.rootKeyDelete(deletion)).index)
    }
}

extension StoreRootKey: Served {
    var place: AnswerPlace { .anywhere }

    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        try await server.keystore.store(key)
        return IndexReply(index: server.snapshot.index)
    }
}

extension FetchRootKey: Served {
    var place: AnswerPlace { .anywhere }

    func serve(on server: ServerAgent, context: CallContext) async throws -> RootKey {
        guard let key = server.keystore[keyID] else {
            throw CallError(.notFound, "server \(server.settings.name) has no root key \(keyID)")
        }
        return key
    }
}

extension ServerAgent {
    /// As ``propose(_:)``, but a conflict is an answer.
    fileprivate func change(_ entry: StateEntry) async throws -> ApplyOutcome {
        let outcome = try await carryOut(entry)
        if let refusal = outcome.refusal, refusal.kind != .conflict { throw CallError(refusal) }
        return outcome
    }

    /// What an entry made of a variable; what it deleted is an empty one.
    fileprivate func reply(_ outcome: ApplyOutcome, _ key: VariableKey) async throws -> VariableReply {
        var reply = try await reply(outcome.variable, key, index: outcome.index)
        reply.isConflict = outcome.refusal != nil
        return reply
    }

    fileprivate func reply(
        _ record: VariableRecord?, _ key: VariableKey, index: UInt64
    ) async throws -> VariableReply {
        var reply = VariableReply()
        reply.index = index
        (reply.variable.namespace, reply.variable.path) = (key.namespace, key.path)
        guard let record else { return reply }
        if !record.sealed.keyID.isNone { try await ensureRootKey(record.sealed.keyID) }
        reply.variable = Variable(record.metadata, items: try keystore.open(record.sealed, of: key))
        return reply
    }
}
