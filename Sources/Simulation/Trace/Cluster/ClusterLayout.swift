internal import Basics
internal import CDroverABI

/// Where a trace's cluster lies in its view block, and the view's unchanging parts.
struct ClusterLayout {
    let groups: [String]
    /// First row of `devices` of each node, and the end.
    let deviceStarts: [Int]
    let memory: BlockMemory
    let view: drover_cluster_view
    let capacity: [UnsafeMutablePointer<Int64>]
    let used: [UnsafeMutablePointer<Int64>]
    let devices: UnsafeMutablePointer<drover_device_instance>
    let workload: UnsafeMutablePointer<drover_workload>
    /// Shares of each element of `workload`, a group a number.
    let workloadShares: UnsafeMutablePointer<UInt32>

    /// Shapes of work that a view tells of at most (scheduler.h).
    static let workloadMax = 256
    /// Dynamic ports of a node, as of Nomad's default range.
    private static let ports: UInt32 = 12_000

    init(_ nodes: [Trace.Node]) {
        groups = Set(nodes.filter { $0.deviceCount > 0 }.map(\.deviceModel)).sorted()
        deviceStarts = nodes.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.deviceCount) }
        var layout = BlockMemory.Layout(drover_cluster_view.self)
        var view = drover_cluster_view()
        let capacityOffsets = (0..<Int(DROVER_DIMENSIONS)).map { _ in layout.array(Int64.self, nodes.count) }
        let usedOffsets = capacityOffsets.map { _ in layout.array(Int64.self, nodes.count) }
        view.flags = layout.array(UInt32.self, nodes.count)
        view.class_id = layout.array(UInt32.self, nodes.count)
        view.datacenter_id = layout.array(UInt32.self, nodes.count)
        view.pool_id = layout.array(UInt32.self, nodes.count)
        view.node_key = layout.array(UInt64.self, nodes.count)
        view.free_ports = layout.array(UInt32.self, nodes.count)
        view.devices = layout.array(drover_device_instance.self, deviceStarts.last ?? 0)
        view.workload = layout.array(drover_workload.self, Self.workloadMax)
        let shares = layout.array(UInt32.self, Self.workloadMax * groups.count)
        let memory = BlockMemory(layout)
        view.head = memory.head(of: drover_cluster_view.self)
        view.node_count = UInt32(nodes.count)
        view.dimension_count = UInt32(DROVER_DIMENSIONS)
        view.dirty_count = DROVER_NONE
        view.device_count = UInt32(deviceStarts.last ?? 0)
        view.device_group_count = UInt32(groups.count)
        withUnsafeMutableBytes(of: &view.capacity) { $0.copyBytes(from: capacityOffsets.withUnsafeBytes(Array.init)) }
        withUnsafeMutableBytes(of: &view.used) { $0.copyBytes(from: usedOffsets.withUnsafeBytes(Array.init)) }
        self.memory = memory
        self.view = view
        capacity = capacityOffsets.map { memory.array($0) }
        used = usedOffsets.map { memory.array($0) }
        devices = memory.array(view.devices)
        workload = memory.array(view.workload)
        workloadShares = memory.array(shares)
        fillNodes(nodes)
        fillDevices(nodes)
        fillWorkload(shares)
    }

    private func fillNodes(_ nodes: [Trace.Node]) {
        let flags: UnsafeMutablePointer<UInt32> = memory.array(view.flags)
        let classes: UnsafeMutablePointer<UInt32> = memory.array(view.class_id)
        let keys: UnsafeMutablePointer<UInt64> = memory.array(view.node_key)
        let ports: UnsafeMutablePointer<UInt32> = memory.array(view.free_ports)
        for (row, node) in nodes.enumerated() {
            capacity[Int(DROVER_CPU_MHZ)][row] = node.cpu
            capacity[Int(DROVER_CORES)][row] = node.cpu / 1_000
            capacity[Int(DROVER_MEMORY_MIB)][row] = node.memoryMiB
            capacity[Int(DROVER_MEMORY_MAX_MIB)][row] = DROVER_UNLIMITED
            flags[row] = UInt32(DROVER_NODE_PRESENT | DROVER_NODE_READY | DROVER_NODE_ELIGIBLE)
            classes[row] = UInt32(row)
            var hasher = StableHasher()
            hasher.combine(node.name)
            keys[row] = hasher.value
            ports[row] = Self.ports
        }
    }

    private func fillDevices(_ nodes: [Trace.Node]) {
        for (row, node) in nodes.enumerated() {
            for instance in 0..<node.deviceCount {
                devices[deviceStarts[row] + instance] = drover_device_instance(
                    size: UInt32(MemoryLayout<drover_device_instance>.size), node: UInt32(row),
                    group: UInt32(groups.firstIndex(of: node.deviceModel) ?? 0), instance: UInt32(instance),
                    free_milli: 1_000, numa: DROVER_NONE)
            }
        }
    }

    private func fillWorkload(_ shares: UInt64) {
        for number in 0..<Self.workloadMax {
            workload[number].size = UInt32(MemoryLayout<drover_workload>.size)
            workload[number].shares = groups.isEmpty ? 0 : shares + UInt64(4 * number * groups.count)
        }
    }
}
