package import Basics
package import Consensus
internal import Raft
package import StateStore

/// What a server has on disk, read without its lock and without changing anything.
///
/// Of a server that runs it is what was synced a moment ago, entries that are not committed yet included.
package struct StoredServer {
    /// The number of log entries that carry a ``StateEntry`` (`ReplicatedState` of module Server).
    private static let entryKind = EntryKind.firstApplication

    /// Where log and snapshots are.
    package let folder: String
    package let stored: StoredFolder

    /// `path` is that folder, a server's folder, or the data folder of an agent.
    package init(_ path: String, disk: any Disk) throws(RecoveryError) {
        let candidates = [path + "/server/raft", path + "/raft", path]
        let found = candidates.first { disk.exists($0 + "/log") || disk.exists($0 + "/snapshots") }
        guard let found else {
            throw RecoveryError("\(path) has neither log nor snapshots, in itself, in raft/ or in server/raft/")
        }
        folder = found
        do {
            stored = try StoredFolder.read(found, disk: disk)
        } catch {
            throw RecoveryError("cannot read the log in \(found): \(error)")
        }
    }

    /// The state with the snapshot and the entries after it, up to that of index `last`.
    ///
    /// - Throws: ``RecoveryError`` for what is damaged or of a newer release, and for an index that is not there any more or not
    ///   yet.
    package func state(through last: UInt64? = nil) async throws(RecoveryError) -> Snapshot {
        let first = stored.snapshot?.metadata.index ?? 0
        if let last, !(first...max(first, stored.lastIndex)).contains(last) {
            throw RecoveryError(
                "the state at index \(last) is not in \(folder): its snapshot is of \(first), its log ends at "
                    + "\(stored.lastIndex)")
        }
        do {
            var reader = StateStore.SnapshotReader()
            while let chunk = try await stored.snapshot?.chunks.next() { try reader.read(chunk) }
            var tables = try stored.snapshot == nil ? StateTables() : reader.finish()
            for entry in stored.entries where entry.index <= last ?? .max {
                guard entry.kind.rawValue >= Self.entryKind.rawValue else { continue }
                guard entry.kind == Self.entryKind else {
                    throw RecoveryError("log entry \(entry.index) is of a newer release's kind \(entry.kind.rawValue)")
                }
                _ = tables.apply(try StateEntry(decoding: entry.data), index: entry.index)
            }
            return tables.snapshot()
        } catch let error as RecoveryError {
            throw error
        } catch {
            throw RecoveryError("cannot read the state in \(folder): \(error)")
        }
    }
}
