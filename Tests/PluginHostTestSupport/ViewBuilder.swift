package import Basics
package import CDroverABI
package import PluginHost

/// Small blocks for schedulers.
package enum ViewBuilder {
    /// A view of `nodes` empty nodes of 4,000 MHz and 8,192 MiB, all usable; in shared memory on request.
    package static func view(nodes: UInt32, generation: UInt64 = 77, shared: Bool) throws -> Block {
        let count = Int(nodes)
        let head = MemoryLayout<drover_cluster_view>.size
        let length = head + count * 8 * 2 * 6 + count * 8
        let memory = try SharedMemory(length: length, name: "view")
        var view = drover_cluster_view()
        view.head = drover_block(length: UInt64(length), struct_size: UInt32(head), reserved: 0)
        view.generation = generation
        view.node_count = nodes
        view.dimension_count = 6
        view.dirty_count = DROVER_NONE
        var at = head
        withUnsafeMutableBytes(of: &view.capacity) { offsets in
            for dimension in 0..<6 {
                offsets.storeBytes(of: UInt64(at), toByteOffset: 8 * dimension, as: UInt64.self)
                for row in 0..<count {
                    memory.base.storeBytes(
                        of: Int64(dimension == 2 ? 8_192 : 4_000), toByteOffset: at + 8 * row, as: Int64.self)
                }
                at += 8 * count
            }
        }
        withUnsafeMutableBytes(of: &view.used) { offsets in
            for dimension in 0..<6 {
                offsets.storeBytes(of: UInt64(at), toByteOffset: 8 * dimension, as: UInt64.self)
                at += 8 * count
            }
        }
        view.flags = UInt64(at)
        for row in 0..<count { memory.base.storeBytes(of: 7, toByteOffset: at + 4 * row, as: UInt32.self) }
        memory.base.storeBytes(of: view, as: drover_cluster_view.self)
        let block = Block(memory, length: length)
        return shared ? block : Block(copying: UnsafeRawBufferPointer(start: memory.base, count: length))
    }

    /// One problem with one group of `count` instances that ask for 100 MHz and 256 MiB.
    package static func batch(
        count: UInt32, seed: UInt64, groupsOffset: UInt64? = nil, deadline: Uptime = Uptime(nanoseconds: 0)
    ) -> Block {
        let head = MemoryLayout<drover_problem_batch>.size
        let problemAt = head
        let groupAt = head + MemoryLayout<drover_problem>.size
        let length = groupAt + MemoryLayout<drover_group_ask>.size
        let memory = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: 8)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: length)
        var batch = drover_problem_batch()
        batch.head = drover_block(length: UInt64(length), struct_size: UInt32(head), reserved: 0)
        batch.problem_count = 1
        batch.problems = UInt64(problemAt)
        var problem = drover_problem()
        problem.size = UInt32(MemoryLayout<drover_problem>.size)
        problem.seed = seed
        problem.deadline_ns = deadline.nanoseconds
        problem.group_count = 1
        problem.groups = groupsOffset ?? UInt64(groupAt)
        var group = drover_group_ask()
        group.size = UInt32(MemoryLayout<drover_group_ask>.size)
        group.count = count
        withUnsafeMutableBytes(of: &group.ask) { ask in
            ask.storeBytes(of: 100, toByteOffset: 0, as: Int64.self)
            ask.storeBytes(of: 256, toByteOffset: 16, as: Int64.self)
        }
        memory.storeBytes(of: batch, as: drover_problem_batch.self)
        memory.storeBytes(of: problem, toByteOffset: problemAt, as: drover_problem.self)
        memory.storeBytes(of: group, toByteOffset: groupAt, as: drover_group_ask.self)
        return Block(copying: UnsafeRawBufferPointer(start: memory, count: length))
    }

    /// The placements among `records`.
    package static func placements(_ records: [UInt8]) -> [drover_placement] {
        var found: [drover_placement] = []
        var at = 0
        records.withUnsafeBytes { bytes in
            while at < bytes.count {
                let kind = bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)
                if kind == UInt32(DROVER_RECORD_PLACEMENT) {
                    found.append(bytes.loadUnaligned(fromByteOffset: at, as: drover_placement.self))
                }
                at += Int(bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self))
            }
        }
        return found
    }
}
