package import CDroverABI

/// The columns of a `drover_cluster_view`, as pointers into the borrowed block.
package struct ClusterColumns {
    package let base: UnsafeRawPointer
    package let view: UnsafePointer<drover_cluster_view>
    package let count: Int
    package let dimensions: Int
    package let flags: UnsafePointer<UInt32>
    package let classes: UnsafePointer<UInt32>
    package let datacenters: UnsafePointer<UInt32>
    package let pools: UnsafePointer<UInt32>
    package let keys: UnsafePointer<UInt64>
    package let freePorts: UnsafePointer<UInt32>?
    /// CPU MHz that a whole core takes besides, an element a node; nil: nothing.
    package let coreMHz: UnsafePointer<Int64>?

    /// A node that may take new work has all of these.
    package static let placeable =
        UInt32(DROVER_NODE_PRESENT) | UInt32(DROVER_NODE_READY) | UInt32(DROVER_NODE_ELIGIBLE)

    package init(_ block: UnsafeRawPointer) throws(SchedulerFault) {
        base = block
        view = block.assumingMemoryBound(to: drover_cluster_view.self)
        count = Int(view.pointee.node_count)
        dimensions = min(Int(view.pointee.dimension_count), Int(DROVER_DIMENSIONS_MAX))
        guard dimensions > Int(DROVER_MEMORY_MIB) else {
            throw .invalid("the cluster view has \(dimensions) dimensions; CPU and memory are needed")
        }
        flags = try Self.column(block, view.pointee.flags, "flags")
        classes = try Self.column(block, view.pointee.class_id, "class_id")
        datacenters = try Self.column(block, view.pointee.datacenter_id, "datacenter_id")
        pools = try Self.column(block, view.pointee.pool_id, "pool_id")
        keys = try Self.column(block, view.pointee.node_key, "node_key")
        freePorts = block.optionalArray(view.pointee.free_ports)
        coreMHz = block.optionalArray(view.pointee.core_mhz)
        for dimension in 0..<dimensions {
            let _: UnsafePointer<Int64> = try Self.column(block, offset(of: dimension, capacity: true), "capacity")
            let _: UnsafePointer<Int64> = try Self.column(block, offset(of: dimension, capacity: false), "used")
        }
    }

    /// Capacity of `dimension`, an element a node.
    package func capacity(_ dimension: Int) -> UnsafePointer<Int64> {
        base.advanced(by: Int(offset(of: dimension, capacity: true))).assumingMemoryBound(to: Int64.self)
    }

    /// Use of `dimension` as the view has it, an element a node.
    package func used(_ dimension: Int) -> UnsafePointer<Int64> {
        base.advanced(by: Int(offset(of: dimension, capacity: false))).assumingMemoryBound(to: Int64.self)
    }

    /// Copies of the device instances, sorted by node.
    var devices: [drover_device_instance] {
        guard view.pointee.devices != 0 else { return [] }
        return (0..<Int(view.pointee.device_count)).map { number in
            let device: UnsafePointer<drover_device_instance> = base.element(view.pointee.devices, number)
            return device.pointee
        }
    }

    private func offset(of dimension: Int, capacity: Bool) -> UInt64 {
        withUnsafeBytes(of: capacity ? view.pointee.capacity : view.pointee.used) {
            $0.load(fromByteOffset: dimension * MemoryLayout<UInt64>.stride, as: UInt64.self)
        }
    }

    private static func column<Element>(
        _ block: UnsafeRawPointer, _ offset: UInt64, _ name: StaticString
    ) throws(SchedulerFault) -> UnsafePointer<Element> {
        guard let pointer: UnsafePointer<Element> = block.optionalArray(offset) else {
            throw .invalid("the cluster view lacks its column \(name)")
        }
        return pointer
    }
}

extension UnsafeRawPointer {
    /// The array at `offset` of the block this points to; nil for offset 0, which means absent.
    package func optionalArray<Element>(_ offset: UInt64) -> UnsafePointer<Element>? {
        offset == 0 ? nil : advanced(by: Int(offset)).assumingMemoryBound(to: Element.self)
    }

    /// The struct number `index` of an array of size-prefixed structs at `offset`: elements are the first one's `size`
    /// apart.
    package func element<Element>(_ offset: UInt64, _ index: Int) -> UnsafePointer<Element> {
        let first = advanced(by: Int(offset))
        let stride = Int(first.load(as: UInt32.self))
        return first.advanced(by: index * stride).assumingMemoryBound(to: Element.self)
    }
}
