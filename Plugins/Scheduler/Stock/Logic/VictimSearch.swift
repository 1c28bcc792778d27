import CDroverABI
import CKernels

/// Finds the victims whose eviction makes room for one instance on a node, at the lowest cost it can.
///
/// Holders of a static port that the instance needs must go. Then, while something is missing, the victim of the lowest
/// priority that frees some of it goes; of several that whose resources are closest to what is missing. Whoever proves
/// superfluous in the end is spared, the most important first. (The rules are those of the Nomad docs on preemption.)
struct VictimSearch {
    private let group: GroupAsk
    private let deviceAsks: [DeviceAsk]
    private let deviceMilli: Int64
    private let workspace: Workspace
    private let keys: UnsafePointer<UInt64>
    private let dimensionCount: Int
    private var missing: [Missing] = []
    /// Numbers of the victims found last.
    private(set) var victims: [Int] = []

    /// What an instance lacks on the node at hand: of a dimension, or of devices in thousandths.
    private struct Missing {
        let dimension: Int?
        let amount: Int64
    }

    /// How often over what is missing counts at most, in thousandths, so that distances can be added.
    private static let gapMax: Int64 = 1_000_000
    /// The distance of a victim that frees nothing of one thing missing; squares of thousandths.
    private static let distanceOne: Int64 = 1_000_000

    init(group: GroupAsk, deviceAsks: [DeviceAsk], workspace: Workspace, keys: UnsafePointer<UInt64>) {
        self.group = group
        self.deviceAsks = deviceAsks
        self.workspace = workspace
        self.keys = keys
        dimensionCount = Int(workspace.fit.pointee.dimensions)
        deviceMilli = max(1, deviceAsks.reduce(0) { $0 + $1.milliMax })
    }

    /// The cost of making room on `row`, the victims being in ``victims``; nil when that is impossible or needless.
    mutating func search(_ row: Int) -> EvictionCost? {
        victims.removeAll(keepingCapacity: true)
        let numbers = workspace.victims.numbers(of: row)
        guard !numbers.isEmpty, canSuffice(row, numbers) else { return nil }
        defer { for number in victims { workspace.change(victim: number, isFreed: false) } }
        guard let mandatory = evictPortHolders(numbers) else { return nil }
        while isShort(row) {
            guard let next = closest(numbers) else { return nil }
            workspace.change(victim: next, isFreed: true)
            victims.append(next)
        }
        guard !victims.isEmpty else { return nil }
        spareSuperfluous(row, from: mandatory)
        return cost(row)
    }

    // MARK: - Steps

    /// Whether the node would have the resources if all its victims went: most that cannot are found out here.
    private func canSuffice(_ row: Int, _ numbers: Range<Int>) -> Bool {
        let table = workspace.victims
        for dimension in 0..<dimensionCount {
            var missing = workspace.missing(of: dimension, for: group.amounts, on: row)
            for number in numbers {
                if missing <= 0 { break }
                if table.isOpen(number) { missing &-= max(0, table.resources(of: number)[dimension]) }
            }
            if missing > 0 { return false }
        }
        return true
    }

    /// Evicts the holders of ports that the instance needs; how many, or nil when one of them may not be evicted.
    private mutating func evictPortHolders(_ numbers: Range<Int>) -> Int? {
        guard group.staticPortCount > 0 else { return 0 }
        for number in numbers where workspace.victims.holdsPort(of: group, number) {
            if workspace.victims.isEvicted(number) { continue }
            guard workspace.victims.isOpen(number) else { return nil }
            workspace.change(victim: number, isFreed: true)
            victims.append(number)
        }
        return victims.count
    }

    /// Whether something is missing; what and how much, is in ``missing``.
    private mutating func isShort(_ row: Int) -> Bool {
        missing.removeAll(keepingCapacity: true)
        for dimension in 0..<dimensionCount {
            let amount = workspace.missing(of: dimension, for: group.amounts, on: row)
            if amount > 0 { missing.append(Missing(dimension: dimension, amount: amount)) }
        }
        if !workspace.hasDevices(deviceAsks, on: row) { missing.append(Missing(dimension: nil, amount: deviceMilli)) }
        return !missing.isEmpty
    }

    /// Of the victims that free something missing, one of the lowest priority and closest to it.
    private func closest(_ numbers: Range<Int>) -> Int? {
        let table = workspace.victims
        var best: (number: Int, priority: UInt32, distance: Int64)?
        for number in numbers where table.isOpen(number) && !victims.contains(number) {
            let priority = table[number].pointee.priority
            if let best, priority > best.priority { break }
            guard let distance = distance(number), distance < best?.distance ?? .max else { continue }
            best = (number, priority, distance)
        }
        return best?.number
    }

    /// How far what the victim frees is from what is missing; nil when it frees nothing of it.
    private func distance(_ number: Int) -> Int64? {
        let resources = workspace.victims.resources(of: number)
        var distance = Self.distanceOne / 4 * burden(of: number)
        var isUseful = false
        for missing in missing {
            let freed = missing.dimension.map { resources[$0] } ?? deviceMilli(of: number)
            isUseful = isUseful || freed > 0
            let gap = min(Self.gapMax, abs((missing.amount &- freed) &* 1_000 / missing.amount))
            distance += gap * gap
        }
        return isUseful ? distance : nil
    }

    /// Evictions of the victim's job, those of this search included.
    private func burden(of number: Int) -> Int64 {
        let table = workspace.victims
        let job = table[number].pointee.job
        return table.burden(of: number) + Int64(victims.count { table[$0].pointee.job == job })
    }

    /// What the victim holds of devices that some ask could use, in thousandths.
    private func deviceMilli(of number: Int) -> Int64 {
        workspace.victims.devices(of: number).reduce(0) { sum, share in
            guard let group = workspace.devices.group(of: Int(share.index)),
                deviceAsks.contains(where: { $0.share(of: group) != nil })
            else { return sum }
            return sum + Int64(share.share_milli)
        }
    }

    /// Spares whom the instance does not need to go, the last found first.
    private mutating func spareSuperfluous(_ row: Int, from mandatory: Int) {
        for position in (mandatory..<victims.count).reversed() {
            workspace.change(victim: victims[position], isFreed: false)
            if isShort(row) {
                workspace.change(victim: victims[position], isFreed: true)
            } else {
                victims.remove(at: position)
            }
        }
    }

    private func cost(_ row: Int) -> EvictionCost? {
        let score = ck_score_one(workspace.fit, UInt32(row))
        guard score != unfitScore else { return nil }
        let table = workspace.victims
        var cost = EvictionCost(
            priorityMax: 0, victimCount: UInt32(victims.count), prioritySum: 0, score: score,
            tie: group.tie(keys[row]), row: UInt32(row))
        for (position, number) in victims.enumerated() {
            let victim = table[number].pointee
            let alike = victims[..<position].count { table[$0].pointee.job == victim.job }
            let burden = table.burden(of: number) + Int64(alike)
            cost.priorityMax = max(cost.priorityMax, victim.priority)
            cost.prioritySum += Int64(victim.priority) + EvictionCost.burdenPriority * burden
        }
        return cost
    }
}
