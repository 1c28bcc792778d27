package import Basics
package import Raft

/// What a server's folder holds, read without its lock and without changing anything: for tools.
///
/// Of a server that runs it is what was synced a moment ago, entries that are not committed yet included.
package struct StoredFolder {
    package let snapshot: (metadata: SnapshotMetadata, chunks: SnapshotChunks)?
    /// Entries after the snapshot.
    package let entries: [LogEntry]

    package var lastIndex: UInt64 { entries.last?.index ?? snapshot?.metadata.index ?? 0 }
    package var lastTerm: UInt64 { entries.last?.term ?? snapshot?.metadata.term ?? 0 }

    /// The newest one in the log, which counts committed or not (dissertation §4.1).
    package var membership: Membership {
        let newest = entries.last { $0.kind == .membership }.flatMap { Membership(bytes: $0.data) }
        return newest ?? snapshot?.metadata.membership ?? Membership(members: [])
    }

    /// Reads `folder`, which has `log/` and `snapshots/`; either may be absent. Blocks.
    ///
    /// - Throws: ``ConsensusError/damaged(file:offset:what:)``, ``ConsensusError/newerVersion(file:version:)`` or
    ///   ``ConsensusError/storage(_:)``.
    package static func read(_ folder: String, disk: any Disk) throws(ConsensusError) -> StoredFolder {
        let snapshots = try names(folder + "/snapshots", ending: ".snapshot", disk)
        let snapshot: (metadata: SnapshotMetadata, chunks: SnapshotChunks)?
        if let newest = snapshots.last { snapshot = try SnapshotStore.open(newest, disk: disk) } else { snapshot = nil }
        var replay = LogReplay(snapshot: snapshot?.metadata ?? .empty)
        var number: UInt64?
        for path in try names(folder + "/log", ending: ".wal", disk) {
            do {
                try read(segment: path, after: &number, disk, into: &replay)
            } catch let error as ConsensusError {
                throw error
            } catch let error as DiskError {
                throw .storage(error)
            } catch {
                throw .stopped("\(path): \(error)")
            }
        }
        _ = replay.finish()
        return StoredFolder(snapshot: snapshot, entries: replay.entries)
    }

    /// Takes the whole batches of a segment; what follows the last of them is torn, or just being written.
    private static func read(
        segment path: String, after number: inout UInt64?, _ disk: any Disk, into replay: inout LogReplay
    ) throws {
        let file = try disk.open(path, create: false, exclusive: false)
        defer { file.close() }
        var reader = try SegmentReader(file: file)
        switch try reader.header() {
        case .valid: break
        case .newer(let version): throw ConsensusError.newerVersion(file: path, version: version)
        case .bad: return
        }
        var last = try number ?? (reader.firstNumber() - 1)
        while true {
            var place = reader.offset
            while let batch = try reader.next(number: last + 1) {
                last = batch.number
                for record in batch.records {
                    if let contradiction = replay.take(record) {
                        throw ConsensusError.damaged(file: path, offset: place, what: contradiction)
                    }
                }
                place = reader.offset
            }
            guard let later = try reader.laterBatch(than: last) else { break }
            // A server that runs may have written it since this was read; then it reads back now.
            reader = try SegmentReader(file: file)
            reader.seek(to: place)
            guard try reader.next(number: last + 1) != nil else {
                let what = "batch \(last + 1) does not read back, though a later one at byte \(later) does"
                throw ConsensusError.damaged(file: path, offset: place, what: what)
            }
            reader.seek(to: place)
        }
        number = last
    }

    /// Paths in a folder, in order; none when it is absent.
    private static func names(
        _ folder: String, ending: String, _ disk: any Disk
    ) throws(ConsensusError) -> [String] {
        do {
            return try disk.list(folder).filter { $0.hasSuffix(ending) }.map { "\(folder)/\($0)" }
        } catch  where error.reason == .notFound {
            return []
        } catch {
            throw .storage(error)
        }
    }
}
