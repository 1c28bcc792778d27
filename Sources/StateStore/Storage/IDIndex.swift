import Basics

/// A persistent B+tree from ids to row numbers, ordered by id.
///
/// Three fixed levels: one array of inner nodes, inner nodes of at most 64 leaves with full separators, leaves of at most 256
/// entries of plain memory. A leaf keeps only the upper half of each id; the row itself tells the rest, by `identify`, which
/// the table that owns the rows passes to each operation (STATE.md §3). One thread writes, any number read older copies.
struct IDIndex: Sendable {
    private(set) var count = 0
    private var inners: [InnerNode] = []

    /// The row of `id`, or nil.
    func find(_ id: ID, identify: (UInt32) -> ID) -> UInt32? {
        guard let (inner, slot) = locate(id) else { return nil }
        let leaf = inners[inner].leaves[slot]
        let position = leaf.lowerBound(id, identify)
        guard position < leaf.count, leaf.keys[position] == id.high, identify(leaf.rows[position]) == id else {
            return nil
        }
        return leaf.rows[position]
    }

    /// Adds an id; returns false and changes nothing when it is there already.
    @discardableResult
    mutating func insert(_ id: ID, row: UInt32, identify: (UInt32) -> ID) -> Bool {
        guard let (inner, slot) = locate(id) else {
            let leaf = LeafNode()
            leaf.insert(id.high, row, at: 0)
            inners = [InnerNode(separators: [id], leaves: [leaf])]
            count = 1
            return true
        }
        let place = inners[inner].leaves[slot]
        let position = place.lowerBound(id, identify)
        if position < place.count, place.keys[position] == id.high, identify(place.rows[position]) == id {
            return false
        }
        count += 1
        let node = ownInner(inner)
        let leaf = node.ownLeaf(slot)
        leaf.insert(id.high, row, at: position)
        if leaf.count == LeafNode.capacity {
            let right = leaf.split()
            node.separators.insert(identify(right.rows[0]), at: slot + 1)
            node.leaves.insert(right, at: slot + 1)
        }
        if node.leaves.count > 64 { inners.insert(node.split(), at: inner + 1) }
        return true
    }

    mutating func remove(_ id: ID, identify: (UInt32) -> ID) {
        guard find(id, identify: identify) != nil, let (inner, slot) = locate(id) else { return }
        count -= 1
        let node = ownInner(inner)
        let leaf = node.ownLeaf(slot)
        leaf.remove(at: leaf.lowerBound(id, identify))
        guard leaf.count == 0 else { return }
        node.separators.remove(at: slot)
        node.leaves.remove(at: slot)
        if node.leaves.isEmpty { inners.remove(at: inner) }
    }

    /// Calls `body` with the rows at or after `start`, in order of their ids, until it returns false.
    func scan(from start: ID = .none, identify: (UInt32) -> ID, _ body: (UInt32) throws -> Bool) rethrows {
        guard var (inner, slot) = locate(start) else { return }
        var position = inners[inner].leaves[slot].lowerBound(start, identify)
        while inner < inners.count {
            let node = inners[inner]
            while slot < node.leaves.count {
                let leaf = node.leaves[slot]
                while position < leaf.count {
                    guard try body(leaf.rows[position]) else { return }
                    position += 1
                }
                (slot, position) = (slot + 1, 0)
            }
            (inner, slot) = (inner + 1, 0)
        }
    }

    /// As ``scan(from:identify:_:)`` in descending order, from `start` down; nil starts at the greatest id.
    func scanDown(from start: ID?, identify: (UInt32) -> ID, _ body: (UInt32) throws -> Bool) rethrows {
        let greatest = ID(high: .max, low: .max)
        guard var (inner, slot) = locate(start ?? greatest) else { return }
        let first = inners[inner].leaves[slot]
        var position = first.lowerBound(start ?? greatest, identify)
        if let start, position < first.count, identify(first.rows[position]) == start { position += 1 }
        while true {
            let leaf = inners[inner].leaves[slot]
            while position > 0 {
                position -= 1
                guard try body(leaf.rows[position]) else { return }
            }
            if slot == 0 {
                guard inner > 0 else { return }
                inner -= 1
                slot = inners[inner].leaves.count
            }
            slot -= 1
            position = inners[inner].leaves[slot].count
        }
    }

