internal import CDroverABI

/// The view's common workload: the shapes that are live now, so that nothing of the future is known.
struct WorkloadColumn {
    /// Live instances by shape.
    private var counts: [Int]
    private var liveCount = 0
    /// Since the column was written.
    private var changes = 0

    /// It is written anew when one part of so many of what lives has come or gone, as on a server (`WorkLedger`).
    private static let writtenPart = 8

    init(shapeCount: Int) { counts = [Int](repeating: 0, count: shapeCount) }

    /// Whether enough has changed to tell schedulers, for whom each new workload makes all scores stale.
    var isDue: Bool { changes > 0 && changes >= liveCount / Self.writtenPart }

    mutating func add(_ shape: Int) {
        counts[shape] += 1
        liveCount += 1
        changes += 1
    }

    mutating func remove(_ shape: Int) {
        counts[shape] -= 1
        liveCount -= 1
        changes += 1
    }

    /// Writes the commonest shapes; returns how many.
    mutating func write(_ cluster: TraceCluster) -> UInt32 {
        changes = 0
        let live = counts.indices.filter { counts[$0] > 0 }.sorted { (-counts[$0], $0) < (-counts[$1], $1) }
        let layout = cluster.layout
        for (position, shape) in live.prefix(ClusterLayout.workloadMax).enumerated() {
            layout.workload[position].weight = UInt32(counts[shape])
            layout.workload[position].device_count = UInt32(cluster.trace.shapes[shape].deviceCount)
            withUnsafeMutableBytes(of: &layout.workload[position].ask) {
                $0.copyBytes(from: cluster.amounts(shape).withUnsafeBytes(Array.init))
            }
            for (group, share) in cluster.shares(shape).enumerated() {
                layout.workloadShares[position * layout.groups.count + group] = share
            }
        }
        return UInt32(min(live.count, ClusterLayout.workloadMax))
    }
}
