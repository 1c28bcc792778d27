internal import CDroverABI

/// Sums over a `drover_cluster_view`'s nodes that may take work: the figures of a run are read off what schedulers see.
struct ViewFigures {
    /// In use and in all, by dimension.
    private(set) var used = [Int64](repeating: 0, count: Int(DROVER_DIMENSIONS))
    private(set) var capacity = [Int64](repeating: 0, count: Int(DROVER_DIMENSIONS))
    /// Thousandths of devices; ill ones count as in use.
    private(set) var deviceMilliUsed: Int64 = 0
    private(set) var deviceMilliCapacity: Int64 = 0

    init(_ view: UnsafeRawBufferPointer) {
        guard let columns = NodeColumns(view) else { return }
        for row in columns.rows {
            for dimension in used.indices where columns.capacity[dimension][row] != DROVER_UNLIMITED {
                used[dimension] += columns.used[dimension][row]
                capacity[dimension] += columns.capacity[dimension][row]
            }
        }
        for device in columns.devices {
            deviceMilliUsed += 1_000 - Int64(device.free_milli)
            deviceMilliCapacity += 1_000
        }
    }
}

/// The columns of a `drover_cluster_view` that figures need; valid as long as the view is.
struct NodeColumns {
    let capacity: [UnsafePointer<Int64>]
    let used: [UnsafePointer<Int64>]
    let coreMHz: UnsafePointer<Int64>?
    /// Nodes that are there, ready and eligible.
    let rows: [Int]
    /// Device instances of these nodes, by node.
    let devices: [drover_device_instance]
    let groupCount: Int

    private static let placeable = UInt32(DROVER_NODE_PRESENT | DROVER_NODE_READY | DROVER_NODE_ELIGIBLE)

    /// Nil for an empty block; any other was built by our own code.
    init?(_ view: UnsafeRawBufferPointer) {
        guard let base = view.baseAddress else { return nil }
        let head = base.load(as: drover_cluster_view.self)
        func column<Element>(_ offset: UInt64) -> UnsafePointer<Element> {
            (base + Int(offset)).assumingMemoryBound(to: Element.self)
        }
        let offsets = withUnsafeBytes(of: head.capacity) { Array($0.bindMemory(to: UInt64.self)) }
        let usedOffsets = withUnsafeBytes(of: head.used) { Array($0.bindMemory(to: UInt64.self)) }
        capacity = offsets.prefix(Int(DROVER_DIMENSIONS)).map { column($0) }
        used = usedOffsets.prefix(Int(DROVER_DIMENSIONS)).map { column($0) }
        coreMHz = head.core_mhz == 0 ? nil : column(head.core_mhz)
        let flags: UnsafePointer<UInt32> = column(head.flags)
        rows = (0..<Int(head.node_count)).filter { flags[$0] & Self.placeable == Self.placeable }
        devices = base.records(head.devices, Int(head.device_count), drover_device_instance.self).filter {
            flags[Int($0.node)] & Self.placeable == Self.placeable
        }
        groupCount = Int(head.device_group_count)
    }

    /// Whether a node has the amounts, by drover/fit.h.
    func fits(_ amounts: [Int64], _ row: Int) -> Bool {
        capacity.indices.allSatisfy { dimension in
            let cores = dimension == Int(DROVER_CPU_MHZ) ? amounts[Int(DROVER_CORES)] * (coreMHz?[row] ?? 0) : 0
            return drover_fit_one(capacity[dimension][row], used[dimension][row], amounts[dimension] + cores) != 0
        }
    }
}
