import CDroverABI
import CKernels

/// Places the instances of one task group, each on the best node of all.
///
/// Every node is scored once. Nodes lie in heaps by what changes for many nodes at once: the combination of their spread
/// values, and the number of parts their score is the mean of. Within a heap the order never changes but for the node
/// just placed on, so an instance costs a look at each heap's top and one heap update: O(N + k (heaps + log N)).
///
/// Scores are compared as integers: the sum of a node's parts in 1/65,536, plus its spread term, times 60, divided by the
/// number of parts (1 to 6, so the division is exact). Equal scores go by a hash of seed and node key.
struct GroupPlacer<Strategy: Scoring> {
    private(set) var state: GroupState
    private(set) var strategy: Strategy
    let workspace: Workspace
    private let deviceAsks: [DeviceAsk]
    /// Whether device affinity is a part of the score.
    private let hasDeviceAffinity: Bool
    /// Nodes by what room there costs; nil when nothing may be evicted.
    var preemption: PreemptionQueue?
    private var spreads: [SpreadState]
    /// With this group's placements counted, for the next group that shares them.
    private(set) var limits: [LimitState]
    private var spreadWeight: Int64
    private var heaps: [RankedHeap<Candidate>] = []
    /// Key of each combination of spread values, by number.
    private var combinationValues: [[Int]] = [[]]

    /// Parts besides spread: fit, anti-affinity, penalty, affinity, device affinity.
    private static var partsMax: Int { 5 }

    init(
        group: GroupAsk, columns: ClusterColumns, workspace: Workspace, strategy: Strategy, limits: [LimitState]
    ) {
        state = GroupState(group: group, columns: columns, workspace: workspace)
        self.strategy = strategy
        self.workspace = workspace
        self.limits = limits
        deviceAsks = group.deviceAsks(groupCount: columns.view.pointee.device_group_count)
        hasDeviceAffinity = deviceAsks.contains(where: \.hasAffinity)
        spreads = (0..<group.spreadCount).map { group.spread($0) }
        spreadWeight = max(1, spreads.reduce(0) { $0 + $1.weight })
        prepareFit()
        prepareSameJob()
        prepareDevicesAndVictims()
        prepareCombinations()
    }

    /// Frees the heaps' memory; the placer is not used afterwards.
    mutating func release() {
        for bucket in heaps.indices { heaps[bucket].release() }
        heaps.removeAll()
        preemption?.release()
    }

    /// Places up to `count` instances; the rest is reported as a failure.
    mutating func place(into answer: inout Answer) throws(SchedulerFault) -> Int {
        let group = state.group
        try strategy.scoreAll(state, into: workspace.base)
        mask()
        reportScores(into: &answer)
        return group.isEachNode ? try placeEachNode(into: &answer) : try placeCount(into: &answer)
    }

    // MARK: - Preparation

    private func prepareFit() {
        let fit = workspace.fit
        fit.pointee.spread = state.group.algorithm == UInt32(DROVER_ALGORITHM_SPREAD) ? 1 : 0
        fit.pointee.feasible = state.group.feasible
        let amounts = UnsafeRawBufferPointer(start: state.group.amounts, count: Int(CK_DIMENSIONS_MAX) * 8)
        withUnsafeMutableBytes(of: &fit.pointee.ask) { $0.copyMemory(from: amounts) }
    }

    private func prepareSameJob() {
        if let column = state.group.sameJob {
            workspace.sameJob.update(from: column, count: state.columns.count)
        } else {
            workspace.sameJob.update(repeating: 0, count: state.columns.count)
        }
    }

    private mutating func prepareDevicesAndVictims() {
        let mayEvict = workspace.victims.count > 0
        if mayEvict || !deviceAsks.isEmpty || strategy.choosesDevices { workspace.devices.load(state.columns) }
        guard mayEvict else { return }
        workspace.victims.index(nodeCount: state.columns.count)
        preemption = PreemptionQueue(
            search: VictimSearch(
                group: state.group, deviceAsks: deviceAsks, workspace: workspace, keys: state.columns.keys))
    }

