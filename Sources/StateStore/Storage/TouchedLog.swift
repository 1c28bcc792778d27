/// Which node rows changed at which index: the feed from which columnar views are patched forward.
///
/// Bounded: the oldest half is dropped when it is full, and readers that fell behind rebuild. Entries are appended in shared
/// memory that older versions read up to their own length; one thread appends.
struct TouchedLog: Sendable {
    /// The most entries kept.
    static let entryCountMax = 1 << 17

    private var buffer = TouchedBuffer(capacity: 1024)
    private var count = 0
    /// Changes at or below this index are no longer all known.
    private(set) var floor: UInt64 = 0

    /// A log that knows of nothing up to `floor`.
    init(floor: UInt64 = 0) { self.floor = floor }

    mutating func append(_ row: UInt32, index: UInt64) {
        if count == Self.entryCountMax {
            let dropped = count / 2
            floor = buffer.entries[dropped - 1].index
            buffer = TouchedBuffer(copying: buffer, from: dropped, to: count, capacity: Self.entryCountMax)
            count -= dropped
        } else if buffer.used != count || count == buffer.capacity {
            let capacity = min(Self.entryCountMax, max(buffer.capacity, count * 2))
            buffer = TouchedBuffer(copying: buffer, from: 0, to: count, capacity: capacity)
        }
        buffer.entries[count] = TouchedEntry(index: index, row: row)
        count += 1
        buffer.used = count
    }

    /// The rows changed after `index`, oldest first, possibly repeated; nil when that is too long ago.
    func rows(since index: UInt64) -> [UInt32]? {
        guard index >= floor else { return nil }
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if buffer.entries[middle].index <= index { low = middle + 1 } else { high = middle }
        }
        return (low..<count).map { buffer.entries[$0].row }
    }
}

private struct TouchedEntry: BitwiseCopyable {
    var index: UInt64
    var row: UInt32
}

private final class TouchedBuffer: @unchecked Sendable {
    let entries: UnsafeMutablePointer<TouchedEntry>
    let capacity: Int
    var used = 0

    init(capacity: Int) {
        self.capacity = capacity
        entries = .allocate(capacity: capacity)
    }

    init(copying other: TouchedBuffer, from start: Int, to end: Int, capacity: Int) {
        self.capacity = capacity
        entries = .allocate(capacity: capacity)
        entries.initialize(from: other.entries + start, count: end - start)
        used = end - start
    }

    deinit { entries.deallocate() }
}
