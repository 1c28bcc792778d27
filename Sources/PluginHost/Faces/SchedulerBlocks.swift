internal import CDroverABI

/// Checks what goes to a scheduler and what comes back (scheduler.h), so that neither side reads beyond a block.
enum SchedulerBlocks {
    /// What indexes in records are compared with.
    struct Shape {
        var nodeCount: UInt32
        var deviceGroupCount: UInt32
        /// Groups of each problem.
        var groups: [UInt32]
    }

    static let problemsMax = 1_024

    /// Throws ``PluginError/Code/invalid`` when an offset leads out of its block.
    static func check(view: Block, batch: Block) throws(PluginError) -> Shape {
        var shape = try check(view: view)
        var blocks = Checker(block: batch, what: "batch")
        let head = try blocks.head(drover_problem_batch.self) { $0.head }
        guard head.problem_count >= 1, head.problem_count <= problemsMax else {
            throw PluginError(.invalid, "batch: \(head.problem_count) problems; 1 to \(problemsMax) are allowed")
        }
        for at in try blocks.elements(head.problems, head.problem_count, least: MemoryLayout<drover_problem>.size) {
            let problem = batch.base.load(fromByteOffset: at, as: drover_problem.self)
            shape.groups.append(problem.group_count)
            let deltaBytes = MemoryLayout<drover_usage_delta>.size
            _ = try blocks.elements(problem.deltas, problem.delta_count, least: deltaBytes)
            try check(candidatesOf: problem, &blocks)
            try blocks.array(problem.device_deltas, UInt64(problem.device_delta_count), 8)
            let groupBytes = MemoryLayout<drover_group_ask>.size
            for at in try blocks.elements(problem.groups, problem.group_count, least: groupBytes) {
                try check(group: batch.base.load(fromByteOffset: at, as: drover_group_ask.self), &blocks, shape)
            }
        }
        return shape
    }

    private static func check(candidatesOf problem: drover_problem, _ blocks: inout Checker) throws(PluginError) {
        let bytes = MemoryLayout<drover_candidate>.size
        for at in try blocks.elements(problem.candidates, problem.candidate_count, least: bytes) {
            let candidate = blocks.block.base.load(fromByteOffset: at, as: drover_candidate.self)
            try blocks.array(candidate.devices, UInt64(candidate.device_count), 8)
            try blocks.array(candidate.static_ports, UInt64(candidate.static_port_count), 4)
        }
    }

    private static func check(view: Block) throws(PluginError) -> Shape {
        var blocks = Checker(block: view, what: "view")
        let head = try blocks.head(drover_cluster_view.self) { $0.head }
        let rows = UInt64(head.node_count)
        guard head.dimension_count <= UInt32(DROVER_DIMENSIONS_MAX) else {
            throw PluginError(.invalid, "view: \(head.dimension_count) dimensions")
        }
        for columns in [head.capacity, head.used] {
            let offsets = withUnsafeBytes(of: columns) { Array($0.bindMemory(to: UInt64.self)) }
            for offset in offsets.prefix(Int(head.dimension_count)) { try blocks.array(offset, rows, 8) }
        }
        for offset in [head.flags, head.class_id, head.datacenter_id, head.pool_id, head.free_ports] {
            try blocks.array(offset, rows, 4)
        }
        for offset in [head.node_key, head.core_mhz] { try blocks.array(offset, rows, 8) }
        if head.dirty_count != DROVER_NONE { try blocks.array(head.dirty, UInt64(head.dirty_count), 4) }
        _ = try blocks.elements(head.devices, head.device_count, least: MemoryLayout<drover_device_instance>.size)
        let bytes = MemoryLayout<drover_workload>.size
        for at in try blocks.elements(head.workload, head.workload_count, least: bytes) {
            let workload = blocks.block.base.load(fromByteOffset: at, as: drover_workload.self)
            try blocks.array(workload.shares, UInt64(head.device_group_count), 4)
        }
        return Shape(nodeCount: head.node_count, deviceGroupCount: head.device_group_count, groups: [])
    }

    private static func check(
        group: drover_group_ask, _ blocks: inout Checker, _ shape: Shape
    ) throws(PluginError) {
        let rows = UInt64(shape.nodeCount)
        try blocks.array(group.feasible, (rows + 63) / 64, 8)
        try blocks.array(group.penalty, (rows + 63) / 64, 8)
        try blocks.array(group.same_job, rows, 4)
        try blocks.array(group.affinity, rows, 4)
        try blocks.array(group.static_ports, UInt64(group.static_port_count), 4)
        try blocks.array(group.prior_nodes, UInt64(group.count), 4)
        for at in try blocks.elements(group.spreads, group.spread_count, least: MemoryLayout<drover_spread>.size) {
            let spread = blocks.block.base.load(fromByteOffset: at, as: drover_spread.self)
            try blocks.array(spread.node_value, rows, 4)
            try blocks.array(spread.target, UInt64(spread.value_count), 4)
            try blocks.array(spread.current, UInt64(spread.value_count), 4)
        }
        for at in try blocks.elements(group.limits, group.limit_count, least: MemoryLayout<drover_limit>.size) {
            let limit = blocks.block.base.load(fromByteOffset: at, as: drover_limit.self)
            try blocks.array(limit.node_value, rows, 4)
            try blocks.array(limit.current, UInt64(limit.value_count), 4)
        }
        let bytes = MemoryLayout<drover_device_ask>.size
        for at in try blocks.elements(group.devices, group.device_count, least: bytes) {
            let device = blocks.block.base.load(fromByteOffset: at, as: drover_device_ask.self)
            try blocks.array(device.shares, UInt64(shape.deviceGroupCount), 4)
            try blocks.array(device.affinity, UInt64(shape.deviceGroupCount), 4)
        }
    }

