import Basics
import CDroverABI
import Model
import StateStore

/// What a problem says beyond what is to be placed.
struct ProblemOptions: OptionSet {
    let rawValue: Int

    /// Allocations of lower priority are offered for eviction.
    static let mayPreempt = ProblemOptions(rawValue: 1)
    /// The score of every node is wanted.
    static let wantsEveryScore = ProblemOptions(rawValue: 2)
}

/// Turns the reconciler's decisions into a `drover_problem_batch`.
final class ProblemBuilder {
    let job: Job
    let evaluation: Evaluation
    let snapshot: Snapshot
    let view: ClusterView
    let block: ProblemBlock
    let seed: UInt64
    /// The job's allocations that stay, for anti-affinity, spreads and limits.
    private let live: [AllocationRow]
    private let stopped: Set<ID>
    private let freed: [NodeRow: FreedResources]
    private var limits: LimitColumns
    private let neighbours: NeighbourLabels

    init(
        job: Job, evaluation: Evaluation, reconciliation: Reconciliation, rows: [AllocationRow], snapshot: Snapshot,
        view: ClusterView, block: ProblemBlock, seed: UInt64, neighbours: NeighbourLabels
    ) {
        self.job = job
        self.evaluation = evaluation
        self.snapshot = snapshot
        self.view = view
        self.block = block
        self.seed = seed
        self.neighbours = neighbours
        let stopped = Set(reconciliation.stops.lazy.filter { $0.desiredStatus != .run }.map(\.id))
        self.stopped = stopped
        live = rows.filter { !$0.isTerminal && !stopped.contains($0.id) }
        var freed: [NodeRow: FreedResources] = [:]
        for row in rows where !row.isTerminal && stopped.contains(row.id) {
            freed[row.node, default: FreedResources()].add(row, of: snapshot)
        }
        self.freed = freed
        limits = LimitColumns(job: job, view: view, live: live)
    }

    /// Builds the block; `feasibility` answers by the group's position.
    func build(
        _ requests: [GroupRequest], options: ProblemOptions, feasibility: (Int) -> GroupFeasibility
    ) -> PlacementProblem {
        begin(requests.count, options)
        let candidates =
            options.contains(.mayPreempt)
            ? candidates(on: requests.map { feasibility($0.group).feasible }, for: requests.map(\.group))
            : PreemptionCandidates()
        var groups: [ProblemGroup] = []
        for (index, request) in requests.enumerated() {
            let group = problemGroup(request, feasibility(request.group), candidates)
            block.setGroup(index, ask(group, candidates))
            groups.append(group)
        }
        block.setDeltas(deltas())
        block.setDeviceDeltas(deviceDeltas())
        block.setCandidates(candidates.raw(snapshot, view, in: block))
        block.finish()
        return PlacementProblem(groups: groups, freed: freed, seed: seed, candidates: candidates)
    }

    private func candidates(on sets: [NodeBitmap], for positions: [Int]) -> PreemptionCandidates {
        let nodes = sets.reduce(into: NodeBitmap(limit: view.nodeLimit)) { $0.formUnion($1) }
        var need = PreemptionCandidates.Need()
        for group in positions.map({ job.taskGroups[$0] }) { need.add(group) }
        return PreemptionCandidates(on: nodes, priority: evaluation.priority, need: need, snapshot: snapshot) {
            stopped.contains($0.id)
        }
    }

    private func begin(_ count: Int, _ options: ProblemOptions) {
        let configuration = snapshot.schedulerConfiguration(nodePool: job.nodePool)
        let choice = configuration.choice(type: job.type, nodePool: job.nodePool)
        let spreads = choice.algorithm == "spread"
        block.begin(groupCount: count) { problem in
            problem.kind = Self.kind(job.type)
            problem.algorithm = UInt32(spreads ? DROVER_ALGORITHM_SPREAD : DROVER_ALGORITHM_BINPACK)
            problem.flags = UInt32(DROVER_WANT_SCORES)
            if options.contains(.wantsEveryScore) { problem.flags |= UInt32(DROVER_WANT_EVERY_SCORE) }
            problem.seed = seed
            problem.priority = UInt32(clamping: max(1, evaluation.priority))
        }
    }

    private static func kind(_ type: JobType) -> UInt32 {
        switch type {
        case .batch: UInt32(DROVER_KIND_BATCH)
        case .system: UInt32(DROVER_KIND_SYSTEM)
        case .sysbatch: UInt32(DROVER_KIND_SYSBATCH)
        default: UInt32(DROVER_KIND_SERVICE)
        }
    }

