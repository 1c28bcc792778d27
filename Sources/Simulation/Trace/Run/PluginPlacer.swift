internal import Basics
internal import CDroverABI
internal import PluginHost

/// Asks a scheduler plug-in, as the agent does for an evaluation of a job with one instance.
final class PluginPlacer: TracePlacer {
    private let scheduler: any Scheduler
    private let seed: UInt64
    private var task: TaskBlock?

    init(_ scheduler: any Scheduler, seed: UInt64) {
        self.scheduler = scheduler
        self.seed = seed
    }

    func place(_ shape: Int, on cluster: TraceCluster) throws -> Placement? {
        let task = task ?? TaskBlock(cluster)
        self.task = task
        let records = try scheduler.place(
            view: cluster.block, batch: task.block(shape, seed: seed, on: cluster),
            deadline: Uptime(nanoseconds: .max))
        let wanted = cluster.trace.shapes[shape]
        guard var placement = Self.placement(records, share: wanted.deviceShare) else { return nil }
        let count = wanted.deviceCount
        if placement.devices.isEmpty && count > 0 {
            placement.devices = Self.tightest(cluster.fittingDevices(shape, placement.node), count, cluster)
        }
        return placement
    }

    /// The one placement among the records, which the host has checked, with the devices assigned to it; -1 for one with
    /// another share than was asked for, which no cluster accepts.
    private static func placement(_ records: [UInt8], share: Int) -> Placement? {
        var placement: Placement?
        var devices: [Int] = []
        var at = 0
        records.withUnsafeBytes { bytes in
            while at < bytes.count {
                switch Int32(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)) {
                case DROVER_RECORD_PLACEMENT:
                    let record = bytes.loadUnaligned(fromByteOffset: at, as: drover_placement.self)
                    placement = Placement(node: Int(record.node), devices: [])
                case DROVER_RECORD_ASSIGNMENT:
                    let record = bytes.loadUnaligned(fromByteOffset: at, as: drover_assignment.self)
                    guard record.what == UInt32(DROVER_ASSIGN_DEVICE) else { break }
                    devices.append(Int(record.share_milli) == share ? Int(record.index) : -1)
                default: break
                }
                at += Int(bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self))
            }
        }
        placement?.devices = devices.sorted()
        return placement
    }

    /// The devices with least left: what the host takes where a scheduler chooses none.
    private static func tightest(_ fitting: [Int], _ count: Int, _ cluster: TraceCluster) -> [Int] {
        fitting.sorted { (cluster.freeMilli($0), $0) < (cluster.freeMilli($1), $1) }.prefix(count).sorted()
    }
}
