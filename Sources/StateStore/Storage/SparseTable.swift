/// A persistent vector of optional values, most of them absent or rarely changed; absent pieces cost a word.
///
/// For references and structs that hold them; leaves of 32 under inner nodes of 64. One thread writes, any number read older copies.
struct SparseTable<Value: Sendable>: Sendable {
    private var inners: [Inner?] = []

    /// One more than the highest position ever set.
    private(set) var limit = 0

    subscript(position: Int) -> Value? {
        get {
            guard position >> 11 < inners.count, let inner = inners[position >> 11] else { return nil }
            return inner.leaves[position >> 5 & 63]?.values[position & 31]
        }
        set {
            if newValue == nil, self[position] == nil { return }
            let leaf = ownLeaf(position)
            leaf.values[position & 31] = newValue
        }
    }

    /// Counts positions below `limit` as used.
    mutating func reserve(_ limit: Int) { self.limit = max(self.limit, limit) }

    /// Changes a value in place, without copying what it holds.
    mutating func update(_ position: Int, default value: @autoclosure () -> Value, _ change: (inout Value) -> Void) {
        let leaf = ownLeaf(position)
        if leaf.values[position & 31] == nil { leaf.values[position & 31] = value() }
        if var current = leaf.values[position & 31].take() {
            change(&current)
            leaf.values[position & 31] = current
        }
    }

    /// Sets the position after the last one and returns it.
    mutating func append(_ value: Value) -> Int {
        let position = limit
        self[position] = value
        return position
    }

    private mutating func ownLeaf(_ position: Int) -> Leaf {
        let number = position >> 11
        limit = max(limit, position + 1)
        while inners.count <= number { inners.append(nil) }
        if inners[number] == nil {
            inners[number] = Inner(leaves: Array(repeating: nil, count: 64))
        } else if !isKnownUniquelyReferenced(&inners[number]), let shared = inners[number] {
            inners[number] = Inner(leaves: shared.leaves)
        }
        guard let inner = inners[number] else { preconditionFailure("inner node \(number) was just made") }
        let slot = position >> 5 & 63
        if inner.leaves[slot] == nil {
            inner.leaves[slot] = Leaf(values: Array(repeating: nil, count: 32))
        } else if !isKnownUniquelyReferenced(&inner.leaves[slot]), let shared = inner.leaves[slot] {
            inner.leaves[slot] = Leaf(values: shared.values)
        }
        guard let leaf = inner.leaves[slot] else { preconditionFailure("leaf \(slot) was just made") }
        return leaf
    }

    /// Changed only while exactly one version refers to it.
    private final class Inner: @unchecked Sendable {
        var leaves: [Leaf?]

        init(leaves: [Leaf?]) { self.leaves = leaves }
    }

    /// Changed only while exactly one version refers to it.
    private final class Leaf: @unchecked Sendable {
        var values: [Value?]

        init(values: [Value?]) { self.values = values }
    }
}
