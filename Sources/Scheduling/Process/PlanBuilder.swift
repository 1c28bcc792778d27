import Basics
import CDroverABI
import Model
import StateStore

/// Makes the plan of an evaluation from a scheduler's answer.
struct PlanBuilder {
    private let prepared: PreparedEvaluation
    private let view: ClusterView
    private var usage: PlanUsage
    private var ports: PortAssigner
    private var hardware: HardwareAssigner
    private(set) var plan: Plan
    /// The answer's placements that became part of the plan, by the group's position in the problem.
    private var placed: [[AnswerReader.Placement]] = []
    /// Instances of each group that found no node, by the group's position in the problem.
    private(set) var unplaced: [[Int]] = []
    /// How the groups' placements were decided; nil where nothing of a group is missing.
    private(set) var metrics: [AllocationMetric?] = []

    init(_ prepared: PreparedEvaluation, view: ClusterView) {
        self.prepared = prepared
        self.view = view
        usage = PlanUsage(view: view, freed: prepared.problem?.freed ?? [:])
        ports = PortAssigner(
            snapshot: prepared.snapshot, view: view, seed: prepared.problem?.seed ?? 0,
            freed: prepared.problem?.freed ?? [:])
        hardware = HardwareAssigner(
            snapshot: prepared.snapshot, view: view, freed: prepared.problem?.freed ?? [:])
        plan = prepared.emptyPlan
        plan.allAtOnce = prepared.job?.allAtOnce ?? false
    }

    /// Takes the answer's placements into the plan.
    ///
    /// - Throws: when a placement does not fit its node, so that the answer as a whole is not to be trusted.
    mutating func add(
        _ answer: AnswerReader, duration: Duration, generator: inout some RandomNumberGenerator
    ) throws(PlacementFault) {
        guard let problem = prepared.problem else { return }
        let oversubscribesMemory =
            prepared.snapshot.schedulerConfiguration(nodePool: prepared.job?.nodePool ?? "")
            .memoryOversubscriptionEnabled
        var batches: [PlacementBatch] = []
        for (index, group) in problem.groups.enumerated() {
            var batch = PlacementBatch()
            batch.taskGroup = group.name
            batch.gang = group.gang
            batch.portLabels = group.ports.labels
            batch.oversubscribesMemory = oversubscribesMemory
            placed.append([])
            try add(answer.groups[index], of: group, at: index, to: &batch, generator: &generator)
            batches.append(batch)
        }
        try checkGangs(problem, answer)
        dropBrokenGangs(problem, &batches)
        for (index, group) in problem.groups.enumerated() {
            unplaced.append(Self.missing(group, placed[index]))
            let open = group.request.nodes.map { nodes in Set(unplaced[index].map { nodes[$0] }) }
            let explainer = PlacementExplainer(
                group: group, nodePool: prepared.job?.nodePool ?? "", view: view, usage: usage, hardware: hardware,
                tally: answer.tally, openNodes: open)
            let scores = answer.groups[index].scores
            let isShort = !unplaced[index].isEmpty || prepared.quotaCut?.shortfalls[group.name] != nil
            let metric =
                isShort ? explainer.metric(scores: scores, failed: unplaced[index].count, duration: duration) : nil
            metrics.append(metric)
            guard !batches[index].ids.isEmpty else { continue }
            batches[index].metricJSON =
                metric?.terseBytes ?? explainer.metricJSON(scores: scores, duration: duration)
            plan.placements.append(batches[index])
        }
        keepWhatIsNotReplaced(problem)
    }

    /// Takes the answer's placements of one group into its batch.
    private mutating func add(
        _ answer: AnswerReader.Group, of group: ProblemGroup, at index: Int, to batch: inout PlacementBatch,
        generator: inout some RandomNumberGenerator
    ) throws(PlacementFault) {
        reserve(answer.placements.count, in: &batch)
        var victims = answer.victims
        for placement in answer.placements {
            let evicted = victims.removeValue(forKey: placement.ordinal) ?? []
            try evict(evicted, for: placement, of: group)
            let devices = answer.devices[placement.ordinal] ?? []
            if try add(placement, of: group, devices, to: &batch, generator: &generator) {
                placed[index].append(placement)
                if let id = batch.ids.last { stop(evicted, for: id) }
            } else {
                spare(evicted)
            }
        }
        guard victims.isEmpty else {
            throw PlacementFault("allocations are evicted for instances of group \(group.name) that are not placed")
        }
    }

    // MARK: - Gangs

