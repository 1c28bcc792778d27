import CDroverABI

/// A cluster and asks small enough to work out by hand, as the blocks a scheduler reads.
struct SmallCluster {
    struct Node {
        var cpu: Int64 = 16_000
        /// Free share of each device; the group is that of the node.
        var devices: [UInt32] = []
        var group: UInt32 = 0
        var numa: [UInt32] = []
    }

    struct Ask {
        var cpu: Int64 = 1_000
        var count: UInt32 = 1
        var devices: UInt32 = 0
        /// By device group.
        var shares: [UInt32] = []
        var sameNUMA = false
        var feasible: UInt64 = .max
        var maxPerNode: UInt32 = 0
        var gang: UInt32 = 0
    }

    struct Work {
        var cpu: Int64 = 1_000
        var devices: UInt32 = 1
        var shares: [UInt32]
        var weight: UInt32 = 1
    }

    struct Answer: Equatable {
        /// Node of each placement, in order.
        var nodes: [UInt32] = []
        /// Rows of `devices`, in order.
        var devices: [UInt32] = []
        var shares: [UInt32] = []
        var failures = 0
    }

    var nodes: [Node]
    var groupCount = 1
    var work: [Work] = []

    /// The view; problems of one group each, or of one problem with all groups.
    func view() -> [UInt64] {
        var bytes = Bytes(drover_cluster_view.self)
        var view = drover_cluster_view()
        let capacity = bytes.add(nodes.map(\.cpu))
        let plenty = bytes.add(nodes.map { _ in Int64(1 << 20) })
        let used = bytes.add(nodes.map { _ in Int64(0) })
        withUnsafeMutableBytes(of: &view.capacity) { offsets in
            for dimension in 0..<6 {
                offsets.storeBytes(of: dimension == 0 ? capacity : plenty, toByteOffset: 8 * dimension, as: UInt64.self)
            }
        }
        withUnsafeMutableBytes(of: &view.used) { offsets in
            for dimension in 0..<6 { offsets.storeBytes(of: used, toByteOffset: 8 * dimension, as: UInt64.self) }
        }
        view.flags = bytes.add(nodes.map { _ in UInt32(7) })
        view.class_id = bytes.add(nodes.map { _ in UInt32(0) })
        view.datacenter_id = view.class_id
        view.pool_id = view.class_id
        view.node_key = bytes.add(nodes.indices.map { UInt64($0) })
        view.devices = bytes.add(instances)
        view.device_count = UInt32(instances.count)
        let shares = work.map { bytes.add($0.shares) }
        let workload = zip(work, shares).map { work, shares in
            var raw = drover_workload()
            raw.size = UInt32(MemoryLayout<drover_workload>.size)
            raw.weight = work.weight
            raw.ask.0 = work.cpu
            raw.shares = shares
            raw.device_count = work.devices
            return raw
        }
        view.workload = bytes.add(workload)
        view.workload_count = UInt32(work.count)
        view.device_group_count = UInt32(groupCount)
        view.node_count = UInt32(nodes.count)
        view.dimension_count = 6
        return bytes.block(view) { $0.head = $1 }
    }

    private var instances: [drover_device_instance] {
        nodes.enumerated().flatMap { row, node in
            node.devices.enumerated().map { number, free in
                drover_device_instance(
                    size: UInt32(MemoryLayout<drover_device_instance>.size), node: UInt32(row), group: node.group,
                    instance: UInt32(number), free_milli: free,
                    numa: node.numa.isEmpty ? DROVER_NONE : node.numa[number])
            }
        }
    }

    /// A batch of problems, each with the groups given.
    static func batch(_ problems: [[Ask]]) -> [UInt64] {
        var bytes = Bytes(drover_problem_batch.self)
        let raw = problems.map { asks in
            let groups = asks.map { group($0, &bytes) }
            var problem = drover_problem()
            problem.size = UInt32(MemoryLayout<drover_problem>.size)
            problem.group_count = UInt32(groups.count)
            problem.groups = bytes.add(groups)
            return problem
        }
        var batch = drover_problem_batch()
        batch.problem_count = UInt32(problems.count)
        batch.problems = bytes.add(raw)
        return bytes.block(batch) { $0.head = $1 }
    }

    private static func group(_ ask: Ask, _ bytes: inout Bytes) -> drover_group_ask {
        var device = drover_device_ask()
        device.size = UInt32(MemoryLayout<drover_device_ask>.size)
        device.count = ask.devices
        device.shares = bytes.add(ask.shares)
        device.same_numa = ask.sameNUMA ? 1 : 0
        var group = drover_group_ask()
        group.size = UInt32(MemoryLayout<drover_group_ask>.size)
        group.count = ask.count
        group.desired_count = 1_000
        group.max_per_node = ask.maxPerNode
        group.ask.0 = ask.cpu
        group.feasible = bytes.add([ask.feasible])
        group.devices = ask.devices == 0 ? 0 : bytes.add([device])
        group.device_count = ask.devices == 0 ? 0 : 1
        group.gang = ask.gang
        return group
    }
}

/// A flat block in the making, in words so that it is aligned.
private struct Bytes {
    private var words: [UInt64]

    init<Head>(_ head: Head.Type) { words = Array(repeating: 0, count: (MemoryLayout<Head>.size + 7) / 8) }

    /// Appends an array; its offset.
    mutating func add<Element>(_ elements: [Element]) -> UInt64 {
        let offset = words.count * 8
        let length = elements.count * MemoryLayout<Element>.stride
        words += [UInt64](repeating: 0, count: (length + 7) / 8)
        elements.withUnsafeBytes { source in
            words.withUnsafeMutableBytes { $0[offset..<offset + length].copyBytes(from: source) }
        }
        return UInt64(offset)
    }

    func block<Head>(_ head: Head, _ setHead: (inout Head, drover_block) -> Void) -> [UInt64] {
        var (head, words) = (head, words)
        let size = UInt32(MemoryLayout<Head>.size)
        setHead(&head, drover_block(length: UInt64(words.count * 8), struct_size: size, reserved: 0))
        withUnsafeBytes(of: head) { source in words.withUnsafeMutableBytes { $0.copyBytes(from: source) } }
        return words
    }
}
