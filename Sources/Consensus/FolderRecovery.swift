package import Basics
package import Raft

/// The folder of a server that is stopped, locked against it, to change who is in its group.
///
/// What it does breaks the promise that a majority decides: it is for operators who know that no majority will come back.
package final class FolderRecovery {
    private let lock: any DiskLock
    private let log: WriteAheadLog
    private var hardState: HardState
    private var last: (index: UInt64, term: UInt64)

    /// Throws ``ConsensusError/folderInUse(path:)`` while the server runs, and what opening its log throws.
    package init(_ folder: String, disk: any Disk) throws(ConsensusError) {
        do {
            lock = try disk.lock(folder + "/lock")
        } catch let error where error.reason == .locked {
            throw .folderInUse(path: error.path)
        } catch {
            throw .storage(error)
        }
        do {
            let snapshot = try SnapshotStore(disk: disk, folder: folder + "/snapshots").newest()?.metadata ?? .empty
            let opened = try WriteAheadLog.open(disk: disk, folder: folder + "/log", snapshot: snapshot)
            log = opened.log
            hardState = opened.recovered.hardState
            let entry = opened.recovered.entries.last
            last = (entry?.index ?? snapshot.index, entry?.term ?? snapshot.term)
        } catch {
            lock.release()
            throw error
        }
    }

    /// Adds an entry to the log that makes these the members, as if a leader of a new term had written it. All entries before
    /// it are kept, and count as soon as a majority of the new members has them.
    package func replaceMembership(_ membership: Membership) throws(ConsensusError) {
        guard membership.isEncodable, !membership.voters.isEmpty else { throw .membership(.invalidMembership) }
        hardState = HardState(term: max(hardState.term, last.term) + 1)
        last = (last.index + 1, hardState.term)
        let entry = LogEntry(index: last.index, term: last.term, kind: .membership, data: membership.bytes)
        try log.append([.hardState(hardState), .entry(entry)])
    }

    /// Call last.
    package func close() {
        log.close()
        lock.release()
    }
}