    private func deltas() -> [drover_usage_delta] {
        freed.sorted { $0.key < $1.key }.map { row, freed in
            var delta = drover_usage_delta()
            delta.size = UInt32(MemoryLayout<drover_usage_delta>.size)
            delta.node = row
            withUnsafeMutableBytes(of: &delta.delta) { bytes in
                for dimension in ResourceDimension.allCases {
                    bytes.storeBytes(
                        of: -freed.amounts[dimension], toByteOffset: dimension.rawValue * 8, as: Int64.self)
                }
            }
            return delta
        }
    }

    /// Shares of devices that the plan's own stops give back.
    private func deviceDeltas() -> [drover_device_share] {
        freed.sorted { $0.key < $1.key }.flatMap { row, freed in
            freed.hardware.flatMap { view.devices.shares(of: $0, on: row) }
        }
    }

    // MARK: - Groups

    private func problemGroup(
        _ request: GroupRequest, _ feasibility: GroupFeasibility, _ candidates: PreemptionCandidates
    ) -> ProblemGroup {
        let group = job.taskGroups[request.group]
        let ports = GroupPorts(group)
        var allowed = feasibility.feasible
        if let nodes = request.nodes {
            allowed = NodeBitmap(limit: view.nodeLimit)
            for row in nodes where feasibility.feasible.contains(row) { allowed.insert(row) }
        }
        let collisions = removePortCollisions(ports, candidates, from: &allowed)
        return ProblemGroup(
            request: request, definition: group, gang: job.gangNumber(request.group), ports: ports,
            devices: GroupDevices(group, view: view), feasibility: feasibility, allowed: allowed,
            portCollisions: collisions, limits: limits.limits(of: request.group))
    }

    /// Takes out nodes on which a static port is taken by others, unless by candidates for eviction.
    private func removePortCollisions(
        _ ports: GroupPorts, _ candidates: PreemptionCandidates, from allowed: inout NodeBitmap
    ) -> [String: Int] {
        var collisions: [String: Int] = [:]
        guard !ports.exclusive.isEmpty else { return collisions }
        for row in 0..<NodeRow(view.nodeLimit) where allowed.contains(row) {
            let used = snapshot.usedPorts(row)
            guard !used.isEmpty else { continue }
            let free = (freed[row]?.ports ?? []) + candidates.ports(on: row)
            for port in ports.reserved where !port.ignoreCollision {
                guard let number = UInt16(exactly: port.value) else { continue }
                let holders = used.count { $0 == number } - free.count { $0 == number }
                guard holders > 0 else { continue }
                allowed.remove(row)
                collisions["network: reserved port collision \(port.label)=\(port.value)", default: 0] += 1
                break
            }
        }
        return collisions
    }

    private func ask(_ problem: ProblemGroup, _ candidates: PreemptionCandidates) -> drover_group_ask {
        let group = problem.definition
        var ask = drover_group_ask()
        ask.size = UInt32(MemoryLayout<drover_group_ask>.size)
        ask.mode = UInt32(problem.request.nodes == nil ? DROVER_MODE_COUNT : DROVER_MODE_EACH_NODE)
        ask.count = UInt32(problem.request.count)
        withUnsafeMutableBytes(of: &ask.ask) { bytes in
            for dimension in ResourceDimension.allCases {
                bytes.storeBytes(of: problem.ask[dimension], toByteOffset: dimension.rawValue * 8, as: Int64.self)
            }
        }
        ask.feasible = block.append(problem.allowed.words)
        ask.desired_count = UInt32(problem.desiredCount)
        ask.gang = problem.gang
        addPorts(problem.ports, to: &ask)
        if !problem.devices.isEmpty {
            ask.devices = block.append(problem.devices.raw(in: block))
            ask.device_count = UInt32(problem.devices.asks.count)
        }
        addSiblings(group, problem, to: &ask)
        addAffinity(group, to: &ask)
        addSpreads(group, problem, to: &ask)
        addHistory(group, problem, to: &ask)
        addLimits(problem, roomByNode(problem, candidates), to: &ask)
        return ask
    }

