import CDroverABI
import CKernels

/// Places the instances of one task group, each on the best node of all.
///
/// Every node is scored once. Nodes lie in heaps by what changes for many nodes at once: the combination of their spread
/// values, and the number of parts their score is the mean of. Within a heap the order never changes but for the node
/// just placed on, so an instance costs a look at each heap's top and one heap update: O(N + k (heaps + log N)).
///
/// Scores are compared as integers: the sum of a node's parts in 1/65,536, plus its spread term, times 60, divided by the
/// number of parts (1 to 5, so the division is exact). Equal scores go by a hash of seed and node key.
struct GroupPlacer<Strategy: Scoring> {
    private var state: GroupState
    private var strategy: Strategy
    private let workspace: Workspace
    private var spreads: [SpreadState]
    /// With this group's placements counted, for the next group that shares them.
    private(set) var limits: [LimitState]
    private var spreadWeight: Int64
    private var heaps: [CandidateHeap] = []
    /// Key of each combination of spread values, by number.
    private var combinationValues: [[Int]] = [[]]

    /// Parts besides spread: fit, anti-affinity, penalty, affinity.
    private static var partsMax: Int { 4 }

    init(
        group: GroupAsk, columns: ClusterColumns, workspace: Workspace, strategy: Strategy, limits: [LimitState]
    ) {
        state = GroupState(group: group, columns: columns, workspace: workspace)
        self.strategy = strategy
        self.workspace = workspace
        self.limits = limits
        spreads = (0..<group.spreadCount).map { group.spread($0) }
        spreadWeight = max(1, spreads.reduce(0) { $0 + $1.weight })
        prepareFit()
        prepareSameJob()
        prepareCombinations()
    }

    /// Frees the heaps' memory; the placer is not used afterwards.
    mutating func release() {
        for bucket in heaps.indices { heaps[bucket].release() }
        heaps.removeAll()
    }

