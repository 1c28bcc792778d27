package import Basics
internal import Consensus
internal import Recovery
package import StateStore

/// The state of a live cluster as a server wrote it: a snapshot file, or a server's data folder with its log.
package enum StoredState {
    /// Reads a snapshot file, or the data folder of an agent or of its server; changes nothing.
    ///
    /// - Throws: ``TraceError`` with the path, for what is absent, foreign, damaged or of a newer release.
    package static func read(_ path: String, disk: any Disk) async throws(TraceError) -> Snapshot {
        do {
            guard (try? disk.list(path)) == nil else { return try await StoredServer(path, disk: disk).state() }
            let stored = try SnapshotStore.open(path, disk: disk)
            var reader = StateStore.SnapshotReader()
            while let chunk = try await stored.chunks.next() { try reader.read(chunk) }
            return try reader.finish().snapshot()
        } catch let error as RecoveryError {
            throw TraceError("\(error)")
        } catch {
            throw TraceError("cannot read the state in \(path): \(told(error))")
        }
    }

    /// What is wrong, without advice that is meant for who runs the server.
    private static func told(_ error: any Error) -> String {
        if case ConsensusError.damaged(let file, let offset, let what) = error {
            return "\(file), byte \(offset): \(what)"
        }
        return "\(error)"
    }
}
