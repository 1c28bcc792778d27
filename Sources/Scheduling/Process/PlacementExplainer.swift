import Basics
import CDroverABI
import Model
import StateStore

/// Puts together how a group's placements were decided: what was looked at, what was left out and why.
struct PlacementExplainer {
    let group: ProblemGroup
    /// The job's.
    let nodePool: String
    let view: ClusterView
    /// The cluster after the plan's placements.
    let usage: PlanUsage
    /// Its devices and cores, likewise.
    let hardware: HardwareAssigner
    /// The placements, held against the job's limits.
    let tally: LimitTally
    /// For system jobs: the wanted nodes that got nothing.
    let openNodes: Set<NodeRow>?

    /// The group's metric: `scores` are the best nodes for the first instance, as the scheduler reported them; with any
    /// `failed` instances, the nodes short of something are counted.
    func metric(scores: [drover_score], failed: Int, duration: Duration) -> AllocationMetric {
        let feasibility = group.feasibility
        var metric = AllocationMetric()
        metric.nodesEvaluated = feasibility.evaluated
        metric.nodesFiltered = feasibility.filtered.values.reduce(0, +)
        metric.nodesInPool = feasibility.nodesInPool
        metric.nodePool = nodePool.isEmpty ? "default" : nodePool
        metric.nodesAvailable = feasibility.available
        metric.classFiltered = feasibility.classFiltered
        metric.constraintFiltered = feasibility.filtered
        metric.allocationTime = duration
        metric.scoreMetaData = scores.map(meta)
        if failed > 0 {
            metric.coalescedFailures = failed - 1
            countExhausted(&metric)
            metric.resourcesExhausted = asked(by: failed, metric.dimensionExhausted)
        }
        return metric
    }

    /// ``metric(scores:failed:duration:)`` of a group of which nothing is missing, as ``PlacementBatch/metricJSON`` has it.
    ///
    /// Every placement of a job brings one, so it is written as it goes, to the same bytes: dictionaries of scores that are made,
    /// sorted and written cost more than the rest of the plan.
    func metricJSON(scores: [drover_score], duration: Duration) -> [UInt8] {
        let feasibility = group.feasibility
        var writer = JSONWriter(capacity: 256 + 224 * scores.count, isTerse: true)
        writer.beginObject()
        writer.member("NodesEvaluated", feasibility.evaluated)
        writer.member("NodesFiltered", feasibility.filtered.values.reduce(0, +))
        writer.member("NodesInPool", feasibility.nodesInPool)
        writer.member("NodePool", nodePool.isEmpty ? "default" : nodePool)
        writer.member("NodesAvailable", feasibility.available)
        writer.member("ClassFiltered", feasibility.classFiltered)
        writer.member("ConstraintFiltered", feasibility.filtered)
        writer.member("AllocationTime", duration)
        if !scores.isEmpty {
            writer.key("ScoreMetaData")
            writer.beginArray()
            for score in scores { score.write(nodeID: view.record(score.node)?.node.id ?? .none, to: &writer) }
            writer.endArray()
        }
        writer.endObject()
        return writer.bytes
    }

    /// What the missing instances ask for, by task, of the amounts that nodes are short of: what has to be added to a cluster.
    private func asked(by instances: Int, _ exhausted: [String: Int]) -> [String: Resources] {
        let isShort = [ResourceDimension.cpu, .memory].map { exhausted[$0.label] ?? 0 > 0 }
        guard isShort.contains(true) else { return [:] }
        let tasks = group.definition.tasks.map { task in
            var sum = Resources()
            (sum.cpu, sum.cores, sum.memoryMB, sum.memoryMaxMB, sum.diskMB) = (0, 0, 0, 0, 0)
            if isShort[0] { sum.cpu = instances * (task.resources?.cpu ?? 0) }
            if isShort[1] { sum.memoryMB = instances * (task.resources?.memoryMB ?? 0) }
            return (task.name, sum)
        }
        return Dictionary(tasks) { first, _ in first }
    }

    private func countExhausted(_ metric: inout AllocationMetric) {
        for (label, count) in group.portCollisions {
            metric.dimensionExhausted[label] = count
            metric.nodesExhausted += count
        }
        for row in 0..<NodeRow(view.nodeLimit)
        where group.allowed.contains(row) && openNodes?.contains(row) ?? true {
            guard let label = shortage(row) else {
                metric.nodesFiltered += 1
                metric.constraintFiltered[openLabel(row), default: 0] += 1
                continue
            }
            metric.nodesExhausted += 1
            metric.dimensionExhausted[label, default: 0] += 1
            let name = view.record(row)?.node.nodeClass ?? ""
            if !name.isEmpty { metric.classExhausted[name, default: 0] += 1 }
        }
    }

    /// Why a node with room was not used: a limit on the job's own allocations, its gang found no place as a whole, or the
    /// scheduler's own choice.
    private func openLabel(_ row: NodeRow) -> String {
        if let limit = tally.exceeded(group.limits, on: row) { return limit.label }
        return group.gang == 0 ? "not chosen by the scheduler" : "gang: not all of it finds a place"
    }

    /// What the node lacks for one more instance; nil when it is not for lack of room that it was not used.
    private func shortage(_ row: NodeRow) -> String? {
        if let dimension = usage.exhausted(group.ask, row) { return dimension.label }
        if view.freePortColumn[Int(row)] < UInt32(group.ports.dynamic.count) {
            return "network: dynamic port selection failed"
        }
        if group.asksForHardware, let short = hardware.shortage(of: group.definition, group.devices, on: row) {
            return short.label
        }
        return group.ports.exclusive.isEmpty ? nil : "network: reserved port collision"
    }

    private func meta(_ score: drover_score) -> NodeScoreMeta {
        var meta = NodeScoreMeta()
        meta.nodeID = view.record(score.node)?.node.id ?? .none
        meta.normScore = drover_score.value(score.final_score)
        meta.scores = score.parts
        return meta
    }
}

extension JSONWriter {
    /// A field of a terse document whose default is zero.
    fileprivate mutating func member(_ name: StaticString, _ value: some JSONForm) {
        guard !value.isZero else { return }
        key(name)
        value.write(to: &self)
    }
}
