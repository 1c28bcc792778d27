internal import Basics
package import Gossip
internal import NIOCore
internal import Synchronization

/// The keyring, which the whole pool changes together.
extension GossipPool {
    /// Has every member do `operation` to its keyring; throws ``PoolError`` when there is none here.
    package func changeKeys(_ operation: KeyOperation) async throws -> KeyOutcome {
        guard isEncrypted else { throw PoolError.noKeyring }
        return try await ask { running, id, promise in
            running.keyChanges[id] = promise
        } event: {
            .changeKeys($0, operation)
        }
    }

    /// Does what the core asks to the keyring here; tells it how that went, at once or when the change is on disk.
    func changeKeyring(_ id: KeyChangeID, _ operation: KeyOperation) {
        let saves = state.withLock { $0.running?.saves }
        do {
            if let changed = try state.withLock({ try $0.envelope.change(operation) }) {
                saves?.yield(KeyringSave(id: id, keyring: changed))
            } else {
                let keys = state.withLock { $0.envelope.keyring?.keys.map { Base64.encode($0) } ?? [] }
                tell(id, KeyResponse(isDone: true, keys: keys, primaryKey: keys.first ?? ""))
            }
        } catch {
            tell(id, KeyResponse(isDone: false, message: "\(error)"))
        }
    }

    /// Keeps each changed keyring in the file, if there is one, and tells the core.
    func keep(_ saves: AsyncStream<KeyringSave>) async {
        for await save in saves {
            do {
                if let file = configuration.keyringFile { try await seam.blocking.run { try file.save(save.keyring) } }
                tell(save.id, KeyResponse(isDone: true))
            } catch {
                tell(save.id, KeyResponse(isDone: false, message: "the key is changed until the next start: \(error)"))
            }
        }
    }

    /// After the effects that are being carried out now.
    private func tell(_ id: KeyChangeID, _ response: KeyResponse) {
        loop.execute { self.handle(.keyringChanged(id, response)) }
    }
}

/// A changed keyring to keep on disk, and the change that the outcome is told of.
struct KeyringSave: Sendable {
    let id: KeyChangeID
    let keyring: Keyring
}

/// How a change of keys went.
package struct KeyOutcome: Sendable, Equatable {
    /// What each member answered, by name; who is missing did not answer in time.
    package var answers: [String: KeyResponse]
    /// Members alive when it was asked.
    package var asked: Int
}

extension Envelope {
    /// Changes the keyring; returns it when it is to be kept, nil after a mere listing.
    fileprivate mutating func change(_ operation: KeyOperation) throws -> Keyring? {
        guard var changed = keyring else { throw PoolError.noKeyring }
        switch operation {
        case .install(let key): try changed.install(key)
        case .use(let key): try changed.use(key)
        case .remove(let key): try changed.remove(key)
        case .list: return nil
        }
        keyring = changed
        return changed
    }
}
