import CDroverABI

/// One `drover_device_ask`, with its columns as pointers.
struct DeviceAsk {
    /// Instances wanted, all of one device group.
    let count: Int
    let prefersOneNUMANode: Bool
    private let groupCount: UInt32
    private let shares: UnsafePointer<UInt32>?
    private let affinities: UnsafePointer<Int32>?

    init(_ raw: UnsafePointer<drover_device_ask>, batch: UnsafeRawPointer, groupCount: UInt32) {
        count = Int(raw.pointee.count)
        prefersOneNUMANode = raw.pointee.same_numa != 0
        self.groupCount = groupCount
        shares = batch.optionalArray(raw.pointee.shares)
        affinities = batch.optionalArray(raw.pointee.affinity)
    }

    /// Whether device affinity is a part of the score.
    var hasAffinity: Bool { affinities != nil }

    /// The share wanted of an instance of `group` in thousandths; nil when the group does not satisfy the ask.
    func share(of group: UInt32) -> UInt32? {
        guard group < groupCount, let share = shares?[Int(group)], share > 0, share <= DeviceLedger.whole else {
            return nil
        }
        return share
    }

    func affinity(to group: UInt32) -> Int32 { group < groupCount ? affinities?[Int(group)] ?? 0 : 0 }

    /// The most the ask may take of all instances together, in thousandths.
    var milliMax: Int64 {
        let largest = (0..<groupCount).reduce(0) { max($0, share(of: $1) ?? 0) }
        return Int64(count) * Int64(largest)
    }
}
