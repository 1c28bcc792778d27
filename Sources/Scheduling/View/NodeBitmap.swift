package import Model

/// A set of node rows, 64 a word, as the ABI has it.
package struct NodeBitmap: Sendable, Equatable {
    package private(set) var words: [UInt64]

    /// An empty set with room for rows below `limit`.
    package init(limit: Int) { words = [UInt64](repeating: 0, count: (limit + 63) / 64) }

    @inline(__always)
    package func contains(_ row: NodeRow) -> Bool {
        let word = Int(row >> 6)
        return word < words.count && words[word] >> UInt64(row & 63) & 1 != 0
    }

    package mutating func insert(_ row: NodeRow) {
        let word = Int(row >> 6)
        if word >= words.count { words += [UInt64](repeating: 0, count: word + 1 - words.count) }
        words[word] |= 1 << UInt64(row & 63)
    }

    package mutating func remove(_ row: NodeRow) {
        let word = Int(row >> 6)
        if word < words.count { words[word] &= ~(1 << UInt64(row & 63)) }
    }

    mutating func formUnion(_ other: NodeBitmap) {
        if words.count < other.words.count {
            words += [UInt64](repeating: 0, count: other.words.count - words.count)
        }
        for index in other.words.indices { words[index] |= other.words[index] }
    }

    package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
}
