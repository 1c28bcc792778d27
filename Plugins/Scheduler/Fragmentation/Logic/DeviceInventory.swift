import CDroverABI
import StockSchedulerPlugin

/// The device instances of the cluster, with the shares free as the placements of this batch leave them.
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
    /// Position in `instances` of each row of `devices`.
    private var positions: [Int] = []
    /// The most share that one node has when nothing is used.
    private(set) var nodeShareMax: Int64 = 1

    init() {}

    init(_ columns: ClusterColumns) {
        let count = Self.count(columns)
        instances = (0..<count).map { Self.instance($0, columns) }.filter { $0.node < columns.count }
        starts = Self.starts(instances.map { Int($0.node) }, count: columns.count)
        positions = [Int](repeating: 0, count: count)
        for node in 0..<columns.count { sort(node) }
        nodeShareMax = Int64(max(1, (0..<columns.count).map { range($0).count }.max() ?? 1)) * 1_000
    }

    /// Takes over the shares that are free in `columns`, and names the nodes where they differ.
    ///
    /// False, and nothing else done, when these are not the same instances.
    mutating func update(_ columns: ClusterColumns, changed: (Int) -> Void) -> Bool {
        let count = Self.count(columns)
        guard count == positions.count, columns.count + 1 == starts.count, count == instances.count else { return false }
        for row in 0..<count {
            let new = Self.instance(row, columns)
            let old = instances[positions[row]]
            guard new.row == old.row, new.node == old.node, new.group == old.group, new.numa == old.numa else {
                return false
            }
            guard new.free != old.free else { continue }
            instances[positions[row]].free = new.free
            changed(Int(new.node))
        }
        return true
    }

    /// Positions of a node's instances.
    @inline(__always)
    func range(_ node: Int) -> Range<Int> { starts[node]..<starts[node + 1] }

    /// Takes `share` of the instance at `position`; a negative share gives it back.
    mutating func take(_ share: Int64, at position: Int) { instances[position].free -= share }

    /// Where the instance of a row of `devices` is.
    func position(ofRow row: Int) -> Int { positions[row] }

    private static func count(_ columns: ClusterColumns) -> Int {
        columns.view.pointee.devices == 0 ? 0 : Int(columns.view.pointee.device_count)
    }

    /// The instance in a row of `devices`; one of an unknown group is never free.
    @inline(__always)
    private static func instance(_ row: Int, _ columns: ClusterColumns) -> Instance {
        let view = columns.view.pointee
        let raw: UnsafePointer<drover_device_instance> = columns.base.element(view.devices, row)
        let isKnown = raw.pointee.group < view.device_group_count
        return Instance(
            free: isKnown ? Int64(min(1_000, raw.pointee.free_milli)) : 0, group: isKnown ? Int(raw.pointee.group) : 0,
            numa: raw.pointee.numa, node: raw.pointee.node, row: UInt32(row))
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
        for position in range { positions[Int(instances[position].row)] = position }
    }
}
