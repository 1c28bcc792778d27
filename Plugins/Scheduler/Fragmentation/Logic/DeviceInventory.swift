import CDroverABI
import StockSchedulerPlugin

/// The device instances of the cluster by node, with the shares that were free when their node was looked at last.
struct DeviceInventory {
    /// One device instance.
    struct Instance: Equatable, BitwiseCopyable {
        /// Share left, 0 to 1,000.
        var free: Int64
        var group: Int
        var numa: UInt32
        var node: UInt32
        /// Row of `devices` in the view.
        var row: UInt32
    }

    /// By node, those of one group next to each other.
    private(set) var instances: [Instance] = []
    /// First instance of each node, and the end.
    private var starts: [Int] = [0]
    /// The most share that one node has when nothing is used.
    private(set) var nodeShareMax: Int64 = 1

    init() {}

    init(_ columns: ClusterColumns) {
        let count = Self.count(columns)
        instances = (0..<count).map { Self.instance($0, columns) }.filter {
            $0.node < columns.count && $0.group < columns.view.pointee.device_group_count
        }
        starts = Self.starts(instances.map { Int($0.node) }, count: columns.count)
        for node in 0..<columns.count { sort(node) }
        nodeShareMax = Int64(max(1, (0..<columns.count).map { range($0).count }.max() ?? 1)) * 1_000
    }

    /// Whether `columns` has the same instances, whatever is free of them.
    func hasLayout(of columns: ClusterColumns) -> Bool {
        guard Self.count(columns) == instances.count, columns.count + 1 == starts.count else { return false }
        return instances.allSatisfy { old in
            let new = Self.instance(Int(old.row), columns)
            return new.node == old.node && new.group == old.group && new.numa == old.numa
        }
    }

    /// Positions of a node's instances.
    @inline(__always)
    func range(_ node: Int) -> Range<Int> { starts[node]..<starts[node + 1] }

    /// Notes what is free on a node now; whether that is news.
    @inline(__always)
    mutating func refresh(_ node: Int, _ state: GroupState) -> Bool {
        var hasChanged = false
        for position in range(node) {
            let free = min(1_000, Int64(state.freeShare(of: Int(instances[position].row))))
            guard instances[position].free != free else { continue }
            instances[position].free = free
            hasChanged = true
        }
        return hasChanged
    }

    private static func count(_ columns: ClusterColumns) -> Int {
        columns.view.pointee.devices == 0 ? 0 : Int(columns.view.pointee.device_count)
    }

    /// The instance in a row of `devices`.
    @inline(__always)
    private static func instance(_ row: Int, _ columns: ClusterColumns) -> Instance {
        let raw: UnsafePointer<drover_device_instance> = columns.base.element(columns.view.pointee.devices, row)
        return Instance(
            free: Int64(min(1_000, raw.pointee.free_milli)), group: Int(raw.pointee.group), numa: raw.pointee.numa,
            node: raw.pointee.node, row: UInt32(row))
    }

    private static func starts(_ nodes: [Int], count: Int) -> [Int] {
        var starts = [Int](repeating: 0, count: count + 1)
        for node in nodes { starts[node + 1] += 1 }
        for node in 0..<count { starts[node + 1] += starts[node] }
        return starts
    }

    /// The view sorts by node alone; the measure wants the instances of a group side by side.
    private mutating func sort(_ node: Int) {
        let range = range(node)
        if !zip(range, range.dropFirst()).allSatisfy({ instances[$0].group <= instances[$1].group }) {
            instances[range].sort { ($0.group, $0.row) < ($1.group, $1.row) }
        }
    }
}
