/// What a server must remember across restarts besides its log (Raft figure 2, "persistent state").
package struct HardState: Sendable, Hashable {
    /// The newest term seen; never goes back.
    package var term: UInt64
    /// The candidate that got this server's vote in `term`.
    package var vote: ServerID?

    package init(term: UInt64 = 0, vote: ServerID? = nil) {
        self.term = term
        self.vote = vote
    }
}

/// What a snapshot stands for: all entries up to `index`, and the membership at that point (Raft §7).
package struct SnapshotMetadata: Sendable, Hashable {
    package let index: UInt64
    package let term: UInt64
    package let membership: Membership

    package init(index: UInt64, term: UInt64, membership: Membership) {
        self.index = index
        self.term = term
        self.membership = membership
    }

    /// Before the first entry: nothing applied, nobody a member.
    package static let empty = SnapshotMetadata(index: 0, term: 0, membership: Membership(members: []))
}