    // MARK: - Records

    /// Throws ``PluginError/Code/garbage`` at the first record that scheduler.h does not allow.
    static func check(records: [UInt8], _ shape: Shape, plugin: String) throws(PluginError) {
        var at = 0
        let problem: (String) -> PluginError = { what in
            DriverAnswers.garbage(plugin, "place", "record at byte \(at): \(what)")
        }
        while at < records.count {
            guard records.count - at >= 16 else { throw problem("cut off") }
            let (kind, size, index, group) = records.withUnsafeBytes { bytes in
                (
                    bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self),
                    Int(bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self)),
                    Int(bytes.loadUnaligned(fromByteOffset: at + 8, as: UInt32.self)),
                    bytes.loadUnaligned(fromByteOffset: at + 12, as: UInt32.self)
                )
            }
            guard let least = leastSize(kind) else { throw problem("unknown kind \(kind)") }
            guard size >= least, size % 8 == 0, size <= records.count - at else { throw problem("size \(size)") }
            guard index < shape.groups.count else { throw problem("problem \(index) of \(shape.groups.count)") }
            guard group < shape.groups[index] else { throw problem("group \(group) of \(shape.groups[index])") }
            if hasNode(kind) {
                let node = records.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at + 20, as: UInt32.self) }
                guard node < shape.nodeCount else { throw problem("node \(node) of \(shape.nodeCount)") }
            }
            at += size
        }
    }

    private static func leastSize(_ kind: UInt32) -> Int? {
        switch Int32(kind) {
        case DROVER_RECORD_PLACEMENT: MemoryLayout<drover_placement>.size
        case DROVER_RECORD_FAILURE: MemoryLayout<drover_failure>.size
        case DROVER_RECORD_PREEMPTION: MemoryLayout<drover_preemption>.size
        case DROVER_RECORD_ASSIGNMENT: MemoryLayout<drover_assignment>.size
        case DROVER_RECORD_SCORE: MemoryLayout<drover_score>.size
        default: nil
        }
    }

    private static func hasNode(_ kind: UInt32) -> Bool {
        [DROVER_RECORD_PLACEMENT, DROVER_RECORD_PREEMPTION, DROVER_RECORD_SCORE].contains(Int32(kind))
    }

    /// Bounds checks within one block.
    private struct Checker {
        let block: Block
        let what: String

        /// The struct at the block's start.
        mutating func head<Head>(_ type: Head.Type, _ head: (Head) -> drover_block) throws(PluginError) -> Head {
            guard block.length >= MemoryLayout<Head>.size, UInt(bitPattern: block.base) % 8 == 0 else {
                throw PluginError(.invalid, "\(what): a block of \(block.length) bytes, or not 8-byte aligned")
            }
            let value = block.base.load(as: Head.self)
            let size = head(value)
            guard size.length <= UInt64(block.length), size.struct_size >= UInt32(MemoryLayout<Head>.size) else {
                throw PluginError(.invalid, "\(what): length \(size.length), struct_size \(size.struct_size)")
            }
            return value
        }

        /// An array of `count` numbers of `bytes` each at `offset`; offset 0 is absent.
        func array(_ offset: UInt64, _ count: UInt64, _ bytes: UInt64) throws(PluginError) {
            guard offset != 0 else { return }
            guard offset % bytes == 0, offset <= UInt64(block.length),
                count * bytes <= UInt64(block.length) - offset
            else { throw PluginError(.invalid, "\(what): \(count) numbers at offset \(offset) leave the block") }
        }

        /// The positions of an array of structs, whose stride is the size that the first of them gives.
        func elements(_ offset: UInt64, _ count: UInt32, least: Int) throws(PluginError) -> [Int] {
            guard count > 0 else { return [] }
            guard offset != 0, offset % 8 == 0, offset + UInt64(least) <= UInt64(block.length) else {
                throw PluginError(.invalid, "\(what): \(count) structs at offset \(offset) leave the block")
            }
            let stride = Int(block.base.load(fromByteOffset: Int(offset), as: UInt32.self))
            guard stride >= least, stride % 8 == 0,
                UInt64(count) * UInt64(stride) <= UInt64(block.length) - offset
            else {
                throw PluginError(.invalid, "\(what): \(count) structs of \(stride) bytes at \(offset) leave the block")
            }
            return (0..<Int(count)).map { Int(offset) + $0 * stride }
        }
    }
}
