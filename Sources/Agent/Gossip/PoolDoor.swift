internal import Basics
internal import Gossip
internal import Membership
internal import RPC

/// What the HTTP API asks of the pool.
struct PoolDoor: PoolEndpoint {
    let pool: GossipPool

    func join(_ addresses: [String]) async -> PoolJoinReply {
        let outcome = await pool.join(addresses)
        var reply = PoolJoinReply()
        reply.joined = outcome.joined
        reply.error = outcome.reasons
        return reply
    }

    func forceLeave(_ member: String, prune: Bool) async throws {
        guard pool.members.contains(where: { $0.name == member }) else {
            throw CallError(.notFound, "no member \"\(member)\" in the pool; see drover server members")
        }
        do {
            try await pool.forceLeave(member, prune: prune)
        } catch let error as PoolError {
            throw CallError(error)
        }
    }

    func changeKeys(_ change: KeyringChange) async throws -> KeyringReply {
        let outcome: KeyOutcome
        do {
            outcome = try await pool.changeKeys(try change.operation)
        } catch let error as PoolError {
            throw CallError(error)
        } catch let error as KeyringError {
            throw CallError(.invalid, "\(error)")
        }
        var reply = KeyringReply()
        reply.members = outcome.asked
        for (name, answer) in outcome.answers {
            if !answer.message.isEmpty { reply.messages[name] = answer.message }
            for key in answer.keys { reply.keys[key, default: 0] += 1 }
        }
        let failed = outcome.answers.filter { !$0.value.isDone }
        guard failed.isEmpty, outcome.answers.count >= outcome.asked else {
            let reasons = failed.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.message)" }
            let silent = outcome.asked - outcome.answers.count
            throw CallError(
                .failed,
                (reasons + (silent > 0 ? ["\(silent) of \(outcome.asked) members did not answer"] : []))
                    .joined(separator: "; "))
        }
        return reply
    }
}

extension KeyringChange {
    /// Throws ``KeyringError`` for a key that cannot be one.
    fileprivate var operation: KeyOperation {
        get throws {
            func key(_ text: String) throws -> [UInt8] { try Keyring(base64: [text]).keys[0] }
            switch self {
            case .list: return .list
            case .install(let text): return .install(try key(text))
            case .use(let text): return .use(try key(text))
            case .remove(let text): return .remove(try key(text))
            }
        }
    }
}

extension CallError {
    fileprivate init(_ error: PoolError) {
        switch error {
        case .configuration, .noKeyring: self.init(.invalid, "\(error)")
        case .bind, .notRunning: self.init(.unavailable, "\(error)")
        }
    }
}
