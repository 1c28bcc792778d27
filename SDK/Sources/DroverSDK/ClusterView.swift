public import CDroverABI

/// The cluster as columns: `drover_cluster_view`. Borrowed, read-only, valid for one call.
public struct ClusterView {
    /// The C block.
    public let raw: UnsafePointer<drover_cluster_view>

    /// Wraps the block of a call; the host has checked all offsets.
    public init(_ block: UnsafeRawPointer) {
        raw = block.assumingMemoryBound(to: drover_cluster_view.self)
    }

    /// Rows, unused ones included.
    public var nodeCount: Int { Int(raw.pointee.node_count) }
    /// Dimensions that the host knows.
    public var dimensionCount: Int { Int(raw.pointee.dimension_count) }

    /// What tasks may use of a dimension, a row a node; `nil`: the host has no such column.
    public func capacity(_ dimension: Int) -> UnsafePointer<Int64>? { column(offset(\.capacity, dimension)) }
    /// What live allocations asked for.
    public func used(_ dimension: Int) -> UnsafePointer<Int64>? { column(offset(\.used, dimension)) }
    public var flags: UnsafePointer<UInt32>? { column(raw.pointee.flags) }
    public var classID: UnsafePointer<UInt32>? { column(raw.pointee.class_id) }
    public var datacenterID: UnsafePointer<UInt32>? { column(raw.pointee.datacenter_id) }
    public var poolID: UnsafePointer<UInt32>? { column(raw.pointee.pool_id) }
    public var nodeKey: UnsafePointer<UInt64>? { column(raw.pointee.node_key) }
    public var freePorts: UnsafePointer<UInt32>? { column(raw.pointee.free_ports) }

    /// CPU MHz that a whole core takes besides, a row a node; `nil`: nothing.
    public var coreMHz: UnsafePointer<Int64>? { column(raw.pointee.core_mhz) }

    /// The device instances of all nodes, sorted by node.
    public var devices: BlockArray<drover_device_instance> {
        BlockArray(block: raw, offset: raw.pointee.devices, count: Int(raw.pointee.device_count))
    }
    /// Numbers in use for the `group` of a device instance.
    public var deviceGroupCount: Int { Int(raw.pointee.device_group_count) }

    /// The shapes of work that the cluster is asked for, commonest first.
    public var workload: BlockArray<drover_workload> {
        BlockArray(block: raw, offset: raw.pointee.workload, count: Int(raw.pointee.workload_count))
    }

    /// The array at `offset` of the block.
    public func column<Element>(_ offset: UInt64, of type: Element.Type = Element.self) -> UnsafePointer<Element>? {
        drover_at(raw, offset)?.assumingMemoryBound(to: Element.self)
    }

    private typealias Offsets = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

    private func offset(_ field: KeyPath<drover_cluster_view, Offsets>, _ dimension: Int) -> UInt64 {
        guard (0..<dimensionCount).contains(dimension) else { return 0 }
        return withUnsafeBytes(of: raw.pointee[keyPath: field]) { offsets in
            offsets.load(fromByteOffset: dimension * 8, as: UInt64.self)
        }
    }
}

/// A batch of problems: `drover_problem_batch`. Borrowed, read-only, valid for one call.
public struct ProblemBatch {
    /// The C block.
    public let raw: UnsafePointer<drover_problem_batch>

    /// Wraps the block of a call; the host has checked all offsets.
    public init(_ block: UnsafeRawPointer) {
        raw = block.assumingMemoryBound(to: drover_problem_batch.self)
    }

    /// The problems, in the order to solve them.
    public var problems: BlockArray<drover_problem> {
        BlockArray(block: raw, offset: raw.pointee.problems, count: Int(raw.pointee.problem_count))
    }

    /// The groups of a problem.
    public func groups(of problem: drover_problem) -> BlockArray<drover_group_ask> {
        BlockArray(block: raw, offset: problem.groups, count: Int(problem.group_count))
    }

    /// The allocations that may be evicted for a problem, by node, then priority; none without `DROVER_MAY_PREEMPT`.
    public func candidates(of problem: drover_problem) -> BlockArray<drover_candidate> {
        let mayPreempt = problem.flags & UInt32(DROVER_MAY_PREEMPT) != 0
        return BlockArray(
            block: raw, offset: problem.candidates, count: mayPreempt ? Int(problem.candidate_count) : 0)
    }

    /// The device asks of a group, in the order they are met.
    public func deviceAsks(of group: drover_group_ask) -> BlockArray<drover_device_ask> {
        BlockArray(block: raw, offset: group.devices, count: Int(group.device_count))
    }

    /// The array at `offset` of the block.
    public func column<Element>(_ offset: UInt64, of type: Element.Type = Element.self) -> UnsafePointer<Element>? {
        drover_at(raw, offset)?.assumingMemoryBound(to: Element.self)
    }
}

/// An array of structs inside a block, whose elements may be longer or shorter than these headers say.
public struct BlockArray<Element: BitwiseCopyable>: RandomAccessCollection {
    private let base: UnsafeRawPointer?
    private let stride: Int
    public let startIndex = 0
    public let endIndex: Int

    /// The array at `offset` of `block`; empty when `offset` is 0.
    public init(block: UnsafeRawPointer, offset: UInt64, count: Int) {
        let base = count == 0 ? nil : drover_at(block, offset)
        self.base = base
        stride = base.map { Int($0.load(as: UInt32.self)) } ?? 0
        endIndex = base == nil ? 0 : count
    }

    /// A copy; fields beyond the element's own size are 0.
    public subscript(index: Int) -> Element {
        precondition(indices.contains(index), "element \(index) of \(endIndex)")
        var element = unsafeZero(Element.self)
        if let base {
            let bytes = UnsafeRawBufferPointer(
                start: base + index * stride, count: Swift.min(stride, MemoryLayout<Element>.size))
            withUnsafeMutableBytes(of: &element) { $0.copyMemory(from: bytes) }
        }
        return element
    }
}

/// A plain C struct of zeroes.
private func unsafeZero<Element: BitwiseCopyable>(_ type: Element.Type) -> Element {
    withUnsafeTemporaryAllocation(of: Element.self, capacity: 1) { buffer in
        UnsafeMutableRawBufferPointer(buffer).initializeMemory(as: UInt8.self, repeating: 0)
        return buffer[0]
    }
}