    private func checkGangs(_ problem: PlacementProblem, _ answer: AnswerReader) throws(PlacementFault) {
        guard problem.hasGangs else { return }
        let missing = zip(problem.groups, answer.groups).map { Self.missing($0, $1.placements) }
        let broken = Set(zip(problem.groups, missing).filter { !$1.isEmpty }.map(\.0.gang))
        let partial = zip(problem.groups, answer.groups).first { group, given in
            group.gang != 0 && !given.placements.isEmpty && broken.contains(group.gang)
        }
        guard let (group, _) = partial else { return }
        throw PlacementFault("the answer places only some of the gang of group \(group.name)")
    }

    /// Leaves out gangs of which an instance was left out, with what was to be evicted for them.
    private mutating func dropBrokenGangs(_ problem: PlacementProblem, _ batches: inout [PlacementBatch]) {
        guard problem.hasGangs else { return }
        let missing = zip(problem.groups, placed).map { Self.missing($0, $1) }
        let broken = Set(zip(problem.groups, missing).filter { $0.gang != 0 && !$1.isEmpty }.map(\.0.gang))
        for (index, group) in problem.groups.enumerated() where broken.contains(group.gang) {
            let batch = batches[index]
            for (position, row) in batch.nodes.enumerated() {
                if let amounts = view.record(row)?.counted(group.ask) { usage.release(amounts, on: row) }
                if let held = batch.hardware[position] { hardware.release(held, on: row) }
            }
            let ids = Set(batch.ids)
            let spared = Set(plan.stops.filter { ids.contains($0.preemptedBy) }.map(\.id))
            plan.stops.removeAll { spared.contains($0.id) }
            let candidates = problem.candidates.rows
            spare(candidates.indices.filter { spared.contains(candidates[$0].id) })
            batches[index] = batch.keeping([])
            placed[index] = []
        }
    }

    /// Makes the room that evicted candidates leave.
    private mutating func evict(
        _ numbers: [Int], for placement: AnswerReader.Placement, of group: ProblemGroup
    ) throws(PlacementFault) {
        guard let candidates = prepared.problem?.candidates else { return }
        for number in numbers {
            let victim = candidates.rows[number]
            guard victim.node == placement.node else {
                throw PlacementFault(
                    "instance \(placement.ordinal) of group \(group.name) evicts allocation \(victim.id) of another node"
                )
            }
            usage.release(prepared.snapshot.usage(of: victim), on: victim.node)
            ports.release(prepared.snapshot.ports(of: victim), on: victim.node)
            if let held = prepared.snapshot.hardware(of: victim) { hardware.release(held, on: victim.node) }
        }
    }

    /// Takes back the room of candidates that are not evicted after all.
    private mutating func spare(_ numbers: [Int]) {
        guard let candidates = prepared.problem?.candidates else { return }
        for victim in numbers.map({ candidates.rows[$0] }) {
            _ = usage.keep(prepared.snapshot.usage(of: victim), on: victim.node)
            ports.hold(prepared.snapshot.ports(of: victim), on: victim.node)
            if let held = prepared.snapshot.hardware(of: victim) { hardware.hold(held, on: victim.node) }
        }
    }

    private mutating func stop(_ numbers: [Int], for id: ID) {
        guard let candidates = prepared.problem?.candidates else { return }
        plan.stops += numbers.map { number in
            PlannedStop(
                id: candidates.rows[number].id, desiredStatus: .evict, description: "Preempted by alloc ID \(id)",
                preemptedBy: id)
        }
    }

    private func reserve(_ count: Int, in batch: inout PlacementBatch) {
        batch.ids.reserveCapacity(count)
        batch.nodes.reserveCapacity(count)
        batch.nameIndexes.reserveCapacity(count)
        batch.scores.reserveCapacity(count)
        batch.ports.reserveCapacity(count * batch.portLabels.count)
    }

