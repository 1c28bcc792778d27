/// What a leader knows about one other member's log (Raft figure 2, "nextIndex, matchIndex").
///
///     probe ──accepted──► replicate ──refused──► probe          one message at a time until the logs are seen to
///     agree,
///       └──too far behind──► snapshot ──sent──► probe           then a pipeline of them
struct Progress: Sendable, Hashable {
    let id: ServerID
    /// Highest index known to match, on the member's stable storage.
    var match: UInt64 = 0
    /// The next index to send; always above `match`.
    var next: UInt64
    var mode = Mode.probe(isWaiting: false)
    /// Heard from since the last quorum check.
    var isActive = true
    /// The newest round of heartbeats it answered.
    var heardRound: UInt64 = 0
    /// Entries below the cache are being read from disk.
    var isFetching = false
    /// The newest commit index it was told.
    var toldCommit: UInt64 = 0

    enum Mode: Sendable, Hashable {
        /// Looking for the point where the logs agree; waiting while a question is out.
        case probe(isWaiting: Bool)
        /// Sending ahead; holds the last index of every unanswered message, ascending.
        case replicate(inflight: [UInt64])
        /// Getting the snapshot that ends at this index.
        case snapshot(index: UInt64)
    }

    /// Whether an append is on its way to it whose answer will come.
    var hasInflight: Bool {
        if case .replicate(let inflight) = mode { !inflight.isEmpty } else { false }
    }

    func isPaused(inflightMax: Int) -> Bool {
        if isFetching { return true }
        switch mode {
        case .probe(let isWaiting): return isWaiting
        case .replicate(let inflight): return inflight.count >= inflightMax
        case .snapshot: return true
        }
    }

    /// Notes that entries up to `last` (or none) were sent from `next` on.
    mutating func sent(through last: UInt64?) {
        switch mode {
        case .probe: mode = .probe(isWaiting: true)
        case .replicate(var inflight):
            guard let last else { return }
            inflight.append(last)
            mode = .replicate(inflight: inflight)
            next = last + 1
        case .snapshot: break
        }
    }

    /// - Returns: whether `index` was news.
    mutating func accepted(_ index: UInt64) -> Bool {
        let isNews = index > match
        // What a server says to an old leader ("nothing") may reach the same server as the new one.
        let answersProbe = index + 1 >= next
        if isNews { match = index }
        next = max(next, index + 1)
        switch mode {
        case .probe where isNews || answersProbe: mode = .replicate(inflight: [])
        case .probe: break
        case .replicate(let inflight): mode = .replicate(inflight: inflight.filter { $0 > index })
        case .snapshot(let pending) where match >= pending: mode = .replicate(inflight: [])
        case .snapshot: break
        }
        return isNews
    }

    /// - Returns: false when the refusal answers a question that no longer matters.
    mutating func refused(_ index: UInt64, hint: UInt64) -> Bool {
        switch mode {
        case .replicate:
            guard index > match else { return false }
            next = match + 1
        case .probe:
            guard next == index + 1 else { return false }
            next = max(min(index, hint + 1), match + 1)
        case .snapshot: return false
        }
        mode = .probe(isWaiting: false)
        return true
    }

    /// A sign of life without news: messages may have been lost, so let one more out.
    mutating func heardFrom(inflightMax: Int) {
        isActive = true
        switch mode {
        case .probe: mode = .probe(isWaiting: false)
        case .replicate(let inflight) where inflight.count >= inflightMax:
            mode = .replicate(inflight: Array(inflight.dropFirst()))
        case .replicate, .snapshot: break
        }
    }
}