    /// The inner node and leaf in which `id` is or would be; nil when the index is empty.
    private func locate(_ id: ID) -> (inner: Int, slot: Int)? {
        guard !inners.isEmpty else { return nil }
        var low = 0
        var high = inners.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if inners[middle].separators[0] <= id { low = middle } else { high = middle }
        }
        return (low, inners[low].slot(of: id))
    }

    private mutating func ownInner(_ number: Int) -> InnerNode {
        if !isKnownUniquelyReferenced(&inners[number]) {
            inners[number] = InnerNode(separators: inners[number].separators, leaves: inners[number].leaves)
        }
        return inners[number]
    }
}

/// Up to 64 leaves and the least id each may hold. Changed only while exactly one version refers to it.
private final class InnerNode: @unchecked Sendable {
    var separators: [ID]
    var leaves: [LeafNode]

    init(separators: [ID], leaves: [LeafNode]) {
        self.separators = separators
        self.leaves = leaves
    }

    func slot(of id: ID) -> Int {
        separators.withUnsafeBufferPointer { separators in
            var low = 0
            var high = separators.count
            while high - low > 1 {
                let middle = (low + high) / 2
                if separators[middle] <= id { low = middle } else { high = middle }
            }
            return low
        }
    }

    func ownLeaf(_ slot: Int) -> LeafNode {
        if !isKnownUniquelyReferenced(&leaves[slot]) { leaves[slot] = LeafNode(copying: leaves[slot]) }
        return leaves[slot]
    }

    func split() -> InnerNode {
        let middle = leaves.count / 2
        let right = InnerNode(separators: Array(separators[middle...]), leaves: Array(leaves[middle...]))
        separators.removeSubrange(middle...)
        leaves.removeSubrange(middle...)
        return right
    }
}

/// Entries in order: upper halves of ids, and rows. Changed only while exactly one version refers to it.
private final class LeafNode: @unchecked Sendable {
    static let capacity = 256

    let keys: UnsafeMutablePointer<UInt64>
    let rows: UnsafeMutablePointer<UInt32>
    var count = 0

    init() {
        keys = .allocate(capacity: Self.capacity)
        rows = .allocate(capacity: Self.capacity)
    }

    convenience init(copying other: LeafNode) {
        self.init()
        fill(from: other, start: 0)
    }

    deinit {
        keys.deallocate()
        rows.deallocate()
    }

    /// The first position whose id is not below `id`.
    func lowerBound(_ id: ID, _ identify: (UInt32) -> ID) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < id.high { low = middle + 1 } else { high = middle }
        }
        while low < count, keys[low] == id.high, identify(rows[low]).low < id.low { low += 1 }
        return low
    }

    func insert(_ key: UInt64, _ row: UInt32, at position: Int) {
        (keys + position + 1).update(from: keys + position, count: count - position)
        (rows + position + 1).update(from: rows + position, count: count - position)
        keys[position] = key
        rows[position] = row
        count += 1
    }

    func remove(at position: Int) {
        count -= 1
        (keys + position).update(from: keys + position + 1, count: count - position)
        (rows + position).update(from: rows + position + 1, count: count - position)
    }

    func split() -> LeafNode {
        let right = LeafNode()
        right.fill(from: self, start: count / 2)
        count /= 2
        return right
    }

    private func fill(from other: LeafNode, start: Int) {
        count = other.count - start
        keys.update(from: other.keys + start, count: count)
        rows.update(from: other.rows + start, count: count)
    }
}
