internal import Archive
internal import Basics
internal import Logging
internal import Model
internal import RPC
internal import StateStore

/// Restores the cluster's state from an archive.
///
///     check all of the archive ─► its state to the log, in parts ─► one entry: the parts replace the tables
///
/// The parts change nothing on any server, and the last entry is applied whole or not at all, on every server at the same place
/// of the log: a crash leaves the old state or the new one. Parts of a restore that was not finished are dropped by the next
/// leader.
extension ServerAgent {
    /// Bytes of one part; 1 MiB, as much as one message of Raft's holds.
    private static let partBytes = 1 << 20

    /// Returns the state's index once the restored state is in force here.
    ///
    /// - Throws: ``CallError``: ``CallError/Code/invalid`` for an archive that is refused; then nothing has changed.
    func restore(from path: String) async throws -> UInt64 {
        await restores.enter()
        defer { restores.leave() }
        let id = seam.random.id()
        let content = archives.path(id, "state")
        do {
            let metadata = try await check(path, extractingTo: content)
            let facts: Logger.Metadata = [
                "archive.id": "\(metadata.id)", "archive.index": "\(metadata.index)", "bytes": "\(metadata.size)",
            ]
            log.info("restoring a snapshot", metadata: facts)
            let index = try await install(id, content, size: metadata.size)
            log.info(
                "restored a snapshot", metadata: facts.merging(["raft.index": "\(index)"]) { first, _ in first })
            try? await archives.remove([content])
            return index
        } catch {
            log.error("a snapshot was not restored", metadata: ["error": "\(error)"])
            try? await archives.remove([content])
            throw error
        }
    }

    /// Reads the whole archive, makes sure that this release understands its state, and writes that to `target`.
    private func check(_ path: String, extractingTo target: String) async throws -> ArchiveMetadata {
        let region = settings.region
        do {
            return try await archives.blocking { disk in
                let archive = try ArchiveReader(path, disk: disk)
                guard !archive.metadata.isRedacted else {
                    throw CallError(
                        .invalid, "the archive is redacted: the nodes' secrets are not in it; restore one that is not")
                }
                guard archive.metadata.region == region else {
                    let other = archive.metadata.region
                    throw CallError(.invalid, "the archive is of region \"\(other)\", this server of \"\(region)\"")
                }
                let file = try disk.open(target, create: true, exclusive: true)
                defer { file.close() }
                var state = SnapshotReader()
                var offset: UInt64 = 0
                while let piece = try archive.next() {
                    try state.read(piece)
                    try file.write(piece, at: offset)
                    offset += UInt64(piece.count)
                }
                _ = try state.finish()
                return archive.metadata
            }
        } catch let error as ArchiveError {
            throw CallError(.invalid, "\(error)")
        } catch let error as CodecError {
            throw CallError(.invalid, "the state in the archive cannot be read by this release: \(error)")
        }
    }

    /// Brings the state in `path` into the log and lets it take the place of the present one.
    private func install(_ id: ID, _ path: String, size: UInt64) async throws -> UInt64 {
        do {
            var offset: UInt64 = 0
            while offset < size {
                let start = offset
                let bytes = try await archives.blocking { disk in
                    let file = try disk.open(path, create: false, exclusive: false)
                    defer { file.close() }
                    return try file.read(at: start, count: ServerAgent.partBytes)
                }
                try await propose(.restorePart(RestorePart(id: id, offset: offset, bytes: bytes)))
                offset += UInt64(bytes.count)
            }
            let order = RestoreOrder(id: id, size: size, time: seam.time.now)
            return try await whileQueuesRest { try await self.propose(.restore(order)).index }
        } catch {
            // If it cannot be said now, the next leader does.
            _ = try? await propose(.restoreAbandon(id: id))
            throw error
        }
    }
}