    /// Places up to `count` instances; the rest is reported as a failure.
    mutating func place(into answer: inout Answer) throws(SchedulerFault) -> Int {
        let group = state.group
        try strategy.scoreAll(state, into: workspace.base)
        mask()
        if group.wantsScores { reportScores(into: &answer) }
        return group.isEachNode ? placeEachNode(into: &answer) : try placeCount(into: &answer)
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

    /// Takes out nodes at a limit, without ports, or where this batch took a static port.
    private func mask() {
        let group = state.group
        let base = workspace.base
        if group.maxPerNode > 0 || group.dynamicPortCount > 0 || !limits.isEmpty {
            for row in 0..<state.columns.count where base[row] != unfitScore && !isAllowed(row) {
                base[row] = unfitScore
            }
        }
        for port in 0..<group.staticPortCount {
            guard let taken = workspace.portsTaken.first(where: { $0.port == group.staticPorts?[port] }) else {
                continue
            }
            for row in 0..<state.columns.count where taken.nodes[row >> 6] >> UInt64(row & 63) & 1 != 0 {
                base[row] = unfitScore
            }
        }
    }

    /// Limits and dynamic ports; the kernel has looked at everything else.
    @inline(__always)
    private func isAllowed(_ row: Int) -> Bool {
        let group = state.group
        if group.maxPerNode > 0 && workspace.sameJob[row] >= group.maxPerNode { return false }
        if group.dynamicPortCount > 0 && workspace.freePorts[row] < group.dynamicPortCount { return false }
        for limit in limits where !limit.allows(row) { return false }
        return true
    }

    // MARK: - Scores

    /// Parts of a node's score but spread: their sum in 1/65,536, and how many count.
    @inline(__always)
    private func parts(_ row: Int, base: Int32) -> (sum: Int32, count: Int) {
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
        return (Int32(truncatingIfNeeded: sum), count)
    }

    /// The more instances of the job and group are on the node, relative to the count wanted, the worse.
    @inline(__always)
    private func antiAffinity(_ row: Int) -> Int64 {
        let collisions = Int64(workspace.sameJob[row])
        guard collisions > 0 else { return 0 }
        return max(-64 * Int64(CK_SCORE_ONE), -Int64(CK_SCORE_ONE) * (collisions + 1) / state.group.desiredCount)
    }

    /// The mean of the parts times 60, an exact integer.
    @inline(__always)
    private func scaled(_ sum: Int32, _ count: Int, _ term: Int32) -> Int64 {
        (Int64(sum) + Int64(term)) * 60 / Int64(term == 0 ? count : count + 1)
    }

    private static func rounded(_ scaled: Int64) -> Int32 {
        Int32(truncatingIfNeeded: (scaled >= 0 ? scaled + 30 : scaled - 30) / 60)
    }

    private func term(_ row: Int) -> Int32 { strategy.isWholeScore ? 0 : state.spread(row) }

    // MARK: - Counted instances

    private mutating func placeCount(into answer: inout Answer) throws(SchedulerFault) -> Int {
        let group = state.group
        fillHeaps()
        var placed = 0
        var open: [Int]?
        if group.priorNodes != nil { open = try placeOnPriorNodes(into: &answer) }
        let wanted = open?.count ?? group.count
        for position in 0..<wanted {
            guard let best = takeBest() else { break }
            record(ordinal: open?[position] ?? position, row: best.row, score: best.score, into: &answer)
            try commit(best.row)
            placed += 1
        }
        if let open { placed += group.count - open.count - pinnedFailures }
        return group.count - placed
    }

    /// Ordinals that must be on their prior node and could not.
    private var pinnedFailures = 0

    private mutating func fillHeaps() {
        let bucketCount = state.spreadTerms.count * Self.partsMax
        heaps = [CandidateHeap](repeating: CandidateHeap(), count: bucketCount)
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

    /// Counts the instance on `row`, and gives the node its new place among the candidates.
    private mutating func commit(_ row: Int) throws(SchedulerFault) {
        occupy(row)
        workspace.stamps[row] &+= 1
        if strategy.dependsOnOthers { return try rescoreAll() }
        guard state.group.staticPortCount == 0, isAllowed(row) else { return }
        let base = try strategy.scoreOne(state, row)
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

    /// Takes the instance's resources, ports and shares of limits and spreads.
    private mutating func occupy(_ row: Int) {
        let group = state.group
        workspace.add(group.amounts, to: row, sign: 1, dimensions: state.columns.dimensions)
        workspace.sameJob[row] &+= 1
        workspace.freePorts[row] &-= min(workspace.freePorts[row], group.dynamicPortCount)
        for number in limits.indices { limits[number].add(row) }
        for port in 0..<group.staticPortCount {
            workspace.takePort(group.staticPorts?[port] ?? 0, row, state.columns.count)
        }
        guard !spreads.isEmpty else { return }
        for number in spreads.indices { spreads[number].add(spreads[number].value(of: row)) }
        refreshSpreadTerms()
    }

    private mutating func record(ordinal: Int, row: Int, score: Int32, into answer: inout Answer) {
        answer.placements.append(
            drover_placement(
                kind: UInt32(DROVER_RECORD_PLACEMENT), size: UInt32(MemoryLayout<drover_placement>.size),
                problem: UInt32(state.group.problem), group: UInt32(state.group.index), ordinal: UInt32(ordinal),
                node: UInt32(row), score: score, reserved: 0))
        strategy.place(state, ordinal: ordinal, row: row, into: &answer)
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
                let (sum, count) = parts(row, base: workspace.base[row])
                record(ordinal: ordinal, row: row, score: Self.rounded(scaled(sum, count, term(row))), into: &answer)
                workspace.base[row] = unfitScore
                try commit(row)
            } else if group.raw.pointee.prior_movable != 0 {
                open.append(ordinal)
            } else {
                pinnedFailures += 1
            }
        }
        return open
    }

    // MARK: - One instance a node

    private mutating func placeEachNode(into answer: inout Answer) -> Int {
        var ordinal = 0
        for row in 0..<state.columns.count where workspace.base[row] != unfitScore && isAllowed(row) {
            let (sum, count) = parts(row, base: workspace.base[row])
            record(ordinal: ordinal, row: row, score: Self.rounded(scaled(sum, count, term(row))), into: &answer)
            occupy(row)
            ordinal += 1
        }
        return 0
    }

    // MARK: - Explanation

    /// Writes the scores of the five best nodes for the group's first instance.
    private func reportScores(into answer: inout Answer) {
        var best: [(score: Int64, candidate: Candidate)] = []
        for row in 0..<state.columns.count {
            let base = workspace.base[row]
            guard base != unfitScore else { continue }
            let (sum, count) = parts(row, base: base)
            let score = scaled(sum, count, term(row))
            if best.count == 5, let last = best.last, score < last.score { continue }
            let tie = state.group.tie(state.columns.keys[row])
            let candidate = Candidate(sum: sum, tie: tie, row: UInt32(row), stamp: 0)
            let position = best.firstIndex {
                score > $0.score || score == $0.score && candidate.isTiedBefore($0.candidate)
            }
            best.insert((score, candidate), at: position ?? best.count)
            if best.count > 5 { best.removeLast() }
        }
        for entry in best { answer.scores.append(score(Int(entry.candidate.row), final: Self.rounded(entry.score))) }
    }

    private func score(_ row: Int, final: Int32) -> drover_score {
        let group = state.group
        let whole = strategy.isWholeScore
        let penalised = group.penalty.map { drover_bit($0, UInt32(row)) != 0 } ?? false
        return drover_score(
            kind: UInt32(DROVER_RECORD_SCORE), size: UInt32(MemoryLayout<drover_score>.size),
            problem: UInt32(group.problem), group: UInt32(group.index), ordinal: 0, node: UInt32(row),
            final_score: final, fit_score: workspace.base[row],
            anti_affinity: whole ? 0 : Int32(truncatingIfNeeded: antiAffinity(row)),
            penalty: whole || !penalised ? 0 : -Int32(CK_SCORE_ONE),
            affinity: whole ? 0 : group.affinity?[row] ?? 0, spread: term(row))
    }
}

extension Candidate {
    /// Whether this node goes before `other` of equal score.
    @inline(__always)
    func isTiedBefore(_ other: Candidate) -> Bool { tie != other.tie ? tie < other.tie : row < other.row }
}

extension Workspace {
    /// Notes that an instance of this batch holds static `port` on `row`.
    func takePort(_ port: UInt32, _ row: Int, _ count: Int) {
        let number =
            portsTaken.firstIndex { $0.port == port }
            ?? {
                portsTaken.append((port, [UInt64](repeating: 0, count: (count + 63) / 64)))
                return portsTaken.count - 1
            }()
        portsTaken[number].nodes[row >> 6] |= 1 << UInt64(row & 63)
    }
}
