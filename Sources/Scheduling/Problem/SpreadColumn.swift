import CDroverABI
import Model
import StateStore

/// One spread block of a job, as columns.
struct SpreadColumn {
    private let column: PropertyColumn
    private let targets: [Int32]
    private let current: [UInt32]
    private let weight: Int

    init(_ spread: Spread, desiredCount: Int, siblings: [AllocationRow], view: ClusterView) {
        column = PropertyColumn(
            NodeTarget(spread.attribute), view: view, extra: spread.spreadTarget.map(\.value))
        weight = min(100, max(1, spread.weight ?? 50))
        targets = Self.targets(spread, values: column.values, desiredCount: desiredCount)
        var counts = [UInt32](repeating: 0, count: column.values.count)
        for row in siblings where Int(row.node) < column.rows.count {
            let value = column.rows[Int(row.node)]
            if value != PropertyColumn.none { counts[Int(value)] += 1 }
        }
        current = counts
    }

    /// Wanted instances of each value; empty for an even spread. What the named values leave goes to each of the others.
    private static func targets(_ spread: Spread, values: [String], desiredCount: Int) -> [Int32] {
        guard !spread.spreadTarget.isEmpty else { return [] }
        var named: [String: Int] = [:]
        for target in spread.spreadTarget { named[target.value] = (desiredCount * target.percent + 50) / 100 }
        let percent = spread.spreadTarget.reduce(0) { $0 + $1.percent }
        let rest = percent < 100 ? desiredCount - named.values.reduce(0, +) : 0
        return values.map { value in
            if let wanted = named[value] { return Int32(clamping: wanted) }
            return rest > 0 ? Int32(clamping: rest) : -1
        }
    }

    func raw(in block: ProblemBlock) -> drover_spread {
        var spread = drover_spread()
        spread.size = UInt32(MemoryLayout<drover_spread>.size)
        spread.weight = UInt32(weight)
        spread.value_count = UInt32(column.values.count)
        spread.node_value = block.append(column.rows)
        if !targets.isEmpty { spread.target = block.append(targets) }
        spread.current = block.append(current)
        return spread
    }
}