    private func addLimits(_ problem: ProblemGroup, _ roomByNode: [UInt32]?, to ask: inout drover_group_ask) {
        var limits = problem.limits.filter { !$0.isPerNode }
        if let perNode = problem.limits.first(where: \.isPerNode) { ask.max_per_node = perNode.max }
        if let roomByNode { limits.append(.room(roomByNode, group: problem.request.group)) }
        guard !limits.isEmpty else { return }
        ask.limits = block.append(limits.map { $0.raw(in: block) })
        ask.limit_count = UInt32(limits.count)
    }

    /// How many instances find their cores on one NUMA node each, by node, candidates for eviction not counted; nil when the
    /// group does not require that. Schedulers know the number of a node's cores only.
    private func roomByNode(_ problem: ProblemGroup, _ candidates: PreemptionCandidates) -> [UInt32]? {
        let group = problem.definition
        guard group.requiresCoresTogether else { return nil }
        var hardware = HardwareAssigner(snapshot: snapshot, view: view, freed: freed)
        for row in candidates.rows {
            if let held = snapshot.hardware(of: row) { hardware.release(held, on: row.node) }
        }
        let most = problem.request.nodes == nil ? problem.request.count : 1
        return (0..<NodeRow(view.nodeLimit)).map { row in
            problem.allowed.contains(row) ? UInt32(hardware.instancesTogether(group, on: row, limit: most)) : 0
        }
    }

    private func addPorts(_ ports: GroupPorts, to ask: inout drover_group_ask) {
        ask.dynamic_port_count = UInt32(ports.dynamic.count)
        let exclusive = ports.exclusive.map(UInt32.init)
        guard !exclusive.isEmpty else { return }
        ask.static_ports = block.append(exclusive)
        ask.static_port_count = UInt32(exclusive.count)
    }

    /// How many instances of the group each node has.
    private func addSiblings(_ group: TaskGroup, _ problem: ProblemGroup, to ask: inout drover_group_ask) {
        let siblings = live.filter { $0.taskGroup == group.name }
        guard !siblings.isEmpty else { return }
        var counts = [UInt32](repeating: 0, count: view.nodeLimit)
        for row in siblings where Int(row.node) < counts.count { counts[Int(row.node)] += 1 }
        ask.same_job = block.append(counts)
    }

    private func addAffinity(_ group: TaskGroup, to ask: inout drover_group_ask) {
        let affinities = job.affinities + group.affinities + group.tasks.flatMap(\.affinities)
        guard !affinities.isEmpty else { return }
        ask.affinity = block.append(AffinityColumn.scores(affinities, view: view, neighbours: neighbours))
    }

    private func addSpreads(_ group: TaskGroup, _ problem: ProblemGroup, to ask: inout drover_group_ask) {
        let spreads = (job.spreads + group.spreads).filter { ($0.weight ?? 50) > 0 }
        guard !spreads.isEmpty else { return }
        let siblings = live.filter { $0.taskGroup == group.name }
        let columns = spreads.map {
            SpreadColumn($0, desiredCount: problem.desiredCount, siblings: siblings, view: view).raw(in: block)
        }
        ask.spreads = block.append(columns)
        ask.spread_count = UInt32(columns.count)
    }

    /// Nodes to avoid because an instance failed there, and nodes to return to because its data is there.
    private func addHistory(_ group: TaskGroup, _ problem: ProblemGroup, to ask: inout drover_group_ask) {
        var penalty: NodeBitmap?
        for instance in problem.request.instances where instance.avoidsPreviousNode {
            var nodes = instance.tracker?.events.compactMap { snapshot.nodeRow($0.prevNodeID) } ?? []
            if let previous = instance.previousNode { nodes.append(previous) }
            for node in nodes { penalty = penalty.inserting(node, limit: view.nodeLimit) }
        }
        if let penalty { ask.penalty = block.append(penalty.words) }
        guard group.ephemeralDisk?.sticky ?? false else { return }
        let priors = problem.request.instances.map { $0.avoidsPreviousNode ? nil : $0.previousNode }
        guard priors.contains(where: { $0 != nil }) else { return }
        ask.prior_nodes = block.append(priors.map { $0 ?? DROVER_NONE })
        ask.prior_movable = 1
    }
}

extension Optional where Wrapped == NodeBitmap {
    fileprivate func inserting(_ row: NodeRow, limit: Int) -> NodeBitmap {
        var bitmap = self ?? NodeBitmap(limit: limit)
        if Int(row) < limit { bitmap.insert(row) }
        return bitmap
    }
}
