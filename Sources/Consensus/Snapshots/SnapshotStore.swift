package import Basics
package import Raft
internal import Synchronization

/// The snapshots of a server: the newest one, and while it is being written its successor.
///
/// A snapshot is written to a temporary file, synced, renamed, and the folder synced; only then is its predecessor
/// removed. Every
/// call blocks.
package struct SnapshotStore: Sendable {
    private let disk: any Disk
    private let folder: String

    /// Makes the folder if it is absent and removes what an interrupted write left.
    package init(disk: any Disk, folder: String) throws(ConsensusError) {
        self.disk = disk
        self.folder = folder
        do {
            try disk.makeDirectory(folder)
            for name in try disk.list(folder) where name.hasSuffix(".tmp") || name.hasSuffix(".received") {
                try disk.remove("\(folder)/\(name)")
            }
        } catch {
            throw .storage(error)
        }
    }

    /// The newest snapshot, its header checked; nil if there is none.
    package func newest() throws(ConsensusError) -> (metadata: SnapshotMetadata, chunks: SnapshotChunks)? {
        guard let name = try names().last else { return nil }
        return try open(name: name)
    }

    /// The content of the snapshot with these facts, its header checked.
    func open(_ metadata: SnapshotMetadata) throws(ConsensusError) -> SnapshotChunks {
        try open(name: SnapshotStore.name(metadata)).chunks
    }

    private func open(name: String) throws(ConsensusError) -> (metadata: SnapshotMetadata, chunks: SnapshotChunks) {
        let path = "\(folder)/\(name)"
        let found = try SnapshotStore.open(path, disk: disk)
        guard SnapshotStore.name(found.metadata) == name else {
            throw ConsensusError.damaged(file: path, offset: 0, what: "its name does not fit its content")
        }
        return found
    }

    /// A snapshot file wherever it lies, its header checked.
    package static func open(
        _ path: String, disk: any Disk
    ) throws(ConsensusError) -> (metadata: SnapshotMetadata, chunks: SnapshotChunks) {
        do {
            let reader = try SnapshotReader(file: try disk.open(path, create: false, exclusive: false), path: path)
            return (reader.metadata, SnapshotChunks(reader: reader, blocking: nil))
        } catch let error as DiskError {
            throw .storage(error)
        } catch let error as ConsensusError {
            throw error
        } catch {
            throw .stopped("\(path): \(error)")
        }
    }

    /// Writes a snapshot and makes it the newest.
    ///
    /// - Returns: its size on disk.
    package func save(_ metadata: SnapshotMetadata, _ snapshot: any StateSnapshot) throws(ConsensusError) -> UInt64 {
        let target = "\(folder)/\(SnapshotStore.name(metadata))"
        do {
            let temporary = target + ".tmp"
            try disk.remove(temporary)
            let file = try disk.open(temporary, create: true, exclusive: true)
            defer { file.close() }
            var writer = try SnapshotWriter(file: file, metadata: metadata)
            try snapshot.write { piece in try writer.append(piece) }
            let bytes = try writer.finish()
            try disk.rename(temporary, to: target)
            try disk.synchronizeDirectory(folder)
            try removeOlder(than: metadata)
            return bytes
        } catch let error as DiskError {
            throw .storage(error)
        } catch {
            throw .stopped("writing a snapshot failed: \(error)")
        }
    }

    /// Begins the file of a snapshot that comes from elsewhere, in place of an unfinished one.
    func receive(_ metadata: SnapshotMetadata) throws(ConsensusError) -> SnapshotWriter {
        do {
            let temporary = received(metadata) + ".tmp"
            try disk.remove(temporary)
            return try SnapshotWriter(
                file: try disk.open(temporary, create: true, exclusive: true), metadata: metadata)
        } catch {
            throw .storage(error)
        }
    }

    /// Keeps a received snapshot that is synced, until it is adopted or the server ends.
    func keepReceived(_ metadata: SnapshotMetadata) throws(DiskError) {
        try disk.rename(received(metadata) + ".tmp", to: received(metadata))
        try disk.synchronizeDirectory(folder)
    }

    func discardReceived(_ metadata: SnapshotMetadata) throws(DiskError) {
        try disk.remove(received(metadata) + ".tmp")
    }

    /// Makes a received snapshot one of the store's; older ones stay until they are removed.
    func adoptReceived(_ metadata: SnapshotMetadata) throws(ConsensusError) {
        do {
            try disk.rename(received(metadata), to: "\(folder)/\(SnapshotStore.name(metadata))")
            try disk.synchronizeDirectory(folder)
        } catch {
            throw .storage(error)
        }
    }

    private func received(_ metadata: SnapshotMetadata) -> String {
        "\(folder)/\(SnapshotStore.name(metadata)).received"
    }

    /// Removes the snapshots before this one, and received ones that nobody needed: who has applied as much takes none of them.
    func removeOlder(than metadata: SnapshotMetadata) throws {
        let newest = SnapshotStore.name(metadata)
        for name in try names([".snapshot", ".received"]) where name < newest { try disk.remove("\(folder)/\(name)") }
    }

    private func names(_ suffixes: [String] = [".snapshot"]) throws(ConsensusError) -> [String] {
        do {
            return try disk.list(folder).filter { name in suffixes.contains { name.hasSuffix($0) } }
        } catch {
            throw .storage(error)
        }
    }

    /// Names sort as their indexes do.
    static func name(_ metadata: SnapshotMetadata) -> String {
        func digits(_ number: UInt64) -> String {
            let text = String(number)
            return String(repeating: "0", count: 20 - text.utf8.count) + text
        }
        return "\(digits(metadata.index))-\(digits(metadata.term)).snapshot"
    }
}

/// The content of a snapshot, piece by piece, each checked before it is handed out.
package final class SnapshotChunks: Sendable {
    private let reader: Mutex<SnapshotReader>
    private let blocking: (any BlockingExecutor)?

    init(reader: SnapshotReader, blocking: (any BlockingExecutor)?) {
        self.reader = Mutex(reader)
        self.blocking = blocking
    }

    /// The same content, read on threads that may block.
    func reading(on blocking: any BlockingExecutor) -> SnapshotChunks {
        SnapshotChunks(reader: reader.withLock { $0 }, blocking: blocking)
    }

    /// The next piece, at most 1 MiB; nil at the end. Throws ``ConsensusError/damaged(file:offset:what:)`` rather than
    /// give wrong bytes.
    package func next() async throws -> [UInt8]? {
        guard let blocking else { return try nextBlocking() }
        return try await blocking.run(lane: nil) { try self.nextBlocking() }
    }

    private func nextBlocking() throws -> [UInt8]? { try reader.withLock { reader in try reader.next() } }
}
