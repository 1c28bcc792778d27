import Basics
import CDroverABI
import Model
import StateStore

/// Puts together how a group's placements were decided: what was looked at, what was left out and why.
struct PlacementExplainer {
    let group: ProblemGroup
    let view: ClusterView
    /// The cluster after the plan's placements.
    let usage: PlanUsage
    /// Its devices and cores, likewise.
    let hardware: HardwareAssigner
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
        metric.nodePool = ""
        metric.nodesAvailable = feasibility.available
        metric.classFiltered = feasibility.classFiltered
        metric.constraintFiltered = feasibility.filtered
        metric.allocationTime = duration
        metric.scoreMetaData = scores.map(meta)
        if failed > 0 {
            metric.coalescedFailures = failed - 1
            countExhausted(&metric)
        }
        return metric
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
                metric.constraintFiltered[openLabel, default: 0] += 1
                continue
            }
            metric.nodesExhausted += 1
            metric.dimensionExhausted[label, default: 0] += 1
            let name = view.record(row)?.node.nodeClass ?? ""
            if !name.isEmpty { metric.classExhausted[name, default: 0] += 1 }
        }
    }

    /// Why a node with room was not used: its gang found no place as a whole, or a limit on the job's own allocations.
    private var openLabel: String {
        group.gang == 0 ? ConstraintOperator.distinctHosts.rawValue : "gang: not all of it finds a place"
    }

    /// What the node lacks for one more instance; nil when only a limit on the job's own allocations keeps it away.
    private func shortage(_ row: NodeRow) -> String? {
        if let dimension = usage.exhausted(group.ask, row) { return dimension.label }
        if view.freePortColumn[Int(row)] < UInt32(group.ports.dynamic.count) {
            return "network: dynamic port selection failed"
        }
        if group.definition.requiresCoresTogether, hardware.instancesTogether(group.definition, on: row, limit: 1) == 0
        {
            return HardwareShortage.coresTogetherLabel
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
