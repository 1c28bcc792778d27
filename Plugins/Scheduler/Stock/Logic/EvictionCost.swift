/// What making room on a node costs; the cheapest node goes first.
struct EvictionCost: Ranked {
    /// Highest priority among the victims: never is a more important one evicted where a less important one would do.
    var priorityMax: UInt32
    var victimCount: UInt32
    /// Sum of the victims' priorities, plus what sparing jobs already hit is worth.
    var prioritySum: Int64
    /// Of the node with the instance in the victims' place, in units of 1/65,536.
    var score: Int32
    var tie: UInt32
    var row: UInt32

    /// Priority that a victim counts more for each doubling of its job's evictions.
    static let burdenPriority: Int64 = 10

    @inline(__always)
    func precedes(_ other: EvictionCost) -> Bool {
        if !hasSamePrice(as: other) { return isCheaper(than: other) }
        if tie != other.tie { return tie < other.tie }
        return row < other.row
    }

    private func hasSamePrice(as other: EvictionCost) -> Bool {
        priorityMax == other.priorityMax && prioritySum == other.prioritySum && victimCount == other.victimCount
            && score == other.score
    }

    private func isCheaper(than other: EvictionCost) -> Bool {
        if priorityMax != other.priorityMax { return priorityMax < other.priorityMax }
        if prioritySum != other.prioritySum { return prioritySum < other.prioritySum }
        if victimCount != other.victimCount { return victimCount < other.victimCount }
        return score > other.score
    }
}
