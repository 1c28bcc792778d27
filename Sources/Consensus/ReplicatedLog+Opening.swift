package import Basics
internal import Raft

extension ReplicatedLog {
    /// What is on disk, ready to go on.
    struct Opened {
        let log: WriteAheadLog
        let snapshots: SnapshotStore
        let lock: any DiskLock
        let restored: RaftNode.Restored
        let chunks: SnapshotChunks?
    }

    /// Locks the folder, reads snapshot and log back, and restores the state machine from the snapshot.
    ///
    /// Committed entries after the snapshot are applied once ``run()`` runs and knows that they are committed: a lone
    /// server at once.
    /// - Throws: ``ConsensusError/folderInUse(path:)``, ``ConsensusError/damaged(file:offset:what:)``,
    ///   ``ConsensusError/newerVersion(file:version:)``, ``ConsensusError/storage(_:)``, or what the state machine
    ///   throws.
    package static func open(
        _ configuration: ConsensusConfiguration, machine: Machine, transport: any RaftTransport = NoPeers(), seam: Seam
    ) async throws -> ReplicatedLog {
        let disk = seam.disk
        let opened = try await seam.blocking.run { try openFolder(configuration, disk: disk) }
        do {
            if let chunks = opened.chunks { try await machine.restore(from: chunks.reading(on: seam.blocking)) }
        } catch {
            opened.lock.release()
            throw error
        }
        return ReplicatedLog(
            configuration: configuration, machine: machine, transport: transport, seam: seam, opened: opened)
    }

    private static func openFolder(_ configuration: ConsensusConfiguration, disk: any Disk) throws -> Opened {
        let folder = configuration.folder
        let lock: any DiskLock
        do {
            try disk.makeDirectory(folder)
            lock = try disk.lock(folder + "/lock")
        } catch let error where error.reason == .locked {
            throw ConsensusError.folderInUse(path: error.path)
        } catch {
            throw ConsensusError.storage(error)
        }
        do {
            return try openLocked(configuration, disk: disk, lock: lock)
        } catch {
            lock.release()
            throw error
        }
    }

    private static func openLocked(
        _ configuration: ConsensusConfiguration, disk: any Disk, lock: any DiskLock
    ) throws -> Opened {
        let snapshots = try SnapshotStore(disk: disk, folder: configuration.folder + "/snapshots")
        let newest = try snapshots.newest()
        let metadata = newest?.metadata ?? .empty
        let (log, recovered) = try WriteAheadLog.open(
            disk: disk, folder: configuration.folder + "/log", snapshot: metadata, settings: configuration.log)
        var restored = RaftNode.Restored(
            hardState: recovered.hardState, snapshot: metadata, entries: recovered.entries)
        restored.unknown = recovered.entries.lazy
            .filter { $0.kind.rawValue >= EntryKind.firstApplication.rawValue && !Machine.knows($0) }.map(\.index)
        let isNew = newest == nil && recovered.entries.isEmpty && recovered.hardState == HardState()
        if isNew, let bootstrap = configuration.bootstrap {
            guard bootstrap.isEncodable else { throw ConsensusError.membership(.invalidMembership) }
            restored.hardState = HardState(term: 1)
            restored.entries = [LogEntry(index: 1, term: 1, kind: .membership, data: bootstrap.bytes)]
            try log.append([.hardState(restored.hardState)] + restored.entries.map(LogRecord.entry))
        }
        if recovered.tornBytes > 0 {
            configuration.report(.tornTail(bytes: recovered.tornBytes, folder: configuration.folder))
        }
        return Opened(log: log, snapshots: snapshots, lock: lock, restored: restored, chunks: newest?.chunks)
    }
}
