package import Raft

/// Who this server is, where it keeps its log, and how much of everything it allows.
package struct ConsensusConfiguration: Sendable {
    /// This server's name in the group; it must not change while the folder lives.
    package var id: ServerID
    /// Absolute path of the folder for log, snapshots and lock; made if absent.
    package var folder: String
    /// The first membership of a new group; written as entry 1 when the folder is empty and ignored otherwise. Without
    /// it a new server
    /// waits until a leader adds it. Servers that bootstrap one group together must be given the same.
    package var bootstrap: Membership?
    package var raft = RaftSettings()
    package var log = WriteAheadLog.Settings()
    /// One tick of the core; 50 ms.
    package var tick = Duration.milliseconds(50)
    /// How many times as long a tick lasts, for slow machines and networks; 1. The lease does not grow with it, so that servers
    /// with different ones may form a group.
    package var tickMultiplier = 1
    /// Bytes applied since the last snapshot before the next is taken; 64 MiB, or the size of the last snapshot if that
    /// is more. After a
    /// restart up to this much is read into memory.
    package var snapshotAfterBytes: UInt64 = 64 << 20
    /// Bytes of applied entries kept in memory for followers that lag; 64 MiB. None are kept by a server that is alone.
    package var cacheBytesMax = 64 << 20
    /// Proposals waiting to be applied before more are refused with ``ConsensusError/overloaded``: 1,000,000 and 256
    /// MiB.
    package var waitingCountMax = 1_000_000
    package var waitingBytesMax = 256 << 20
    /// Told what an operator should know; must be quick.
    package var report: @Sendable (ConsensusReport) -> Void = { _ in }
    /// Sees every step of the core: what happened, the core after it, and what it wants done; for simulations.
    package var inspect: CoreInspection?

    package init(id: ServerID, folder: String, bootstrap: Membership? = nil) {
        self.id = id
        self.folder = folder
        self.bootstrap = bootstrap
    }
}

package typealias CoreInspection = @Sendable (Event, RaftNode, Ready) -> Void

/// Something to log.
package enum ConsensusReport: Sendable, Equatable {
    /// A crash tore the last batch of the log; it had not been acknowledged and was cut off.
    case tornTail(bytes: UInt64, folder: String)
    /// A snapshot could not be written; the log keeps growing until one can.
    case snapshotFailed(ConsensusError)
}

/// How far logs go, as one server knows it.
package struct ReplicationProgress: Sendable {
    /// The last index of its own log.
    package let lastIndex: UInt64
    /// If it leads, the highest index that each other member is known to have on disk.
    package let matches: [ServerID: UInt64]
}

/// Carries messages between servers. Losing some is allowed; blocking is not.
package protocol RaftTransport: Sendable {
    /// Sends what it can, in order per receiver; drops what it cannot queue. `membership` has the addresses.
    func send(_ messages: [Message], membership: Membership)

    /// Streams a snapshot to a server and returns whether it has it, synced, and has answered the install message; runs
    /// for as
    /// long as that takes.
    func sendSnapshot(
        _ metadata: SnapshotMetadata, _ chunks: SnapshotChunks, to peer: Membership.Member, term: UInt64
    ) async -> Bool
}

/// For a server that is alone.
package struct NoPeers: RaftTransport {
    package init() {}

    package func send(_ messages: [Message], membership: Membership) {}

    package func sendSnapshot(
        _ metadata: SnapshotMetadata, _ chunks: SnapshotChunks, to peer: Membership.Member, term: UInt64
    ) async -> Bool { false }
}