    /// Numbers the combinations of spread values that occur, and each node's.
    private mutating func prepareCombinations() {
        guard !spreads.isEmpty else { return }
        combinationValues = []
        var numbers: [Int: Int] = [:]
        for row in 0..<state.columns.count {
            var key = 0
            for spread in spreads { key = key &* (spread.valueCount + 1) &+ spread.value(of: row) }
            if let number = numbers[key] {
                workspace.combinations[row] = UInt32(number)
            } else {
                workspace.combinations[row] = UInt32(combinationValues.count)
                numbers[key] = combinationValues.count
                combinationValues.append(spreads.map { $0.value(of: row) })
            }
        }
        refreshSpreadTerms()
    }

    private mutating func refreshSpreadTerms() {
        guard !spreads.isEmpty else { return }
        let boosts = spreads.map { $0.boosts() }
        state.spreadTerms = combinationValues.map { values in
            var term: Int64 = 0
            for (number, value) in values.enumerated() {
                term += boosts[number][value] * spreads[number].weight / spreadWeight
            }
            return Int32(truncatingIfNeeded: term)
        }
    }

    /// Takes out nodes at a limit, without ports or devices, or where a static port is taken.
    private func mask() {
        let group = state.group
        let base = workspace.base
        if group.maxPerNode > 0 || group.dynamicPortCount > 0 || !limits.isEmpty {
            for row in 0..<state.columns.count where base[row] != unfitScore && !isAllowed(row) {
                base[row] = unfitScore
            }
        }
        if group.staticPortCount > 0 { maskPorts() }
        guard !deviceAsks.isEmpty else { return }
        for row in 0..<state.columns.count where base[row] != unfitScore {
            base[row] = withDevices(row, base: base[row])
        }
    }

    /// Static ports that this batch's own instances, or victims not yet evicted, hold.
    private func maskPorts() {
        let group = state.group
        for taken in workspace.portsTaken where group.needs(port: taken.port) {
            for row in 0..<state.columns.count where taken.nodes[row >> 6] >> UInt64(row & 63) & 1 != 0 {
                workspace.base[row] = unfitScore
            }
        }
        let victims = workspace.victims
        for number in 0..<victims.count where victims.holdsPort(of: group, number) && !victims.isEvicted(number) {
            let row = Int(victims[number].pointee.node)
            if row < state.columns.count { workspace.base[row] = unfitScore }
        }
    }

    /// `base` if the node has the devices for one more instance; notes what device affinity adds.
    private func withDevices(_ row: Int, base: Int32) -> Int32 {
        guard workspace.hasDevices(deviceAsks, on: row) else { return unfitScore }
        workspace.deviceScores[row] = workspace.devices.affinity
        return base
    }

    /// Limits and dynamic ports; the kernel has looked at everything else.
    @inline(__always)
    func isAllowed(_ row: Int) -> Bool {
        let group = state.group
        if group.maxPerNode > 0 && workspace.sameJob[row] >= group.maxPerNode { return false }
        if group.dynamicPortCount > 0 && workspace.freePorts[row] < group.dynamicPortCount { return false }
        for limit in limits where !limit.allows(row) { return false }
        return true
    }

    // MARK: - Scores

    /// Parts of a node's score but spread: their sum in 1/65,536, and how many count.
    @inline(__always)
    func parts(_ row: Int, base: Int32) -> (sum: Int32, count: Int) {
        guard !strategy.isWholeScore else { return (base, 1) }
        var sum = Int64(base)
        var count = 1
        let anti = antiAffinity(row)
        if anti != 0 {
            sum += anti
            count += 1
        }
        if let penalty = state.group.penalty, drover_bit(penalty, UInt32(row)) != 0 {
            sum -= Int64(CK_SCORE_ONE)
            count += 1
        }
        if let affinity = state.group.affinity?[row], affinity != 0 {
            sum += Int64(affinity)
            count += 1
        }
        if hasDeviceAffinity {
            sum += Int64(workspace.deviceScores[row])
            count += 1
        }
        return (Int32(truncatingIfNeeded: sum), count)
    }

    /// The more instances of the job and group are on the node, relative to the count wanted, the worse.
    @inline(__always)
    func antiAffinity(_ row: Int) -> Int64 {
        let collisions = Int64(workspace.sameJob[row])
        guard collisions > 0 else { return 0 }
        return max(-64 * Int64(CK_SCORE_ONE), -Int64(CK_SCORE_ONE) * (collisions + 1) / state.group.desiredCount)
    }

