import CDroverABI

/// A cluster as plain values, for what the core does not fill in yet; written as a `drover_cluster_view`.
struct TestCluster {
    var nodes: [TestNode] = []
    /// Sorted by node.
    var devices: [TestDevice] = []
    var deviceGroupCount = 0

    struct TestNode {
        /// CPU MHz, cores, memory MiB, memory max, disk MiB, network.
        var capacity: [Int64] = [4_000, 4, 8_192, DROVER_UNLIMITED, 100_000, 1_000]
        var used: [Int64] = [0, 0, 0, 0, 0, 0]
        var coreMHz: Int64 = 1_000
        var flags: UInt32 = 7
    }

    struct TestDevice {
        var node: Int
        var group = 0
        var free: UInt32 = 1_000
        var numa: UInt32 = 0
    }

    /// Nodes of 4,000 MHz and 8,192 MiB.
    init(nodes count: Int) { nodes = [TestNode](repeating: TestNode(), count: count) }

    var block: [UInt64] {
        var writer = BlockWriter(headSize: MemoryLayout<drover_cluster_view>.size)
        var view = drover_cluster_view()
        view.node_count = UInt32(nodes.count)
        view.dimension_count = UInt32(DROVER_DIMENSIONS)
        view.dirty_count = DROVER_NONE
        let range = 0..<Int(DROVER_DIMENSIONS)
        dimensions(range.map { dimension in writer.append(nodes.map { $0.capacity[dimension] }) }, into: &view.capacity)
        dimensions(range.map { dimension in writer.append(nodes.map { $0.used[dimension] }) }, into: &view.used)
        view.flags = writer.append(nodes.map(\.flags))
        view.class_id = writer.append([UInt32](repeating: 0, count: nodes.count))
        view.datacenter_id = view.class_id
        view.pool_id = view.class_id
        view.node_key = writer.append(nodes.indices.map { UInt64($0 + 1) &* 0x9e37_79b9_7f4a_7c15 })
        view.free_ports = writer.append([UInt32](repeating: 1_000, count: nodes.count))
        view.core_mhz = writer.append(nodes.map(\.coreMHz))
        view.devices = writer.append(
            devices.enumerated().map { number, device in
                drover_device_instance(
                    size: UInt32(MemoryLayout<drover_device_instance>.size), node: UInt32(device.node),
                    group: UInt32(device.group), instance: UInt32(number), free_milli: device.free, numa: device.numa)
            })
        view.device_count = UInt32(devices.count)
        view.device_group_count = UInt32(deviceGroupCount)
        return writer.finished(view, \.head)
    }
}
