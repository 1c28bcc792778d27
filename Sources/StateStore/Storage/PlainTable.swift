/// A persistent vector of plain values: copying the table is a reference count, changing a row copies at most one leaf and one
/// inner node that another version still holds.
///
/// Leaves are raw memory of 64 rows under inner nodes of 32 leaves (STATE.md §4: the best of the sizes tried). One thread writes;
/// any number read older copies.
struct PlainTable<Row: BitwiseCopyable & Sendable>: Sendable {
    private(set) var count = 0
    private let filler: Row
    private var inners: [Inner] = []

    /// - Parameter filler: what rows hold before they are written.
    init(filler: Row) { self.filler = filler }

    /// Rows are stored in pieces of this many; ``release(rows:)`` frees whole pieces.
    static var innerRows: Int { 2048 }

    subscript(position: Int) -> Row {
        precondition(position < count, "row \(position) of \(count)")
        let inner = inners[position >> 11]
        return inner.leaves[position >> 6 & 31].rows[position & 63]
    }

    mutating func append(_ row: Row) {
        let position = count
        count += 1
        if position >> 11 == inners.count { inners.append(Inner(leaves: [])) }
        if position & 63 == 0 {
            ownInner(position >> 11)
            inners[position >> 11].leaves.append(Leaf(filler: filler))
        }
        pointer(position).pointee = row
    }

    /// Changes a row in place, after giving this version its own copy of what others share.
    mutating func update<Result>(_ position: Int, _ change: (inout Row) -> Result) -> Result {
        precondition(position < count, "row \(position) of \(count)")
        return change(&pointer(position).pointee)
    }

    /// Frees the memory of an inner node whose rows will never be read again.
    mutating func releaseInner(_ number: Int) {
        inners[number] = Inner(leaves: [])
    }

    private mutating func ownInner(_ number: Int) {
        if !isKnownUniquelyReferenced(&inners[number]) { inners[number] = Inner(leaves: inners[number].leaves) }
    }

    private mutating func pointer(_ position: Int) -> UnsafeMutablePointer<Row> {
        ownInner(position >> 11)
        let inner = inners[position >> 11]
        let slot = position >> 6 & 31
        if !isKnownUniquelyReferenced(&inner.leaves[slot]) { inner.leaves[slot] = Leaf(copying: inner.leaves[slot]) }
        return inner.leaves[slot].rows + (position & 63)
    }

    /// Changed only while exactly one version refers to it.
    private final class Inner: @unchecked Sendable {
        var leaves: [Leaf]

        init(leaves: [Leaf]) { self.leaves = leaves }
    }

    /// Changed only while exactly one version refers to it.
    private final class Leaf: @unchecked Sendable {
        let rows: UnsafeMutablePointer<Row>

        init(filler: Row) {
            rows = .allocate(capacity: 64)
            rows.initialize(repeating: filler, count: 64)
        }

        init(copying other: Leaf) {
            rows = .allocate(capacity: 64)
            rows.initialize(from: other.rows, count: 64)
        }

        deinit { rows.deallocate() }
    }
}
