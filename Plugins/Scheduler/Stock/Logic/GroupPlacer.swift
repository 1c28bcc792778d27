import CDroverABI
import CKernels

/// Places the instances of one task group, each on the best node of all.
///
/// Every node is scored once and put on a ``CandidateBoard``; an instance costs a look at the board's lanes and a heap
/// update or two: O(N + k (lanes + log N)). A single instance needs no board: it goes to the first of the best nodes.
///
/// Scores are compared as integers: the sum of a node's parts in 1/65,536, plus its spread term, times 60, divided by
/// the number of parts (1 to 6, so the division is exact). Equal scores go by a hash of seed and node key.
struct GroupPlacer<Strategy: Scoring> {
    private(set) var state: GroupState
    var strategy: Strategy
    let workspace: Workspace
    let deviceAsks: [DeviceAsk]
    /// Whether device affinity is a part of the score.
    let hasDeviceAffinity: Bool
    /// Nodes by what room there costs; nil when nothing may be evicted.
    var preemption: PreemptionQueue?
    private(set) var admission: Admission
    private var board: CandidateBoard?

    init(
        group: GroupAsk, columns: ClusterColumns, workspace: Workspace, strategy: Strategy, limits: [LimitState]
    ) {
        state = GroupState(group: group, columns: columns, workspace: workspace)
        self.strategy = strategy
        self.workspace = workspace
        admission = Admission(group: group, workspace: workspace, limits: limits)
        deviceAsks = group.deviceAsks(groupCount: columns.view.pointee.device_group_count)
        hasDeviceAffinity = deviceAsks.contains(where: \.hasAffinity)
        prepareFit()
        prepareSameJob()
        prepareDevicesAndVictims()
    }

    /// Frees the heaps' memory; the placer is not used afterwards.
    mutating func release() {
        board?.release()
        preemption?.release()
    }

    /// Places up to `count` instances; the rest is reported as a failure.
    mutating func place(into answer: inout Answer) throws(SchedulerFault) -> Int {
        let group = state.group
        try strategy.scoreAll(state, into: workspace.base)
        mask()
        reportScores(into: &answer)
        if group.isEachNode { return try placeEachNode(into: &answer) }
        let isSingle = group.count == 1 && group.priorNodes == nil
        return isSingle ? try placeSingle(into: &answer) : try placeCount(into: &answer)
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

    // MARK: - Counted instances

    private mutating func placeSingle(into answer: inout Answer) throws(SchedulerFault) -> Int {
        guard let best = bestNodes(max: 1).first else { return try placeByEviction(0, into: &answer) ? 0 : 1 }
        occupy(best.row, 0, best.final, into: &answer)
        return 0
    }

    private mutating func placeCount(into answer: inout Answer) throws(SchedulerFault) -> Int {
        let group = state.group
        fillBoard()
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

    private mutating func fillBoard() {
        let terms = strategy.isWholeScore ? SpreadTerms([]) : state.spreads
        var board = CandidateBoard(nodeCount: state.columns.count, terms: terms, workspace: workspace)
        for row in 0..<state.columns.count {
            workspace.stamps[row] = 0
            let base = workspace.base[row]
            guard base != unfitScore else { continue }
            let (candidate, count) = entry(row, base: base)
            board.append(candidate, parts: count)
        }
        board.arrange()
        self.board = board
    }

    /// The best node that still holds an instance; nil when there is none.
    private mutating func takeBest() -> (row: Int, score: Int32)? {
        let terms = strategy.isWholeScore ? SpreadTerms([]) : state.spreads
        guard let best = board?.best(terms, admission) else { return nil }
        return (Int(best.candidate.row), Self.rounded(best.score))
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
        guard state.group.staticPortCount == 0, admission.allows(row) else { return }
        let base = try score(row)
        guard base != unfitScore else { return }
        workspace.base[row] = base
        let (candidate, count) = entry(row, base: base)
        board?.push(candidate, parts: count)
    }

    private mutating func rescoreAll() throws(SchedulerFault) {
        try strategy.scoreAll(state, into: workspace.base)
        mask()
        board?.release()
        fillBoard()
    }

    /// Takes the instance's resources, ports, devices and shares of limits and spreads, and records it.
    private mutating func occupy(_ row: Int, _ ordinal: Int, _ score: Int32, into answer: inout Answer) {
        let group = state.group
        record(ordinal, row, score, into: &answer)
        workspace.occupy(group.amounts, on: row)
        admission.add(row)
        for port in 0..<group.staticPortCount { workspace.takePort(group.staticPorts?[port] ?? 0, row) }
        guard group.spreadCount > 0 else { return }
        state.spreads.add(row)
        if !strategy.isWholeScore { board?.update(after: row, state.spreads) }
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
            if workspace.base[row] != unfitScore, admission.allows(row) {
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
            if base != unfitScore, admission.allows(row) {
                try settle(ordinal, on: row, score: finalScore(row, base: base), into: &answer)
                ordinal += 1
            } else if try placeByEviction(ordinal, on: row, into: &answer) {
                ordinal += 1
            }
        }
        return 0
    }
}
