/// What a step wants done, in this order: install, persist, send, apply. `early` messages need not wait for the disk.
///
/// Readies are handled in the order they were made. Several may be merged: persist all, then send all, then apply all.
package struct Ready: Sendable {
    /// First: make this received snapshot the current one and drop the whole log; then restore the state machine from
    /// it.
    package var install: SnapshotMetadata?
    /// Then persist, before `entries`: the new term and vote.
    package var hardState: HardState?
    /// Then persist: entries in order. The first one replaces the entry on disk with the same index and all after it.
    package var entries: [LogEntry] = []
    /// Give this back in ``Event/persisted(_:)`` once the above is synced. Nil when there is nothing to persist.
    package var mark: PersistMark?
    /// Send only after the above is synced: they promise it to others.
    package var messages: [Message] = []
    /// May be sent at once: a leader writes to its own disk in parallel with its followers (dissertation §10.2.1).
    package var early: [Message] = []
    /// Apply in order; committed and on this server's own disk. Indexes follow those delivered before.
    package var committed: [LogEntry] = []
    /// Stream the newest snapshot to these peers, then report ``Event/snapshotSent(peer:isInstalled:)``.
    package var snapshots: [ServerID] = []
    /// Read entries that are no longer cached from disk, then report ``Event/fetched(peer:previousTerm:entries:)``.
    package var fetches: [LogFetch] = []
    /// Reads that may be served once `index` is applied, or must be refused.
    package var reads: [ReadOutcome] = []
    /// The answer to ``Event/propose(_:)``, ``Event/changeMembership(_:)`` and ``Event/bootstrap(_:)``.
    package var proposal: ProposalOutcome?
    /// Set when role, leader, term or membership changed.
    package var status: RaftStatus?
    /// Set when the group's promise is broken on this server; it ignores every later event. Stop and tell the operator.
    package var fault: RaftFault?

    /// Nothing to do.
    package init() {}
}

/// A point in the sequence of things to persist.
package struct PersistMark: Sendable, Hashable {
    package let hardState: HardState
    package let lastIndex: UInt64
    package let lastTerm: UInt64
}

/// Entries wanted from disk for a follower that lags behind the cache.
package struct LogFetch: Sendable, Hashable {
    package let peer: ServerID
    package let firstIndex: UInt64
    /// Stop before exceeding this, but give at least one entry.
    package let bytesMax: Int
}

package enum ReadOutcome: Sendable, Hashable {
    /// Serve it from state at `index` or newer.
    case ready(id: UInt64, index: UInt64)
    /// Not the leader, or no longer; ask `leader`.
    case refused(id: UInt64, leader: ServerID?)
}

package enum ProposalOutcome: Sendable, Hashable {
    /// The proposals have successive indexes from `first`; they may still be lost if leadership is. Committed when
    /// delivered with this term.
    case appended(first: UInt64, term: UInt64)
    case refused(ProposalRefusal)
}

package enum ProposalRefusal: Error, Sendable, Hashable {
    case notLeader(leader: ServerID?)
    /// Leadership is being handed over; ask again soon.
    case transferring(to: ServerID)
    /// More than ``RaftSettings/uncommittedBytesMax`` wait for a majority.
    case overloaded
    /// Another change is not committed yet, or this term has no committed entry yet; ask again soon.
    case membershipChangePending
    /// This server has a term, a vote or a log already, so it cannot begin a new group.
    case notEmpty
    /// More than one voter differs, no voter is left, or an id or address is too long.
    case invalidMembership
    /// A kind below ``EntryKind/firstApplication``.
    case reservedKind
}

package struct RaftStatus: Sendable, Hashable {
    package let role: Role
    package let term: UInt64
    package let leader: ServerID?
    package let membership: Membership
    /// Its log has entries of a later release; it waits for a snapshot in their place.
    package let isStranded: Bool
}

/// Follower → (pre-candidate →) candidate → leader; back to follower on a newer term or a lost majority (Raft figure
/// 4).
package enum Role: Sendable, Hashable {
    /// Answers a leader, or waits for one.
    case follower
    /// Asks whether an election could be won, without disturbing the term.
    case preCandidate
    /// Asks for votes in its own new term.
    case candidate
    /// Won its term; the only one who appends.
    case leader
}

/// The log on this server contradicts what the group knows it acknowledged.
package enum RaftFault: Error, Sendable, Hashable, CustomStringConvertible {
    /// The leader knows this server had `expected`, but its log ends at `found`: data was lost after it was synced.
    case lostLog(expected: UInt64, found: UInt64)
    /// An entry that was committed would be replaced.
    case committedConflict(index: UInt64)

    package var description: String {
        switch self {
        case .lostLog(let expected, let found):
            "raft log ends at \(found), but this server acknowledged \(expected): its disk lost synced data; "
                + "remove the server from the group, empty its data folder and let it join anew"
        case .committedConflict(let index):
            "a leader replaces committed entry \(index): two groups share a server id, or a disk lost synced data; "
                + "keep the data folders and compare them before starting again"
        }
    }
}
