import CDroverABI
import CKernels

/// What a node is worth.
extension GroupPlacer {
    /// Parts of a node's score but spread: their sum in 1/65,536, and how many count.
    @inline(__always)
    func parts(_ row: Int, base: Int32) -> (sum: Int32, count: Int) {
        guard !strategy.isWholeScore else { return (base, 1) }
        var sum = Int64(base)
        var count = 1
        let anti = antiAffinity(row)
        if anti != 0 {
            sum += anti
            count += 1
        }
        if let penalty = state.group.penalty, drover_bit(penalty, UInt32(row)) != 0 {
            sum -= Int64(CK_SCORE_ONE)
            count += 1
        }
        if let affinity = state.group.affinity?[row], affinity != 0 {
            sum += Int64(affinity)
            count += 1
        }
        if hasDeviceAffinity {
            sum += Int64(workspace.deviceScores[row])
            count += 1
        }
        return (Int32(truncatingIfNeeded: sum), count)
    }

    /// The more instances of the job and group are on the node, relative to the count wanted, the worse.
    @inline(__always)
    func antiAffinity(_ row: Int) -> Int64 {
        let collisions = Int64(workspace.sameJob[row])
        guard collisions > 0 else { return 0 }
        return max(-64 * Int64(CK_SCORE_ONE), -Int64(CK_SCORE_ONE) * (collisions + 1) / state.group.desiredCount)
    }

    static func rounded(_ scaled: Int64) -> Int32 {
        Int32(truncatingIfNeeded: (scaled >= 0 ? scaled + 30 : scaled - 30) / 60)
    }

    @inline(__always)
    func term(_ row: Int) -> Int32 { strategy.isWholeScore || state.spreads.isEmpty ? 0 : state.spread(row) }

    /// The score of a placement on `row`.
    func finalScore(_ row: Int, base: Int32) -> Int32 {
        let (candidate, count) = entry(row, base: base)
        return Self.rounded(candidate.scaled(parts: count, term: term(row)))
    }

    /// The base score of `row` as it is now, ``unfitScore`` without devices for one more.
    mutating func score(_ row: Int) throws(SchedulerFault) -> Int32 {
        let base = try strategy.scoreOne(state, row)
        return base == unfitScore || deviceAsks.isEmpty ? base : withDevices(row, base: base)
    }

    /// A node as it goes on the board, and the number of its parts.
    @inline(__always)
    func entry(_ row: Int, base: Int32) -> (candidate: Candidate, parts: Int) {
        let (sum, count) = parts(row, base: base)
        let candidate = Candidate(
            sum: sum, tie: state.group.tie(state.columns.keys[row]), row: UInt32(row), stamp: workspace.stamps[row])
        return (candidate, count)
    }
}
