import CDroverABI
import CKernels

/// One `drover_spread` while its group is being placed: how many instances each value has, and what one more is worth.
struct SpreadState {
    let weight: Int64
    let valueCount: Int
    private let nodeValue: UnsafePointer<UInt32>?
    private let target: UnsafePointer<Int32>?
    private var current: [UInt32]
    /// How many values have each count above 0, for keeping the least and the most.
    private var tally: [UInt32: Int] = [:]
    /// The least and the most instances of a value that has any.
    private var least: UInt32 = 0
    private var most: UInt32 = 0

    /// What a part of the score may at most be worth, so that a sum of parts stays within 32 bits.
    private static let partMax = 64 * Int64(CK_SCORE_ONE)

    init(_ raw: UnsafePointer<drover_spread>, batch: UnsafeRawPointer) {
        weight = Int64(max(1, raw.pointee.weight))
        valueCount = Int(raw.pointee.value_count)
        nodeValue = batch.optionalArray(raw.pointee.node_value)
        target = batch.optionalArray(raw.pointee.target)
        let counts: UnsafePointer<UInt32>? = batch.optionalArray(raw.pointee.current)
        current = (0..<valueCount).map { counts?[$0] ?? 0 }
        for count in current where count > 0 { tally[count, default: 0] += 1 }
        least = tally.keys.min() ?? 0
        most = tally.keys.max() ?? 0
    }

    /// The value of a node; ``valueCount`` when it has none.
    @inline(__always)
    func value(of row: Int) -> Int {
        let value = nodeValue?[row] ?? DROVER_NONE
        return value < UInt32(valueCount) ? Int(value) : valueCount
    }

    mutating func add(_ value: Int) {
        guard value < valueCount else { return }
        let before = current[value]
        let after = before &+ 1
        current[value] = after
        tally[after, default: 0] += 1
        most = max(most, after)
        if before == 0 {
            least = 1
        } else {
            let others = (tally[before] ?? 1) - 1
            tally[before] = others == 0 ? nil : others
            if before == least, others == 0 { least = after }
        }
    }

    /// What one more instance on a value is worth, in units of 1/65,536 before weighing.
    func boost(_ value: Int) -> Int64 {
        guard value < valueCount else { return -Int64(CK_SCORE_ONE) }
        let count = Int64(current[value])
        if let target { return Self.towards(Int64(target[value]), count: count) }
        return Self.even(count: count, least: Int64(least), most: Int64(most))
    }

    /// What tells values apart that are not worth the same: those of one likeness are, whatever is placed elsewhere.
    func likeness(_ value: Int) -> UInt64 {
        guard value < valueCount else { return .max }
        let wanted = target.map { UInt32(bitPattern: $0[value]) } ?? 0
        return UInt64(wanted) << 32 | UInt64(current[value])
    }

    /// How far the value is from its target, this instance included: 1 far below, 0 met, negative above.
    private static func towards(_ target: Int64, count: Int64) -> Int64 {
        guard target > 0 else { return -Int64(CK_SCORE_ONE) }
        return max(-partMax, Int64(CK_SCORE_ONE) * (target - count - 1) / target)
    }

    /// Even spreading: the values with fewest instances gain as much as they lag behind, the others lose.
    private static func even(count: Int64, least: Int64, most: Int64) -> Int64 {
        guard most > 0 else { return 0 }
        if count != least { return max(-partMax, Int64(CK_SCORE_ONE) * (least - count) / least) }
        if least == most { return -Int64(CK_SCORE_ONE) }
        return min(partMax, Int64(CK_SCORE_ONE) * (most - least) / least)
    }
}