    /// The mean of the parts times 60, an exact integer.
    @inline(__always)
    func scaled(_ sum: Int32, _ count: Int, _ term: Int32) -> Int64 {
        (Int64(sum) + Int64(term)) * 60 / Int64(term == 0 ? count : count + 1)
    }

    static func rounded(_ scaled: Int64) -> Int32 {
        Int32(truncatingIfNeeded: (scaled >= 0 ? scaled + 30 : scaled - 30) / 60)
    }

    func term(_ row: Int) -> Int32 { strategy.isWholeScore ? 0 : state.spread(row) }

    /// The score of a placement on `row`.
    func finalScore(_ row: Int, base: Int32) -> Int32 {
        let (sum, count) = parts(row, base: base)
        return Self.rounded(scaled(sum, count, term(row)))
    }

    /// The base score of `row` as it is now, ``unfitScore`` without devices for one more.
    mutating func score(_ row: Int) throws(SchedulerFault) -> Int32 {
        let base = try strategy.scoreOne(state, row)
        return base == unfitScore || deviceAsks.isEmpty ? base : withDevices(row, base: base)
    }

    // MARK: - Counted instances

    private mutating func placeCount(into answer: inout Answer) throws(SchedulerFault) -> Int {
        let group = state.group
        fillHeaps()
        var placed = 0
        var open: [Int]?
        if group.priorNodes != nil { open = try placeOnPriorNodes(into: &answer) }
        let wanted = open?.count ?? group.count
        for position in 0..<wanted {
            let ordinal = open?[position] ?? position
            if let best = takeBest() {
                try settle(ordinal, on: best.row, score: best.score, into: &answer)
            } else if try !placeByEviction(ordinal, into: &answer) {
                break
            }
            placed += 1
        }
        if let open { placed += group.count - open.count - pinnedFailures }
        return group.count - placed
    }

    /// Ordinals that must be on their prior node and could not.
    private var pinnedFailures = 0

    private mutating func fillHeaps() {
        let bucketCount = state.spreadTerms.count * Self.partsMax
        heaps = [RankedHeap<Candidate>](repeating: RankedHeap<Candidate>(), count: bucketCount)
        for row in 0..<state.columns.count {
            let base = workspace.base[row]
            guard base != unfitScore else { continue }
            workspace.stamps[row] = 0
            let (bucket, candidate) = entry(row, base: base)
            heaps[bucket].append(candidate)
        }
        for bucket in heaps.indices { heaps[bucket].heapify() }
    }

    @inline(__always)
    private func entry(_ row: Int, base: Int32) -> (bucket: Int, candidate: Candidate) {
        let (sum, count) = parts(row, base: base)
        let combination = spreads.isEmpty ? 0 : Int(workspace.combinations[row])
        let candidate = Candidate(
            sum: sum, tie: state.group.tie(state.columns.keys[row]), row: UInt32(row), stamp: workspace.stamps[row])
        return (combination * Self.partsMax + count - 1, candidate)
    }

    /// The best node that still holds an instance; nil when there is none.
    private mutating func takeBest() -> (row: Int, score: Int32)? {
        var best: Candidate?
        var bestScore = Int64.min
        for bucket in heaps.indices {
            dropStale(bucket)
            guard heaps[bucket].count > 0 else { continue }
            let candidate = heaps[bucket].top
            let term = strategy.isWholeScore ? 0 : state.spreadTerms[bucket / Self.partsMax]
            let score = scaled(candidate.sum, bucket % Self.partsMax + 1, term)
            if let leader = best {
                guard score > bestScore || score == bestScore && candidate.isTiedBefore(leader) else { continue }
            }
            best = candidate
            bestScore = score
        }
        guard let best else { return nil }
        return (Int(best.row), Self.rounded(bestScore))
    }

    /// Removes entries from the top that are outdated or have come to a limit, which never opens again.
    @inline(__always)
    private mutating func dropStale(_ bucket: Int) {
        while heaps[bucket].count > 0 {
            let top = heaps[bucket].top
            if top.stamp == workspace.stamps[Int(top.row)], limits.isEmpty || isAllowed(Int(top.row)) { return }
            heaps[bucket].removeTop()
        }
    }

