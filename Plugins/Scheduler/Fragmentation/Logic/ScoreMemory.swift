import CDroverABI
import StockSchedulerPlugin

/// The scores found so far, each good as long as its node has not changed.
///
/// A node's score depends on nothing but the node, the wish and the workload. So a placement makes one node's scores stale,
/// and the next instance, group or call that wishes the same finds the others here. What is kept is compared with what the
/// view says, never with when it said so: a call answers the same with an empty memory. Used by one call at a time.
final class ScoreMemory {
    private var devices = DeviceInventory()
    private var workload: Workload?
    private var trial: Trial?
    private var dimensions = 0
    private var largest: [(dimension: Int, amount: Int64)] = []
    /// By node: what is free of each dimension, `Int64.max` where there is no limit; then CPU that a whole core takes.
    private var free: [Int64] = []
    private var stride: Int { dimensions + 1 }
    /// Goes up when anything of the node changes; 0 is never current.
    private var versions: [UInt32] = []
    /// Loss of each node as it is.
    private var losses: [(value: Int64, version: UInt32)] = []
    private var wishes: [Wish: Int] = [:]
    /// By wish and node.
    private var scores: [[(value: Int32, version: UInt32)]] = []

    /// Scores kept at most, 8 bytes each; beyond that it begins anew.
    private static let scoresMax = 4 << 20

    /// Takes over the view's devices, and forgets what no longer holds.
    func begin(_ columns: ClusterColumns, _ workload: Workload) {
        let largest = Self.largest(columns)
        let isSame =
            self.workload == workload && dimensions == columns.dimensions && versions.count == columns.count
            && self.largest.elementsEqual(largest, by: ==)
        if isSame, devices.hasLayout(of: columns) { return }
        self.workload = workload
        dimensions = columns.dimensions
        trial = Trial(workload, dimensions: dimensions)
        self.largest = largest
        devices = DeviceInventory(columns)
        free = [Int64](repeating: -1, count: columns.count * stride)
        versions = [UInt32](repeating: 1, count: columns.count)
        losses = Array(repeating: (0, 0), count: columns.count)
        wishes.removeAll()
        scores.removeAll()
    }

    /// A number for the wish, good until the next ``begin(_:_:)``.
    func number(of wish: Wish) -> Int {
        if let number = wishes[wish] { return number }
        if (scores.count + 1) * versions.count > Self.scoresMax {
            wishes.removeAll()
            scores.removeAll()
        }
        wishes[wish] = scores.count
        scores.append(Array(repeating: (0, 0), count: versions.count))
        return scores.count - 1
    }

    /// The score of an instance on `row`; ``unfitScore`` when the node's devices do not suffice.
    func score(_ number: Int, _ wish: Wish, _ row: Int, _ state: GroupState) -> Int32 {
        refresh(row, state)
        let known = scores[number][row]
        if known.version == versions[row] { return known.value }
        let value = tried(wish, row) ?? unfitScore
        scores[number][row] = (value, versions[row])
        return value
    }

    /// The devices for an instance that goes to `row`; nil when they do not suffice.
    func picks(_ wish: Wish, _ row: Int, _ state: GroupState) -> [DeviceLedger.Pick]? {
        refresh(row, state)
        guard tried(wish, row) != nil, let trial else { return nil }
        let start = devices.range(row).lowerBound
        return trial.picks.map { pick in
            let instance = devices.instances[start + pick.position]
            return DeviceLedger.Pick(index: Int(instance.row), share: UInt32(pick.share))
        }
    }

    private func tried(_ wish: Wish, _ row: Int) -> Int32? {
        let own = devices.instances[devices.range(row)]
        return free.withUnsafeBufferPointer { free in
            guard let base = free.baseAddress else { return nil }
            let room = Trial.Room(
                free: base + row * stride, coreMHz: base[row * stride + dimensions], largest: largest,
                sharesLargest: devices.nodeShareMax)
            if losses[row].version != versions[row] {
                losses[row] = (trial?.loss(room, own) ?? 0, versions[row])
            }
            return trial?.score(wish, room, own, loss: losses[row].value)
        }
    }

    /// Notes what is free on the node now.
    @inline(__always)
    private func refresh(_ row: Int, _ state: GroupState) {
        var hasChanged = devices.refresh(row, state)
        for dimension in 0...dimensions {
            let value = dimension < dimensions ? left(dimension, row, state) : state.columns.coreMHz?[row] ?? 0
            guard free[row * stride + dimension] != value else { continue }
            free[row * stride + dimension] = value
            hasChanged = true
        }
        if hasChanged { versions[row] &+= 1 }
    }

    private func left(_ dimension: Int, _ row: Int, _ state: GroupState) -> Int64 {
        let capacity = state.columns.capacity(dimension)[row]
        return capacity == DROVER_UNLIMITED ? .max : max(0, capacity - max(0, state.used(dimension, row)))
    }

    /// The most of CPU and memory that a node has.
    private static func largest(_ columns: ClusterColumns) -> [(dimension: Int, amount: Int64)] {
        [Int(DROVER_CPU_MHZ), Int(DROVER_MEMORY_MIB)].map { dimension in
            let capacities = UnsafeBufferPointer(start: columns.capacity(dimension), count: columns.count)
            return (dimension, max(1, capacities.lazy.filter { $0 != DROVER_UNLIMITED }.max() ?? 1))
        }
    }
}
