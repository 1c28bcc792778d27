/// When nodes last gained room, so that room is found that an evaluation has not seen.
struct FreedNodes: Sendable {
    /// By node's row.
    private var indexes: [UInt32: UInt64] = [:]
    /// The same in order; a node that gained room again is in it more than once, and only the last counts.
    private var log: [(index: UInt64, row: UInt32)] = []

    mutating func note(_ row: UInt32, index: UInt64) {
        guard indexes[row] ?? 0 < index else { return }
        indexes[row] = index
        log.append((index, row))
        guard log.count > 2 * indexes.count + 64 else { return }
        log = log.filter { indexes[$0.row] == $0.index }
    }

    /// When the node last gained room, 0 when that is not known.
    func index(of row: UInt32) -> UInt64 { indexes[row] ?? 0 }

    /// The nodes that gained room after `index`.
    func rows(since index: UInt64) -> Set<UInt32> {
        var (low, high) = (0, log.count)
        while low < high {
            let middle = (low + high) / 2
            if log[middle].index <= index { low = middle + 1 } else { high = middle }
        }
        return Set(log[low...].map(\.row))
    }
}