    /// Places an instance on `row`, and gives the node its new place among the candidates.
    mutating func settle(
        _ ordinal: Int, on row: Int, score finalScore: Int32, into answer: inout Answer
    ) throws(SchedulerFault) {
        occupy(row, ordinal, finalScore, into: &answer)
        workspace.stamps[row] &+= 1
        workspace.base[row] = unfitScore
        guard !state.group.isEachNode else { return }
        if strategy.dependsOnOthers { return try rescoreAll() }
        guard state.group.staticPortCount == 0, isAllowed(row) else { return }
        let base = try score(row)
        guard base != unfitScore else { return }
        workspace.base[row] = base
        let (bucket, candidate) = entry(row, base: base)
        heaps[bucket].push(candidate)
    }

    private mutating func rescoreAll() throws(SchedulerFault) {
        try strategy.scoreAll(state, into: workspace.base)
        mask()
        release()
        fillHeaps()
    }

    /// Takes the instance's resources, ports, devices and shares of limits and spreads, and records it.
    private mutating func occupy(_ row: Int, _ ordinal: Int, _ score: Int32, into answer: inout Answer) {
        let group = state.group
        record(ordinal, row, score, into: &answer)
        workspace.occupy(group.amounts, on: row)
        workspace.sameJob[row] &+= 1
        workspace.freePorts[row] &-= min(workspace.freePorts[row], group.dynamicPortCount)
        for number in limits.indices { limits[number].add(row) }
        for port in 0..<group.staticPortCount { workspace.takePort(group.staticPorts?[port] ?? 0, row) }
        guard !spreads.isEmpty else { return }
        for number in spreads.indices { spreads[number].add(spreads[number].value(of: row)) }
        refreshSpreadTerms()
    }

    /// Writes the placement, and the device instances taken for it in the order of the asks.
    private mutating func record(_ ordinal: Int, _ row: Int, _ score: Int32, into answer: inout Answer) {
        let (problem, group) = (UInt32(state.group.problem), UInt32(state.group.index))
        answer.placements.append(
            drover_placement(
                kind: UInt32(DROVER_RECORD_PLACEMENT), size: UInt32(MemoryLayout<drover_placement>.size),
                problem: problem, group: group, ordinal: UInt32(ordinal), node: UInt32(row), score: score, reserved: 0))
        guard !deviceAsks.isEmpty, takeDevices(row) else { return }
        for pick in workspace.devices.picks {
            answer.assignments.append(
                drover_assignment(
                    kind: UInt32(DROVER_RECORD_ASSIGNMENT), size: UInt32(MemoryLayout<drover_assignment>.size),
                    problem: problem, group: group, ordinal: UInt32(ordinal), what: UInt32(DROVER_ASSIGN_DEVICE),
                    index: UInt32(pick.index), share_milli: pick.share))
        }
    }

    /// Takes the devices that the strategy chooses, or else those that leave least over.
    private mutating func takeDevices(_ row: Int) -> Bool {
        guard let chosen = strategy.devices(state, row) else { return workspace.devices.take(deviceAsks, on: row) }
        workspace.devices.take(chosen)
        return true
    }

    // MARK: - Prior nodes

    /// Puts ordinals back on the node they had where it fits; returns those still to be placed anywhere.
    private mutating func placeOnPriorNodes(into answer: inout Answer) throws(SchedulerFault) -> [Int] {
        let group = state.group
        var open: [Int] = []
        pinnedFailures = 0
        for ordinal in 0..<group.count {
            let prior = group.priorNodes?[ordinal] ?? DROVER_NONE
            guard prior < UInt32(state.columns.count) else {
                open.append(ordinal)
                continue
            }
            let row = Int(prior)
            if workspace.base[row] != unfitScore, isAllowed(row) {
                try settle(ordinal, on: row, score: finalScore(row, base: workspace.base[row]), into: &answer)
            } else if group.raw.pointee.prior_movable != 0 {
                open.append(ordinal)
            } else if try !placeByEviction(ordinal, on: row, into: &answer) {
                pinnedFailures += 1
            }
        }
        return open
    }

    // MARK: - One instance a node

    private mutating func placeEachNode(into answer: inout Answer) throws(SchedulerFault) -> Int {
        var ordinal = 0
        for row in 0..<state.columns.count {
            let base = workspace.base[row]
            if base != unfitScore, isAllowed(row) {
                try settle(ordinal, on: row, score: finalScore(row, base: base), into: &answer)
                ordinal += 1
            } else if try placeByEviction(ordinal, on: row, into: &answer) {
                ordinal += 1
            }
        }
        return 0
    }
}
