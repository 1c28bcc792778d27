import CDroverABI

/// What is left of every device instance as a batch takes and frees shares, and which instances an ask gets.
///
/// Asks are met in turn without looking ahead, each by one device group of the node. Of several groups the one with the
/// highest affinity is taken, then the one whose fullest instance fits best. Within a group the instance with the least
/// left that suffices goes first, so that whole instances stay whole as long as possible.
package struct DeviceLedger {
    /// A share of one instance, taken.
    package struct Pick: BitwiseCopyable {
        /// Row of the view's `devices`.
        let index: Int
        let share: UInt32

        package init(index: Int, share: UInt32) {
            self.index = index
            self.share = share
        }
    }

    /// The share of a whole instance.
    static let whole: UInt32 = 1_000

    /// Share left by row of `devices`; a fraction never spans two rows.
    private(set) var free: [UInt32] = []
    /// What the last successful ``take(_:on:)`` took, in the order of the asks.
    private(set) var picks: [Pick] = []
    /// Mean affinity of the last ``take(_:on:)``, of the asks that have one.
    private(set) var affinity: Int32 = 0
    private var devices: [drover_device_instance] = []
    /// Where each node's instances begin, and where the last one's end.
    private var first: [Int] = []
    private var isLoaded = false

    /// Forgets the batch before.
    mutating func begin() { isLoaded = false }

    /// Reads the view's table; nothing when that has been done for this batch.
    mutating func load(_ columns: ClusterColumns) {
        guard !isLoaded else { return }
        isLoaded = true
        devices = columns.devices
        free = devices.map(\.free_milli)
        first = [Int](repeating: 0, count: columns.count + 1)
        for device in devices where device.node < UInt32(columns.count) { first[Int(device.node) + 1] += 1 }
        for row in 0..<columns.count { first[row + 1] += first[row] }
    }

    /// Takes an instance's devices on a node; false, with nothing taken, when an ask cannot be met.
    mutating func take(_ asks: [DeviceAsk], on row: Int) -> Bool {
        picks.removeAll(keepingCapacity: true)
        var affinities: (sum: Int64, count: Int64) = (0, 0)
        let rows = first[row]..<first[row + 1]
        for ask in asks where ask.count > 0 {
            guard let group = group(for: ask, rows), let share = ask.share(of: group) else {
                giveBack()
                return false
            }
            pick(ask, group, share, rows)
            guard ask.hasAffinity else { continue }
            affinities.sum += Int64(ask.affinity(to: group))
            affinities.count += 1
        }
        affinity = Int32(truncatingIfNeeded: affinities.sum / max(1, affinities.count))
        return true
    }

    /// Takes what somebody else has chosen.
    mutating func take(_ chosen: [Pick]) {
        for pick in chosen { free[pick.index] -= pick.share }
        picks = chosen
    }

    /// Undoes the last ``take(_:on:)``.
    mutating func giveBack() {
        for pick in picks { free[pick.index] += pick.share }
        picks.removeAll(keepingCapacity: true)
    }

    /// Frees, or takes again, what an allocation holds; shares of rows that do not exist are ignored.
    mutating func change(_ share: drover_device_share, isFreed: Bool) {
        let index = Int(share.index)
        guard index < free.count else { return }
        free[index] = isFreed ? free[index] &+ share.share_milli : free[index] &- share.share_milli
    }

    /// Whether the share is not taken; rows that do not exist are ignored.
    func isFree(_ share: drover_device_share) -> Bool {
        let index = Int(share.index)
        return index >= free.count || free[index] >= share.share_milli
    }

    /// Device group of row `index`; nil when there is no such row.
    func group(of index: Int) -> UInt32? { index < devices.count ? devices[index].group : nil }

    // MARK: - Choosing

    /// The device group of the node that meets `ask` best.
    private func group(for ask: DeviceAsk, _ rows: Range<Int>) -> UInt32? {
        var best: (group: UInt32, affinity: Int32, least: UInt32)?
        for index in rows {
            let group = devices[index].group
            guard best?.group != group, let share = ask.share(of: group) else { continue }
            let suited = rows.lazy.filter { devices[$0].group == group && free[$0] >= share }
            guard suited.count >= ask.count else { continue }
            let least = suited.reduce(UInt32.max) { min($0, free[$1]) }
            let affinity = ask.affinity(to: group)
            if let leader = best {
                guard (-affinity, least, group) < (-leader.affinity, leader.least, leader.group) else { continue }
            }
            best = (group, affinity, least)
        }
        return best?.group
    }

    /// Takes `ask.count` different instances of `group`, of which there are enough.
    private mutating func pick(_ ask: DeviceAsk, _ group: UInt32, _ share: UInt32, _ rows: Range<Int>) {
        let start = picks.count
        let near = ask.prefersOneNUMANode && ask.count > 1 ? numaNode(for: ask.count, group, share, rows) : nil
        while picks.count < start + ask.count {
            var best: Int?
            for index in rows where devices[index].group == group && free[index] >= share {
                if let near, devices[index].numa != near { continue }
                if let best, free[index] >= free[best] { continue }
                if picks[start...].contains(where: { $0.index == index }) { continue }
                best = index
            }
            guard let best else { return }
            free[best] -= share
            picks.append(Pick(index: best, share: share))
        }
    }

    /// The NUMA node with the fewest instances that are still enough; nil when none has enough.
    private func numaNode(for count: Int, _ group: UInt32, _ share: UInt32, _ rows: Range<Int>) -> UInt32? {
        let suited = rows.filter {
            devices[$0].group == group && free[$0] >= share && devices[$0].numa != DROVER_NONE
        }
        var best: (count: Int, numa: UInt32)?
        for index in suited {
            let numa = devices[index].numa
            let there = suited.count { devices[$0].numa == numa }
            guard there >= count else { continue }
            if let leader = best, leader <= (there, numa) { continue }
            best = (there, numa)
        }
        return best?.numa
    }
}
