internal import Basics
internal import Consensus
internal import Raft
internal import Synchronization

/// The snapshot that is coming in, part by part; one at a time, and a new transfer takes the place of an unfinished one.
final class SnapshotInbox: Sendable {
    private struct Transfer: Sendable {
        let number: UInt64
        let snapshot: IncomingSnapshot
        var offset: UInt64 = 0
    }

    /// Nil also while a part is being written: another one that comes meanwhile is out of order.
    private let current = Mutex<Transfer?>(nil)

    /// Stores a part.
    ///
    /// - Returns: whether all of the snapshot lies verified and synced on disk now.
    /// - Throws: ``CallError`` for a part that does not follow the one before; the sender then begins anew.
    func take(_ part: SnapshotPart, into log: ReplicatedLog<ReplicatedState>) async throws -> Bool {
        if part.offset == 0 { try await begin(part, log) }
        guard var transfer = next(part) else {
            throw CallError(.conflict, "a part of a snapshot at byte \(part.offset) does not follow the one before")
        }
        try await transfer.snapshot.append(part.content)
        transfer.offset += UInt64(part.content.count)
        guard !part.isLast else {
            try await transfer.snapshot.finish()
            return true
        }
        let left = transfer
        current.withLock { if $0 == nil { $0 = left } }
        return false
    }

    private func begin(_ part: SnapshotPart, _ log: ReplicatedLog<ReplicatedState>) async throws {
        let isKnown = current.withLock { $0?.number == part.transfer }
        guard !isKnown else { return }
        await current.withLock { $0.take() }?.snapshot.discard()
        let snapshot = try await log.receiveSnapshot(part.metadata)
        current.withLock { $0 = Transfer(number: part.transfer, snapshot: snapshot) }
    }

    /// Takes out the transfer that the part goes on with.
    private func next(_ part: SnapshotPart) -> Transfer? {
        current.withLock { current in
            guard let transfer = current, transfer.number == part.transfer, transfer.offset == part.offset,
                transfer.snapshot.metadata == part.metadata
            else { return nil }
            current = nil
            return transfer
        }
    }
}
