package import Basics
internal import Consensus
internal import Model
internal import Raft
package import StateStore

/// The state of a live cluster as a server wrote it: a snapshot file, or a server's data folder with its log.
package enum StoredState {
    /// The number of log entries that carry a ``StateEntry`` (`ReplicatedState` of module Server).
    private static let entryKind = EntryKind.firstApplication

    /// Reads a snapshot file, or the data folder of an agent or of its server; changes nothing.
    ///
    /// - Throws: ``TraceError`` with the path, for what is absent, foreign, damaged or of a newer release.
    package static func read(_ path: String, disk: any Disk) async throws(TraceError) -> Snapshot {
        do {
            guard let folder = try raftFolder(path, disk) else {
                let stored = try SnapshotStore.open(path, disk: disk)
                return try await restored(from: stored.chunks).snapshot()
            }
            let stored = try StoredFolder.read(folder, disk: disk)
            var tables = StateTables()
            if let chunks = stored.snapshot?.chunks { tables = try await restored(from: chunks) }
            for entry in stored.entries {
                guard entry.kind.rawValue >= entryKind.rawValue else { continue }
                guard entry.kind == entryKind else {
                    throw TraceError("log entry \(entry.index) is of a newer release's kind \(entry.kind.rawValue)")
                }
                _ = tables.apply(try StateEntry(decoding: entry.data), index: entry.index)
            }
            return tables.snapshot()
        } catch {
            throw TraceError("cannot read the state in \(path): \(told(error))")
        }
    }

    /// The folder with log and snapshots: `path` itself, or where a server or an agent with this data folder has it; nil
    /// for a file.
    private static func raftFolder(_ path: String, _ disk: any Disk) throws(TraceError) -> String? {
        guard (try? disk.list(path)) != nil else { return nil }
        let candidates = [path, path + "/raft", path + "/server/raft"]
        guard let found = candidates.first(where: { disk.exists($0 + "/log") || disk.exists($0 + "/snapshots") }) else {
            throw TraceError("it has neither log nor snapshots, in itself, in raft/ or in server/raft/")
        }
        return found
    }

    private static func restored(from chunks: SnapshotChunks) async throws -> StateTables {
        var reader = StateStore.SnapshotReader()
        while let chunk = try await chunks.next() { try reader.read(chunk) }
        return try reader.finish()
    }

    /// What is wrong, without advice that is meant for who runs the server.
    private static func told(_ error: any Error) -> String {
        if case ConsensusError.damaged(let file, let offset, let what) = error {
            return "\(file), byte \(offset): \(what)"
        }
        return "\(error)"
    }
}
