/// The log as the core sees it: a cached tail of entries over an older part that lies on disk only, over a snapshot.
///
///     1 ........ snapshot.index ........ start | start+1 ... lastIndex
///     (gone from firstOnDisk down)  (on disk)  | (cached here)
struct RaftLog: Sendable {
    private var entries: [LogEntry] = []
    /// The index just before the cached entries, and its term.
    private(set) var start: UInt64
    private(set) var startTerm: UInt64
    /// The newest saved snapshot.
    private(set) var snapshot: SnapshotMetadata
    /// The oldest index still readable from disk.
    private(set) var firstOnDisk: UInt64
    /// The highest index on this server's stable storage.
    private(set) var durableIndex: UInt64
    /// The highest index known to be on a majority (Raft §5.3).
    private(set) var commitIndex: UInt64

    /// `entries` follow the snapshot with successive indexes, all of them on stable storage.
    init(snapshot: SnapshotMetadata, entries: [LogEntry]) {
        self.snapshot = snapshot
        self.entries = entries
        start = snapshot.index
        startTerm = snapshot.term
        firstOnDisk = snapshot.index + 1
        commitIndex = snapshot.index
        durableIndex = entries.last?.index ?? snapshot.index
        precondition(
            entries.first.map { $0.index == start + 1 } ?? true, "log does not follow its snapshot at \(start)")
    }

    var lastIndex: UInt64 { entries.last?.index ?? start }
    var lastTerm: UInt64 { entries.last?.term ?? startTerm }

    /// The term of the entry at `index`, or nil when it is not cached or does not exist.
    func term(at index: UInt64) -> UInt64? {
        if index == start { return startTerm }
        if index > start, index <= lastIndex { return entries[offset(index)].term }
        return index == snapshot.index ? snapshot.term : nil
    }

    /// Cached entries from `first` on, as many as fit in `bytesMax` but at least one if there is any.
    func entries(from first: UInt64, bytesMax: Int) -> [LogEntry] {
        guard first > start, first <= lastIndex else { return [] }
        var bytes = 0
        var end = offset(first)
        while end < entries.count {
            bytes += entries[end].data.count
            if bytes > bytesMax, end > offset(first) { break }
            end += 1
        }
        return Array(entries[offset(first)..<end])
    }

    func entries(_ range: ClosedRange<UInt64>) -> [LogEntry] {
        precondition(
            range.lowerBound > start && range.upperBound <= lastIndex,
            "\(range) outside the cache of \(start)...\(lastIndex)")
        return Array(entries[offset(range.lowerBound)...offset(range.upperBound)])
    }

    private func offset(_ index: UInt64) -> Int { Int(index - start - 1) }

    /// Adds entries at the end; they are not durable until ``persisted(_:)``.
    mutating func append(_ new: [LogEntry]) { entries.append(contentsOf: new) }

    /// Removes `index` and all after it; never a committed entry.
    mutating func truncate(from index: UInt64) {
        precondition(index > commitIndex, "truncation at \(index) would lose committed entries up to \(commitIndex)")
        entries.removeSubrange(offset(index)...)
        durableIndex = min(durableIndex, index - 1)
    }

    /// Advances ``durableIndex`` if the entry that was persisted is still the one in the log.
    mutating func persisted(_ mark: PersistMark) {
        if mark.lastIndex > durableIndex, term(at: mark.lastIndex) == mark.lastTerm { durableIndex = mark.lastIndex }
    }

    /// - Returns: whether `index` was news.
    mutating func commit(to index: UInt64) -> Bool {
        guard index > commitIndex else { return false }
        precondition(index <= lastIndex, "commit \(index) beyond the log's end \(lastIndex)")
        commitIndex = index
        return true
    }

    /// Drops cached entries up to `index`; in large pieces, so that the cost is spread.
    mutating func trim(through index: UInt64) {
        guard index > start, index <= min(commitIndex, durableIndex) else { return }
        let count = offset(index) + 1
        guard count >= 1_024 || count == entries.count else { return }
        startTerm = entries[count - 1].term
        start = index
        entries.removeFirst(count)
    }

    mutating func saved(_ metadata: SnapshotMetadata, firstIndex: UInt64) {
        guard metadata.index > snapshot.index else { return }
        snapshot = metadata
        firstOnDisk = max(firstOnDisk, min(firstIndex, metadata.index + 1))
    }

    /// Replaces everything by a snapshot received from the leader.
    mutating func install(_ metadata: SnapshotMetadata) {
        entries = []
        (start, startTerm) = (metadata.index, metadata.term)
        snapshot = metadata
        firstOnDisk = metadata.index + 1
        commitIndex = metadata.index
        durableIndex = metadata.index
    }

    /// Raft §5.4.1: a later last term wins; in the same term the longer log.
    func isUpToDate(lastIndex index: UInt64, lastTerm term: UInt64) -> Bool {
        term > lastTerm || (term == lastTerm && index >= lastIndex)
    }

    /// The highest index up to `index` whose term is at most `term`, or is unknown: where two logs may agree.
    func possibleMatch(upTo index: UInt64, term limit: UInt64) -> (index: UInt64, term: UInt64) {
        var probe = min(index, lastIndex)
        while probe > 0 {
            guard let found = term(at: probe) else { return (probe, 0) }
            if found <= limit { return (probe, found) }
            probe -= 1
        }
        return (0, 0)
    }
}
