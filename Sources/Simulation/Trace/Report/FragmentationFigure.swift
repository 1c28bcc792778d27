/// The paper's measure of fragmentation (Weng et al., USENIX ATC 2023, §3), for judging any scheduler from outside.
///
/// Of each node's free devices a task cannot use: all, when the node lacks the amounts, the model or enough devices with the
/// share; else those with less than the share. The mean over the trace's tasks that ask for devices.
struct FragmentationFigure {
    private let tasksByShape: [Int]

    init(_ trace: Trace) {
        tasksByShape = trace.tasks.reduce(into: Array(repeating: 0, count: trace.shapes.count)) { $0[$1.shape] += 1 }
    }

    /// In percent of what is free.
    func percent(of cluster: TraceCluster) -> Double {
        var lost: Int64 = 0
        var free: Int64 = 0
        for shape in cluster.trace.shapes.indices where cluster.trace.shapes[shape].deviceCount > 0 {
            for node in cluster.trace.nodes.indices {
                let left = cluster.deviceRows(node).reduce(0) { $0 + cluster.freeMilli($1) }
                guard left > 0 else { continue }
                let usable = cluster.fits(shape, node) ? cluster.fittingDevices(shape, node) : []
                let reached = usable.reduce(0) { $0 + cluster.freeMilli($1) }
                free += Int64(left * tasksByShape[shape])
                lost += Int64((left - reached) * tasksByShape[shape])
            }
        }
        return TraceSimulation.percent(lost, of: free)
    }
}
