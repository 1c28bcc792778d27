/// Everything that can happen to a ``RaftNode``.
package enum Event: Sendable {
    /// Sent once, first. A server that is the only voter becomes leader in this step.
    case start
    /// Begin a new group with this membership, on a server that knows nothing yet and is a voter in it;
    /// ``Ready/proposal`` tells whether it did.
    case bootstrap(Membership)
    /// One unit of time has passed; the shell chooses how long that is.
    case tick
    /// A message arrived from another member.
    case receive(Message)
    /// Append these entries in order; ``Ready/proposal`` tells where they went.
    case propose([Proposal])
    /// Replace the membership; ``Ready/proposal`` tells where the entry went.
    case changeMembership(Membership)
    /// Hand leadership to a voter once it has the whole log (dissertation §3.10); given up after an election timeout.
    case transferLeadership(to: ServerID)
    /// Confirm leadership for a linearizable read (dissertation §6.4), by the lease or a round of heartbeats; answered by
    /// ``Ready/reads`` under the same number.
    case read(UInt64)
    /// Everything of the ``Ready`` that carried `mark`, and of all before it, is on stable storage.
    case persisted(PersistMark)
    /// The entries asked for by ``Ready/fetches``; empty when they are gone from disk, which leads to a snapshot.
    case fetched(peer: ServerID, previousTerm: UInt64, entries: [LogEntry])
    /// A snapshot of applied state was saved; entries from `firstIndex` on are still on disk.
    case snapshotSaved(SnapshotMetadata, firstIndex: UInt64)
    /// The transfer asked for by ``Ready/snapshots`` ended.
    case snapshotSent(peer: ServerID, isInstalled: Bool)
    /// A member does not know entries of this leader's log: send it the newest snapshot in their place.
    case handOver(to: ServerID)
    /// Cached entries up to this index, all of them applied, may leave memory.
    case trim(through: UInt64)
}
