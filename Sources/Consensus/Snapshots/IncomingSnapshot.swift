internal import Basics
package import Raft
internal import Synchronization

/// A snapshot on its way in from the leader: pieces are appended in order. Finished, it lies synced beside the others;
/// it takes their place when the core installs it.
package final class IncomingSnapshot: Sendable {
    package let metadata: SnapshotMetadata
    private let store: SnapshotStore
    private let writer: Mutex<SnapshotWriter>
    private let blocking: any BlockingExecutor

    init(_ metadata: SnapshotMetadata, writer: SnapshotWriter, store: SnapshotStore, blocking: any BlockingExecutor) {
        self.metadata = metadata
        self.store = store
        self.writer = Mutex(writer)
        self.blocking = blocking
    }

    /// Throws ``DiskError``; the snapshot is then of no use.
    package func append(_ piece: [UInt8]) async throws {
        try await blocking.run(lane: nil) { try self.writer.withLock { writer in try writer.append(piece) } }
    }

    /// Returns once all of it is on stable storage. Call last.
    package func finish() async throws {
        try await blocking.run(lane: nil) {
            try self.writer.withLock { writer in
                _ = try writer.finish()
                writer.file.close()
            }
            try self.store.keepReceived(self.metadata)
        }
    }

    /// Forgets what has come; call instead of ``finish()``.
    package func discard() async {
        try? await blocking.run(lane: nil) {
            self.writer.withLock { writer in writer.file.close() }
            try self.store.discardReceived(self.metadata)
        }
    }
}
