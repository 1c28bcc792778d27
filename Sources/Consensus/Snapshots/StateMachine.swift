package import Raft

/// What the log is for. Called by ``ReplicatedLog`` alone, one call at a time, in log order.
package protocol StateMachine: Sendable {
    /// What applying one entry yields; goes to whoever proposed it.
    associatedtype Output: Sendable
    /// What an entry says, decoded; ``Never`` for a state machine that only reads bytes.
    associatedtype Command: Sendable

    /// Whether this release knows what the entry says, as far as its first bytes tell; one that it does not is not applied, and a
    /// snapshot awaited in its place.
    static func knows(_ entry: LogEntry) -> Bool

    /// Applies entries in order; kinds from ``EntryKind/firstApplication`` up, indexes ascending, with gaps where Raft
    /// has entries of its own.
    ///
    /// The same entries give the same state on every server and after every restart.
    /// `commands` has one for each entry: what its proposer handed in along with the bytes, when that was this server. It
    /// says the same as the bytes, which then need not be decoded.
    /// - Returns: one output for each entry, in order.
    /// - Throws: when an entry cannot be understood, such as a kind of a newer release. The server then stops with that
    /// error.
    func apply(_ entries: ArraySlice<LogEntry>, commands: [Command?]) async throws -> [Output]

    /// The state as it is between two calls of ``apply(_:commands:)``, fixed: later applies must not show in it. Should be
    /// cheap.
    func snapshot() async throws -> any StateSnapshot

    /// Replaces all state by what a snapshot's ``StateSnapshot/write(to:)`` wrote.
    func restore(from chunks: SnapshotChunks) async throws
}

/// State at one moment, to be written while the state machine goes on.
package protocol StateSnapshot: Sendable {
    /// Hands the content over in pieces of any size, in order. Runs on a thread that may block.
    func write(to emit: (_ piece: [UInt8]) throws -> Void) throws
}
