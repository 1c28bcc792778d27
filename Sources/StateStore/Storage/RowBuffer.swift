/// A list of row numbers that grows at its end in memory several versions share.
///
/// Each version knows its own length, so a version never sees what a later one appended. Appending writes in place while this
/// version is the one that appended last, and copies otherwise. One thread appends to all versions that share a buffer.
struct RowList: Sendable {
    private(set) var count = 0
    private var buffer: RowBuffer?

    init() {}

    /// The first `count` rows of a buffer.
    init(_ buffer: RowBuffer?, count: Int) {
        self.buffer = buffer
        self.count = count
    }

    /// The memory the rows lie in.
    var memory: RowBuffer? { buffer }

    init(_ rows: [UInt32]) {
        for row in rows { append(row) }
    }

    subscript(position: Int) -> UInt32 {
        precondition(position < count, "position \(position) of \(count)")
        guard let buffer else { preconditionFailure("a list of \(count) rows without a buffer") }
        return buffer.rows[position]
    }

    mutating func append(_ row: UInt32) {
        if let fresh = RowBuffer.append(row, to: buffer, count: count) { buffer = fresh }
        count += 1
    }

    func forEach(_ body: (UInt32) throws -> Void) rethrows {
        guard let buffer else { return }
        for position in 0..<count { try body(buffer.rows[position]) }
        withExtendedLifetime(buffer) {}
    }

    mutating func removeAll(where isRemoved: (UInt32) -> Bool) {
        var kept = RowList()
        forEach { row in if !isRemoved(row) { kept.append(row) } }
        self = kept
    }
}

/// Memory of a ``RowList``: rows below a version's length never change.
final class RowBuffer: @unchecked Sendable {
    let rows: UnsafeMutablePointer<UInt32>
    let capacity: Int
    var used: Int

    /// Writes a row behind the first `count` of `buffer`: in place while nobody else has, otherwise into a copy, which is returned.
    static func append(_ row: UInt32, to buffer: RowBuffer?, count: Int) -> RowBuffer? {
        if let buffer, buffer.used == count, count < buffer.capacity {
            buffer.rows[count] = row
            buffer.used = count + 1
            return nil
        }
        let fresh = RowBuffer(copying: buffer, count: count)
        fresh.rows[count] = row
        fresh.used = count + 1
        return fresh
    }

    init(copying other: RowBuffer?, count: Int) {
        capacity = max(4, count * 2)
        rows = .allocate(capacity: capacity)
        if let other { rows.initialize(from: other.rows, count: count) }
        used = count
    }

    deinit { rows.deallocate() }
}
