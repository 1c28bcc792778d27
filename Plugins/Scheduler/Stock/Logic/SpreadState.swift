import CDroverABI
import CKernels

/// One `drover_spread` while its group is being placed: how many instances each value has, and what one more is worth.
struct SpreadState {
    let weight: Int64
    let valueCount: Int
    private let nodeValue: UnsafePointer<UInt32>?
    private let target: UnsafePointer<Int32>?
    private var current: [UInt32]

    /// What a part of the score may at most be worth, so that a sum of parts stays within 32 bits.
    private static let partMax = 64 * Int64(CK_SCORE_ONE)

    init(_ raw: UnsafePointer<drover_spread>, batch: UnsafeRawPointer) {
        weight = Int64(max(1, raw.pointee.weight))
        valueCount = Int(raw.pointee.value_count)
        nodeValue = batch.optionalArray(raw.pointee.node_value)
        target = batch.optionalArray(raw.pointee.target)
        let counts: UnsafePointer<UInt32>? = batch.optionalArray(raw.pointee.current)
        current = (0..<valueCount).map { counts?[$0] ?? 0 }
    }

    /// The value of a node; ``valueCount`` when it has none.
    @inline(__always)
    func value(of row: Int) -> Int {
        let value = nodeValue?[row] ?? DROVER_NONE
        return value < UInt32(valueCount) ? Int(value) : valueCount
    }

    mutating func add(_ value: Int) {
        if value < valueCount { current[value] += 1 }
    }

    /// What one more instance on each value is worth, in units of 1/65,536 before weighing; the last is "no value".
    func boosts() -> [Int64] {
        var boosts = [Int64](repeating: -Int64(CK_SCORE_ONE), count: valueCount + 1)
        let used = current.filter { $0 > 0 }
        let least = Int64(used.min() ?? 0)
        let most = Int64(used.max() ?? 0)
        for value in 0..<valueCount {
            let count = Int64(current[value])
            if let target {
                boosts[value] = Self.towards(Int64(target[value]), count: count)
            } else {
                boosts[value] = Self.even(count: count, least: least, most: most)
            }
        }
        return boosts
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

/// One `drover_limit` while its group is being placed: at most so many instances a value of an attribute.
struct LimitState {
    let id: UInt32
    private let most: UInt32
    private let valueCount: Int
    private let nodeValue: UnsafePointer<UInt32>?
    private var current: [UInt32]

    init(_ raw: UnsafePointer<drover_limit>, batch: UnsafeRawPointer) {
        id = raw.pointee.id
        most = raw.pointee.max
        valueCount = Int(raw.pointee.value_count)
        nodeValue = batch.optionalArray(raw.pointee.node_value)
        let counts: UnsafePointer<UInt32>? = batch.optionalArray(raw.pointee.current)
        current = (0..<valueCount).map { counts?[$0] ?? 0 }
    }

    @inline(__always)
    func allows(_ row: Int) -> Bool {
        let value = nodeValue?[row] ?? DROVER_NONE
        return value < UInt32(valueCount) && current[Int(value)] < most
    }

    mutating func add(_ row: Int, _ count: Int = 1) {
        let value = nodeValue?[row] ?? DROVER_NONE
        if value < UInt32(valueCount) { current[Int(value)] += UInt32(count) }
    }
}
