/// Limits and timing of a ``RaftNode``. Times are in ticks; with 50 ms a tick the defaults elect within about a second.
package struct RaftSettings: Sendable {
    /// Ticks without a leader's word before campaigning, at least; each wait adds up to as many again at random (Raft
    /// §5.2).
    /// 10; must exceed `heartbeatTicks`.
    package var electionTicks = 10
    /// Ticks between a leader's heartbeats; 2.
    package var heartbeatTicks = 2
    /// Bytes of data in one append message; 1 MiB. A larger entry travels alone.
    package var appendBytesMax = 1 << 20
    /// Unanswered appends to one follower before waiting; 8. What comes meanwhile goes together, which saves more than it delays.
    package var inflightMax = 8
    /// Bytes of appended but uncommitted data before proposals are refused with ``ProposalRefusal/overloaded``; 256
    /// MiB.
    package var uncommittedBytesMax = 256 << 20
    /// Reads waiting for a majority before more are refused; 4,096.
    package var pendingReadsMax = 4_096
    /// How long after a majority was last heard from reads are served without asking again (dissertation §6.4.1), on this server's
    /// clock; nil, the default: each read asks. Servers that were heard from keep their votes for at least `electionTicks - 1` ticks;
    /// it must be less by what clocks may drift apart in that time.
    package var lease: Duration?
    /// A bug put in on purpose, to see that simulations find it; only tests set one.
    package var seededBug: SeededBug?

    package init() {}
}

/// What a wrong implementation of the paper might do.
package enum SeededBug: Sendable {
    /// Gives its vote to whoever asks, however often it gave it away in the term (against Raft §5.2).
    case votesTwice
    /// Takes an older term's entry for committed because a majority has it (against Raft §5.4.2, figure 8).
    case commitsOldTerms
    /// A follower hands out two committed entries with their contents exchanged.
    case appliesOutOfOrder
}
