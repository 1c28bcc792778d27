import CDroverABI
import Model
import StateStore

/// The part of a cluster view that tells what work is common (`drover_workload`): written anew when the state tells anew, or
/// when there are devices of a new kind.
struct WorkColumn {
    /// Shapes written.
    private(set) var count = 0
    private var written: CommonWork?
    private var groupCount = 0

    /// Writes `common`, unless that is what stands there; `groups` are the cluster's groups of like devices.
    mutating func write(_ common: CommonWork, _ groups: [DeviceGroup], at layout: ClusterLayout, in block: AlignedBlock)
    {
        guard written !== common || groupCount != groups.count else { return }
        let shapes = block.pointer(layout.work, of: drover_workload.self)
        for (position, counted) in common.counts.enumerated() {
            let offset = layout.workShares + position * groups.count * MemoryLayout<UInt32>.size
            shapes[position] = Self.raw(counted)
            guard let device = counted.shape.device, !groups.isEmpty else { continue }
            let condition = DeviceCondition(device, task: "")
            shapes[position].device_count = UInt32(clamping: condition.count)
            shapes[position].shares = UInt64(offset)
            let shares = block.pointer(offset, of: UInt32.self)
            for (number, group) in groups.enumerated() { shares[number] = condition.shareMilli(of: group) ?? 0 }
        }
        count = common.counts.count
        written = common
        groupCount = groups.count
    }

    private static func raw(_ counted: WorkCount) -> drover_workload {
        var raw = drover_workload()
        raw.size = UInt32(MemoryLayout<drover_workload>.size)
        raw.weight = UInt32(clamping: counted.count)
        withUnsafeMutableBytes(of: &raw.ask) { bytes in
            for dimension in ResourceDimension.allCases {
                bytes.storeBytes(
                    of: counted.shape.resources[dimension], toByteOffset: dimension.rawValue * 8, as: Int64.self)
            }
        }
        return raw
    }
}
