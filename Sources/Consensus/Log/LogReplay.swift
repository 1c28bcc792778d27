internal import Raft

/// Puts the records of a log, read in order, together again.
struct LogReplay {
    let snapshot: SnapshotMetadata
    private(set) var hardState = HardState()
    /// Entries after the snapshot.
    private(set) var entries: [LogEntry] = []
    private(set) var lastIndex: UInt64 = 0
    var tornBytes: UInt64 = 0
    private var hasBegun = false
    private var termAtSnapshot: UInt64?

    init(snapshot: SnapshotMetadata) { self.snapshot = snapshot }

    /// - Returns: what is wrong, if the record cannot follow those before.
    mutating func take(_ record: LogRecord) -> String? {
        switch record {
        case .hardState(let state):
            guard state.term >= hardState.term else {
                return "the term goes back from \(hardState.term) to \(state.term)"
            }
            hardState = state
        case .reset(let index, let term):
            guard index <= snapshot.index else {
                return "the log goes on after a snapshot at \(index), but the newest one found is at \(snapshot.index)"
            }
            hasBegun = true
            lastIndex = index
            entries = []
            termAtSnapshot = index == snapshot.index ? term : nil
        case .entry(let entry): return take(entry)
        }
        return nil
    }

    private mutating func take(_ entry: LogEntry) -> String? {
        if hasBegun {
            guard entry.index >= 1, entry.index <= lastIndex + 1 else {
                return "entry \(entry.index) follows entry \(lastIndex)"
            }
        } else {
            guard entry.index >= 1, entry.index <= snapshot.index + 1 else {
                return "the log begins at entry \(entry.index), but the newest snapshot found ends at \(snapshot.index)"
            }
            hasBegun = true
        }
        lastIndex = entry.index
        if entry.index <= snapshot.index {
            entries = []
            termAtSnapshot = entry.index == snapshot.index ? entry.term : nil
        } else {
            entries.removeLast(entries.count - min(entries.count, Int(entry.index - snapshot.index - 1)))
            entries.append(entry)
        }
        return nil
    }

    /// Call after the last record.
    ///
    /// - Returns: whether the log has to be dropped in favour of the snapshot: it ends before it, or holds another
    /// entry at its index.
    mutating func finish() -> Bool {
        guard snapshot.index > 0 else { return false }
        let contradicts = lastIndex < snapshot.index || (termAtSnapshot.map { $0 != snapshot.term } ?? false)
        if contradicts {
            entries = []
            lastIndex = snapshot.index
        }
        return contradicts
    }
}
