/// What servers of a group tell each other. Losing, repeating or reordering messages costs time, never safety.
package struct Message: Sendable, Hashable {
    package let from: ServerID
    package let to: ServerID
    /// The sender's term; for a pre-vote request the term it would campaign in.
    package let term: UInt64
    package let body: Body

    package init(from: ServerID, to: ServerID, term: UInt64, body: Body) {
        self.from = from
        self.to = to
        self.term = term
        self.body = body
    }

    package enum Body: Sendable, Hashable {
        case voteRequest(VoteRequest)
        case voteResponse(VoteResponse)
        case append(Append)
        case appendResponse(AppendResponse)
        /// Sent when idle; `commit` never exceeds what the receiver is known to hold. `context` is echoed (read-index).
        case heartbeat(commit: UInt64, context: UInt64)
        case heartbeatResponse(context: UInt64)
        /// Delivered to the core only when the snapshot's content lies verified and synced on the receiver's disk (Raft
        /// §7).
        case installSnapshot(SnapshotMetadata)
        /// Tells a caught-up follower to campaign at once (dissertation §3.10).
        case timeoutNow
    }

    /// RequestVote (Raft §5.2, §5.4.1); with `isPreVote` the trial round of dissertation §9.6.
    package struct VoteRequest: Sendable, Hashable {
        package let lastIndex: UInt64
        package let lastTerm: UInt64
        package let isPreVote: Bool
        /// The old leader asked for this election, so the receiver does not defend it.
        package let isTransfer: Bool

        package init(lastIndex: UInt64, lastTerm: UInt64, isPreVote: Bool, isTransfer: Bool) {
            self.lastIndex = lastIndex
            self.lastTerm = lastTerm
            self.isPreVote = isPreVote
            self.isTransfer = isTransfer
        }
    }

    package struct VoteResponse: Sendable, Hashable {
        package let isGranted: Bool
        package let isPreVote: Bool

        package init(isGranted: Bool, isPreVote: Bool) {
            self.isGranted = isGranted
            self.isPreVote = isPreVote
        }
    }

    /// AppendEntries (Raft §5.3).
    package struct Append: Sendable, Hashable {
        package let previousIndex: UInt64
        package let previousTerm: UInt64
        /// Successive indexes from `previousIndex + 1`, at most ``RaftSettings/appendBytesMax`` of data unless it is
        /// one entry.
        package let entries: [LogEntry]
        package let commit: UInt64

        package init(previousIndex: UInt64, previousTerm: UInt64, entries: [LogEntry], commit: UInt64) {
            self.previousIndex = previousIndex
            self.previousTerm = previousTerm
            self.entries = entries
            self.commit = commit
        }
    }

    package struct AppendResponse: Sendable, Hashable {
        /// Accepted: the highest index known to match the leader's log, on stable storage. Refused: the request's
        /// `previousIndex`.
        package let index: UInt64
        package let rejection: Rejection?

        package init(index: UInt64, rejection: Rejection? = nil) {
            self.index = index
            self.rejection = rejection
        }
    }

    /// Where the logs may agree, so that the leader skips whole terms instead of one index a round (Raft §5.3, end).
    package struct Rejection: Sendable, Hashable {
        package let hintIndex: UInt64
        /// Term of the receiver's entry at `hintIndex`; 0 when it does not know.
        package let hintTerm: UInt64

        package init(hintIndex: UInt64, hintTerm: UInt64) {
            self.hintIndex = hintIndex
            self.hintTerm = hintTerm
        }
    }
}
