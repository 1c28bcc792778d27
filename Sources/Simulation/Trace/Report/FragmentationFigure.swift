internal import CDroverABI

/// The paper's measure of fragmentation (Weng et al., USENIX ATC 2023, §3), for judging any scheduler from outside.
///
/// Of each node's free devices a task cannot use: all, when the node lacks the amounts, the model or enough devices with the
/// share; else those with less than the share. The mean over the work that asks for devices.
struct FragmentationFigure {
    /// One kind of work.
    struct Work {
        /// By dimension.
        var amounts: [Int64]
        /// Share wanted of each of `count` devices of one group, by device group; 0: a group that will not do.
        var shares: [UInt32]
        var count: Int
        /// How much of it there is.
        var weight: Int64

        /// The common work that a view tells of.
        static func all(in view: UnsafeRawBufferPointer) -> [Work] {
            guard let base = view.baseAddress else { return [] }
            let head = base.load(as: drover_cluster_view.self)
            return base.records(head.workload, Int(head.workload_count), drover_workload.self).map { raw in
                Work(
                    amounts: withUnsafeBytes(of: raw.ask) { Array($0.bindMemory(to: Int64.self)) },
                    shares: base.records(raw.shares, Int(head.device_group_count), UInt32.self),
                    count: Int(raw.device_count), weight: Int64(raw.weight))
            }
        }
    }

    private let work: [Work]

    init(_ work: [Work]) { self.work = work.filter { $0.count > 0 && $0.weight > 0 } }

    /// In percent of what is free on the nodes of a view.
    func percent(of view: UnsafeRawBufferPointer) -> Double {
        guard let columns = NodeColumns(view) else { return 0 }
        var lost: Int64 = 0
        var free: Int64 = 0
        var start = 0
        while start < columns.devices.count {
            let node = columns.devices[start].node
            let end = columns.devices[start...].firstIndex { $0.node != node } ?? columns.devices.count
            let own = columns.devices[start..<end]
            start = end
            let left = own.reduce(0) { $0 + Int64($1.free_milli) }
            guard left > 0 else { continue }
            for work in work {
                free += left * work.weight
                lost += (left - Self.reach(work, own, Int(node), columns)) * work.weight
            }
        }
        return TraceSimulation.percent(lost, of: free)
    }

    /// Thousandths free on the devices that the work could use.
    private static func reach(
        _ work: Work, _ devices: ArraySlice<drover_device_instance>, _ node: Int, _ columns: NodeColumns
    ) -> Int64 {
        guard columns.fits(work.amounts, node) else { return 0 }
        return (0..<columns.groupCount).reduce(0) { sum, group in
            let share = group < work.shares.count ? work.shares[group] : 0
            let usable = devices.filter { $0.group == group && share > 0 && $0.free_milli >= share }
            return usable.count < work.count ? sum : sum + usable.reduce(0) { $0 + Int64($1.free_milli) }
        }
    }
}