    /// Adds a placement to the batch; false when the node's free cores are not of one NUMA node as the group requires: no
    /// scheduler is told of those, so the instance is left out.
    private mutating func add(
        _ placement: AnswerReader.Placement, of group: ProblemGroup, _ devices: [AnswerReader.Assignment],
        to batch: inout PlacementBatch, generator: inout some RandomNumberGenerator
    ) throws(PlacementFault) -> Bool {
        let node = placement.node
        var given: AssignedHardware?
        if group.asksForHardware {
            do {
                given = try hardware.assign(group.definition, group.devices, chosen: devices, on: node)
            } catch HardwareShortage.coresTogether {
                return false
            } catch {
                throw PlacementFault(
                    "instance \(placement.ordinal) of group \(group.name) finds no devices or cores on node \(node)")
            }
        }
        if let short = usage.add(group.ask, to: node) {
            throw PlacementFault(
                "instance \(placement.ordinal) of group \(group.name) does not fit node \(node): \(short.label) exhausted"
            )
        }
        if let port = ports.heldPort(of: group.ports, on: node) {
            throw PlacementFault(
                "instance \(placement.ordinal) of group \(group.name) takes port \(port) of node \(node), which is held"
            )
        }
        guard let assigned = ports.assign(group.ports, on: node) else {
            throw PlacementFault("instance \(placement.ordinal) of group \(group.name) finds no port on node \(node)")
        }
        let position = batch.ids.count
        batch.hardware[position] = given
        batch.ids.append(ID(random: &generator))
        batch.nodes.append(node)
        batch.scores.append(Float(placement.score) / Float(DROVER_SCORE_ONE))
        batch.ports += assigned
        guard group.request.nodes == nil else {
            batch.nameIndexes.append(0)
            setPrevious(group.request.previousByNode[node] ?? .none, at: position, in: &batch)
            return true
        }
        let instance = group.request.instances[placement.ordinal]
        batch.nameIndexes.append(instance.nameIndex)
        setPrevious(instance.previous, at: position, in: &batch)
        if let tracker = instance.tracker { batch.rescheduleTrackers[position] = tracker }
        return true
    }

    /// Fills the column of replaced allocations once one is replaced.
    private func setPrevious(_ previous: ID, at position: Int, in batch: inout PlacementBatch) {
        if previous.isNone && batch.previous.isEmpty { return }
        while batch.previous.count < position { batch.previous.append(.none) }
        batch.previous.append(previous)
    }

    /// Ordinals, or for system jobs positions among the nodes, that got no placement.
    private static func missing(_ group: ProblemGroup, _ placements: [AnswerReader.Placement]) -> [Int] {
        if let nodes = group.request.nodes {
            let placed = Set(placements.map(\.node))
            // A node that does not suit the group is none the job waits for.
            return nodes.indices.filter {
                !placed.contains(nodes[$0]) && group.feasibility.feasible.contains(nodes[$0])
            }
        }
        guard placements.count < group.request.count else { return [] }
        let placed = Set(placements.map(\.ordinal))
        return (0..<group.request.count).filter { !placed.contains($0) }
    }

    // MARK: - Stops

    /// Leaves running what was to be replaced and found no new place, where its node still has room for it.
    private mutating func keepWhatIsNotReplaced(_ problem: PlacementProblem) {
        guard !plan.stops.isEmpty else { return }
        var kept: Set<ID> = []
        let conditional = prepared.reconciliation.conditionalStops
        for (index, group) in problem.groups.enumerated() {
            for position in unplaced[index] {
                let (previous, node) = replaced(group, position)
                guard let previous, let node, conditional.contains(previous) else { continue }
                guard let row = prepared.snapshot.allocationRow(previous), keep(row, on: node) else { continue }
                kept.insert(previous)
            }
        }
        plan.stops.removeAll { kept.contains($0.id) }
    }

    /// Whether what an allocation holds can stay with it, and is held then; one that has ended holds nothing.
    private mutating func keep(_ row: AllocationRow, on node: NodeRow) -> Bool {
        guard !row.isTerminal else { return true }
        guard !ports.hasGivenOut(prepared.snapshot.ports(of: row), on: node) else { return false }
        let held = prepared.snapshot.hardware(of: row)
        if let held, !hardware.keep(held, on: node) { return false }
        if usage.keep(prepared.snapshot.usage(of: row), on: node) { return true }
        if let held { hardware.release(held, on: node) }
        return false
    }

    private func replaced(_ group: ProblemGroup, _ position: Int) -> (ID?, NodeRow?) {
        if let nodes = group.request.nodes { return (group.request.previousByNode[nodes[position]], nodes[position]) }
        let instance = group.request.instances[position]
        return (instance.previous.isNone ? nil : instance.previous, instance.previousNode)
    }
}

extension Reconciliation {
    /// Allocations that are stopped only for the sake of their replacement. A failed one waits for it with its history.
    var conditionalStops: Set<ID> {
        let reasons = [StopReason.updating, StopReason.migrating, StopReason.rescheduled]
        return Set(stops.lazy.filter { reasons.contains($0.description) }.map(\.id))
    }
}
