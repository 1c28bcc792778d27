package import Model

/// Amounts of what a node has to give: MHz, cores, MiB of memory and of disk, and thousandths of devices of any kind.
package struct RoomAmounts: Hashable, Sendable {
    package var cpu: Int64
    package var cores: Int64
    package var memory: Int64
    package var disk: Int64
    package var deviceMilli: Int64

    package init(_ resources: ResourceVector = ResourceVector(), deviceMilli: Int64 = 0) {
        (cpu, cores) = (resources.cpu, resources.cores)
        (memory, disk) = (resources.memory, resources.disk)
        self.deviceMilli = deviceMilli
    }

    package mutating func add(_ other: RoomAmounts, times count: Int64 = 1) {
        cpu += count * other.cpu
        cores += count * other.cores
        memory += count * other.memory
        disk += count * other.disk
        deviceMilli += count * other.deviceMilli
    }

    /// More than there is of anything.
    static let most: RoomAmounts = {
        var amounts = RoomAmounts()
        (amounts.cpu, amounts.cores, amounts.memory) = (.max, .max, .max)
        (amounts.disk, amounts.deviceMilli) = (.max, .max)
        return amounts
    }()

    /// Keeps of each amount the smaller one.
    mutating func lower(to other: RoomAmounts) {
        cpu = min(cpu, other.cpu)
        cores = min(cores, other.cores)
        memory = min(memory, other.memory)
        disk = min(disk, other.disk)
        deviceMilli = min(deviceMilli, other.deviceMilli)
    }

    /// Whether `other` is in it at least once, as ``holds(_:)`` counts.
    func covers(_ other: RoomAmounts) -> Bool {
        other.cpu <= max(0, cpu) && other.memory <= max(0, memory) && other.disk <= max(0, disk)
            && other.cores <= max(0, cores) && other.deviceMilli <= max(0, deviceMilli)
    }

    /// How many times `other` is in it; what takes nothing of an amount fits whatever is left of it.
    func holds(_ other: RoomAmounts) -> Int64 {
        var times = Int64.max
        for (own, wanted) in [
            (cpu, other.cpu), (cores, other.cores), (memory, other.memory), (disk, other.disk),
            (deviceMilli, other.deviceMilli),
        ] where wanted > 0 { times = min(times, max(0, own) / wanted) }
        return times
    }
}

/// What an evaluation lacks that found no node for all it wanted: as long as a node has not this much, it can place nothing there,
/// unless it stops what it has there itself.
package struct PlacementNeed: Hashable, Sendable {
    /// A group of which instances are missing.
    package struct Group: Hashable, Sendable {
        /// Of one instance, at least.
        package var amounts: RoomAmounts
        /// Ports that nobody else may have.
        package var ports: [UInt16]
        /// How many instances are missing.
        package var count: Int

        package init(amounts: RoomAmounts, ports: [UInt16] = [], count: Int = 1) {
            (self.amounts, self.ports, self.count) = (amounts, ports, count)
        }
    }

    package var groups: [Group]
    /// It may evict allocations of this priority and below.
    package var evictsUpTo: Int?

    /// Rows of nodes with allocations that it may stop, so that less than this will do there.
    package var ownNodes: Set<UInt32>

    package init(groups: [Group], evictsUpTo: Int? = nil, ownNodes: Set<UInt32> = []) {
        (self.groups, self.evictsUpTo, self.ownNodes) = (groups, evictsUpTo, ownNodes)
    }

    /// What no node may lack, of each amount, that is to take an instance of any group.
    var least: RoomAmounts { groups.reduce(into: .most) { $0.lower(to: $1.amounts) } }

    /// What there has to be for anything to be placed, however much is missing and whoever asks.
    var ofOneInstance: PlacementNeed {
        var need = self
        need.ownNodes = []
        for position in need.groups.indices { need.groups[position].count = 1 }
        return need
    }
}

/// What is left of a node.
package struct NodeRoom: Sendable {
    package let computedClass: String
    package let nodePool: String
    package private(set) var free: RoomAmounts
    private let usedPorts: Set<UInt16>
    /// What allocations hold, by the priority of their jobs.
    private let held: [Int: RoomAmounts]
    /// The sum of those.
    private let heldByAll: RoomAmounts

    package init(
        computedClass: String, nodePool: String, free: RoomAmounts, usedPorts: Set<UInt16> = [],
        held: [Int: RoomAmounts] = [:]
    ) {
        (self.computedClass, self.nodePool) = (computedClass, nodePool)
        (self.free, self.usedPorts, self.held) = (free, usedPorts, held)
        heldByAll = held.values.reduce(into: RoomAmounts()) { $0.add($1) }
    }

    /// What would be free if everything were evicted.
    var freeByEviction: RoomAmounts {
        var amounts = free
        amounts.add(heldByAll)
        return amounts
    }

    mutating func take(_ amounts: RoomAmounts) { free.add(amounts, times: -1) }

    /// What an evaluation would take of it, nothing when there is no room for what it lacks. Whom it would evict is not known,
    /// so of those that may evict what is free beside is as good as taken.
    func share(for need: PlacementNeed) -> RoomAmounts? {
        var (left, taken, fits) = (free, RoomAmounts(), false)
        if let limit = need.evictsUpTo {
            for (priority, amounts) in held where priority <= limit { left.add(amounts) }
        }
        for group in need.groups {
            guard need.evictsUpTo != nil || usedPorts.isDisjoint(with: group.ports) else { continue }
            let most = group.ports.isEmpty ? Int64(max(1, group.count)) : 1
            let count = min(left.holds(group.amounts), most)
            guard count > 0 else { continue }
            fits = true
            left.add(group.amounts, times: -count)
            taken.add(group.amounts, times: count)
        }
        return fits ? taken : nil
    }
}
