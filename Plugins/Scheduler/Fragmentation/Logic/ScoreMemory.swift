import CDroverABI
import StockSchedulerPlugin

/// The scores found so far, each good as long as its node has not changed.
///
/// A node's score depends on nothing but the node, the wish and the workload. So a placement makes one node's scores stale,
/// and the next instance, group or call that wishes the same finds the others here. What is kept is compared with what the
/// view says, never with when it said so: a call answers the same with an empty memory. Used by one call at a time.
final class ScoreMemory {
    private(set) var devices = DeviceInventory()
    private var workload: Workload?
    private var trial: Trial?
    private var dimensions = 0
    private var largest: [(dimension: Int, amount: Int64)] = []
    /// By node and dimension: what is free; `Int64.max` where there is no limit.
    private var free: [Int64] = []
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
        if isSame, devices.update(columns, changed: { versions[$0] &+= 1 }) { return }
        self.workload = workload
        dimensions = columns.dimensions
        trial = Trial(workload, dimensions: dimensions)
        self.largest = largest
        devices = DeviceInventory(columns)
        free = [Int64](repeating: -1, count: columns.count * dimensions)
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

    /// Takes the devices for an instance that goes to `row`.
    ///
    /// - Returns: rows of `devices` and the share of each.
    func take(_ wish: Wish, _ row: Int, _ state: GroupState) -> [(index: UInt32, share: UInt32)] {
        refresh(row, state)
        guard !wish.devices.isEmpty, tried(wish, row) != nil, let trial else { return [] }
        versions[row] &+= 1
        let start = devices.range(row).lowerBound
        return trial.picks.map { pick in
            devices.take(pick.share, at: start + pick.position)
            return (devices.instances[start + pick.position].row, UInt32(pick.share))
        }
    }

    /// Gives back what a placement that is taken back had.
    func giveBack(index: Int, share: Int64) {
        let position = devices.position(ofRow: index)
        devices.take(-share, at: position)
        versions[Int(devices.instances[position].node)] &+= 1
    }

    private func tried(_ wish: Wish, _ row: Int) -> Int32? {
        let own = devices.instances[devices.range(row)]
        return free.withUnsafeBufferPointer { free in
            guard let base = free.baseAddress else { return nil }
            let room = Trial.Room(
                free: base + row * dimensions, largest: largest, sharesLargest: devices.nodeShareMax)
            if losses[row].version != versions[row] {
                losses[row] = (trial?.loss(room, own) ?? 0, versions[row])
            }
            return trial?.score(wish, room, own, loss: losses[row].value)
        }
    }

    /// Notes what is free on the node now.
    @inline(__always)
    private func refresh(_ row: Int, _ state: GroupState) {
        for dimension in 0..<dimensions {
            let capacity = state.columns.capacity(dimension)[row]
            let left = capacity == DROVER_UNLIMITED ? .max : max(0, capacity - max(0, state.used(dimension, row)))
            guard free[row * dimensions + dimension] != left else { continue }
            free[row * dimensions + dimension] = left
            versions[row] &+= 1
        }
    }

    /// The most of CPU and memory that a node has.
    private static func largest(_ columns: ClusterColumns) -> [(dimension: Int, amount: Int64)] {
        [Int(DROVER_CPU_MHZ), Int(DROVER_MEMORY_MIB)].map { dimension in
            let capacities = UnsafeBufferPointer(start: columns.capacity(dimension), count: columns.count)
            return (dimension, max(1, capacities.lazy.filter { $0 != DROVER_UNLIMITED }.max() ?? 1))
        }
    }
}
