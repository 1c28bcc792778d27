/// A node as a place for one more instance.
struct Candidate: Ranked {
    /// Sum of the score's parts, in units of 1/65,536.
    var sum: Int32
    /// Decides between equal scores, lower first: from the problem's seed and the node's key.
    var tie: UInt32
    var row: UInt32
    /// The entry is stale when the node has a newer one.
    var stamp: UInt32

    /// Whether this node is to be taken before `other`, both having equally many parts and the same spread term.
    @inline(__always)
    func precedes(_ other: Candidate) -> Bool {
        if sum != other.sum { return sum > other.sum }
        if tie != other.tie { return tie < other.tie }
        return row < other.row
    }

    /// Whether this node goes before `other` of equal score.
    @inline(__always)
    func isTiedBefore(_ other: Candidate) -> Bool { tie != other.tie ? tie < other.tie : row < other.row }

    /// The score times 60, an exact integer: the mean of the parts and, unless it is 0, of the spread term.
    @inline(__always)
    func scaled(parts: Int, term: Int32) -> Int64 {
        let scaled = (Int64(sum) + Int64(term)) * 60
        let count = term == 0 ? parts : parts + 1
        // Most have the fit alone, and to divide costs more than all the rest.
        return count == 1 ? scaled : scaled / Int64(count)
    }
}
