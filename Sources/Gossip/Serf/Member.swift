/// A member of the pool as the application sees it.
package struct Member: Equatable, Sendable {
    /// Unique in the pool.
    package var name: String
    package var address: GossipAddress
    package var tags: [String: String]
    package var status: MemberStatus
    package var versions: ProtocolVersions

    package init(
        name: String, address: GossipAddress, tags: [String: String], status: MemberStatus, versions: ProtocolVersions
    ) {
        self.name = name
        self.address = address
        self.tags = tags
        self.status = status
        self.versions = versions
    }
}

/// serf's numbers and words.
///
/// ```
///            leave intent             dead
///   alive ───────────────► leaving ────────► left ── tombstone timeout ──► reaped
///     │ ▲                                     ▲
///     │ └──── alive again ────┐               │ leave intent (forced)
///     └──────── dead ──────► failed ──────────┴─────── reconnect timeout ──► reaped
/// ```
package enum MemberStatus: UInt8, Sendable, CustomStringConvertible {
    case none = 0
    /// Answers, or is at most suspected.
    case alive = 1
    /// Has said that it is about to leave.
    case leaving = 2
    /// Left in good order; listed for ``GossipSettings/tombstoneTimeout``.
    case left = 3
    /// Found dead; tried again for ``GossipSettings/reconnectTimeout``.
    case failed = 4

    package var description: String {
        switch self {
        case .none: "none"
        case .alive: "alive"
        case .leaving: "leaving"
        case .left: "left"
        case .failed: "failed"
        }
    }
}

/// A change of the pool, in the order in which this member learnt of it.
package enum MemberEvent: Equatable, Sendable {
    case joined(Member)
    case left(Member)
    case failed(Member)
    /// Its tags, address or versions changed.
    case updated(Member)
    /// Forgotten; no longer listed.
    case reaped(Member)
}
