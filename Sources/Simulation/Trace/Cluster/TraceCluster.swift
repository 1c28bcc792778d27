internal import CDroverABI
internal import PluginHost

/// Where an instance of a task is.
package struct Placement: Sendable, Equatable {
    /// Row of the node.
    package var node: Int
    /// Rows of `devices`; each has the shape's share.
    package var devices: [Int]
}

/// The cluster of a run, as the view that schedulers read, changed in place by what is placed and what leaves.
package final class TraceCluster {
    let trace: Trace
    let layout: ClusterLayout
    private var view: drover_cluster_view
    private(set) var workload: WorkloadColumn
    /// What each shape asks for, by dimension.
    private let amounts: [[Int64]]
    /// Thousandths of a device in use.
    private(set) var deviceMilli: Int64 = 0

    package init(_ trace: Trace) {
        self.trace = trace
        layout = ClusterLayout(trace.nodes)
        view = layout.view
        workload = WorkloadColumn(shapeCount: trace.shapes.count)
        amounts = trace.shapes.map { shape in
            var amounts = [Int64](repeating: 0, count: Int(DROVER_DIMENSIONS_MAX))
            amounts[Int(DROVER_CPU_MHZ)] = shape.cpu
            amounts[Int(DROVER_MEMORY_MIB)] = shape.memoryMiB
            return amounts
        }
        changed()
    }

    /// The view as it is; good until the next change.
    var block: Block { layout.memory.block }

    /// The same, for our own reading.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: block.base, count: block.length) }

    /// All work of the trace, as often as it stands there.
    var work: [FragmentationFigure.Work] {
        let counts = trace.tasks.reduce(into: [Int64](repeating: 0, count: trace.shapes.count)) { $0[$1.shape] += 1 }
        return trace.shapes.indices.map { shape in
            FragmentationFigure.Work(
                amounts: amounts(shape), shares: shares(shape), count: trace.shapes[shape].deviceCount,
                weight: counts[shape])
        }
    }

    /// What a shape asks for, by dimension.
    func amounts(_ shape: Int) -> [Int64] { amounts[shape] }

    /// Share that a shape wants of an instance of each device group; 0: the group will not do.
    func shares(_ shape: Int) -> [UInt32] {
        let shape = trace.shapes[shape]
        return layout.groups.map { shape.deviceCount > 0 && shape.allows($0) ? UInt32(shape.deviceShare) : 0 }
    }

    /// Rows of `devices` of a node.
    func deviceRows(_ node: Int) -> Range<Int> { layout.deviceStarts[node]..<layout.deviceStarts[node + 1] }

    func freeMilli(_ row: Int) -> Int { Int(layout.devices[row].free_milli) }

    // MARK: - What fits

    /// The node's devices that have room for one of the shape's, in order.
    package func fittingDevices(_ shape: Int, _ node: Int) -> [Int] {
        let wanted = trace.shapes[shape]
        guard wanted.deviceCount > 0, wanted.allows(trace.nodes[node].deviceModel) else { return [] }
        return deviceRows(node).filter { freeMilli($0) >= wanted.deviceShare }
    }

    /// Whether the node has what the shape asks for, by drover/fit.h and the devices' free shares.
    package func fits(_ shape: Int, _ node: Int) -> Bool {
        for dimension in 0..<Int(DROVER_DIMENSIONS) {
            let capacity = layout.capacity[dimension][node]
            let used = layout.used[dimension][node]
            guard drover_fit_one(capacity, used, amounts[shape][dimension]) != 0 else { return false }
        }
        let count = trace.shapes[shape].deviceCount
        return count == 0 || fittingDevices(shape, node).count >= count
    }

    /// Whether the very devices of `placement`, and all else, fit the shape.
    package func accepts(_ shape: Int, _ placement: Placement) -> Bool {
        let fitting = Set(fittingDevices(shape, placement.node))
        let chosen = Set(placement.devices)
        return fits(shape, placement.node) && chosen.count == placement.devices.count && chosen.isSubset(of: fitting)
            && chosen.count == trace.shapes[shape].deviceCount
    }

    // MARK: - Changes

    func add(_ shape: Int, _ placement: Placement) {
        change(shape, placement, sign: 1)
        workload.add(shape)
        if workload.isDue { view.workload_count = workload.write(self) }
        changed()
    }

    func remove(_ shape: Int, _ placement: Placement) {
        change(shape, placement, sign: -1)
        workload.remove(shape)
        changed()
    }

    private func change(_ shape: Int, _ placement: Placement, sign: Int) {
        for dimension in 0..<Int(DROVER_DIMENSIONS) {
            layout.used[dimension][placement.node] += Int64(sign) * amounts[shape][dimension]
        }
        let share = trace.shapes[shape].deviceShare
        for row in placement.devices { layout.devices[row].free_milli = UInt32(freeMilli(row) - sign * share) }
        deviceMilli += Int64(sign) * trace.shapes[shape].deviceMilli
    }

    private func changed() {
        view.parent = view.generation
        view.generation += 1
        layout.memory.store(view, at: 0)
    }
}
