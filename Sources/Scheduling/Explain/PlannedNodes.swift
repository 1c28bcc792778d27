import Model
import StateStore

/// What nodes hold once a plan that is not committed has been carried out; without a plan, as they are.
struct PlannedNodes {
    let usage: PlanUsage
    let hardware: HardwareAssigner
    private let snapshot: Snapshot
    private let view: ClusterView
    /// What the plan's stops and evictions give back, and what its placements take.
    private var freedPorts: [NodeRow: [UInt16]] = [:]
    private var takenPorts: [NodeRow: [UInt16]] = [:]

    init(_ plan: Plan?, of job: Job, snapshot: Snapshot, view: ClusterView) {
        (self.snapshot, self.view) = (snapshot, view)
        var freed: [NodeRow: FreedResources] = [:]
        for stop in plan?.stops ?? [] where stop.desiredStatus != .run {
            guard let row = snapshot.allocationRow(stop.id), !row.isTerminal else { continue }
            freed[row.node, default: FreedResources()].add(row, of: snapshot)
        }
        freedPorts = freed.mapValues(\.ports)
        var usage = PlanUsage(view: view, freed: freed)
        var hardware = HardwareAssigner(snapshot: snapshot, view: view, freed: freed)
        for batch in plan?.placements ?? [] {
            guard let ask = job.taskGroup(batch.taskGroup).map({ GroupShape($0).resources }) else { continue }
            let labels = batch.portLabels.count
            for (position, row) in batch.nodes.enumerated() {
                _ = usage.add(ask, to: row)
                if let held = batch.hardware[position] { hardware.hold(held, on: row) }
                takenPorts[row, default: []] += batch.ports[position * labels..<(position + 1) * labels]
            }
        }
        (self.usage, self.hardware) = (usage, hardware)
    }

    /// Ports that somebody holds, each as often as it is held.
    func usedPorts(_ row: NodeRow) -> [UInt16] {
        var used = snapshot.usedPorts(row) + (takenPorts[row] ?? [])
        for port in freedPorts[row] ?? [] {
            if let position = used.firstIndex(of: port) { used.remove(at: position) }
        }
        return used
    }

    /// Dynamic ports that are left; those that stops give back stay closed until the plan is committed.
    func freeDynamicPorts(_ row: NodeRow) -> Int {
        let range = view.portRange(row)
        let taken = Set(takenPorts[row] ?? []).filter { (range.first...max(range.first, range.last)).contains(Int($0)) }
        return Int(view.freePortColumn[Int(row)]) - taken.count
    }
}
