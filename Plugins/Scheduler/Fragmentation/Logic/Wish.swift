import CDroverABI
import StockSchedulerPlugin

/// What decides how good a node is for one instance of a group, whichever group of whichever job it is.
struct Wish: Hashable {
    /// By dimension.
    let amounts: [Int64]
    let devices: [DeviceWish]
    /// Emptier nodes are better, other things being equal.
    let spreads: Bool

    init(_ group: GroupAsk, batch: UnsafeRawPointer, dimensions: Int, groupCount: Int) {
        amounts = (0..<dimensions).map { group.amounts[$0] }
        devices = DeviceWish.all(group, batch: batch, groupCount: groupCount)
        spreads = group.algorithm == UInt32(DROVER_ALGORITHM_SPREAD)
    }
}
