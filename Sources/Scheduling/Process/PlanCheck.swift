import Basics
import Model
import StateStore

/// The verification of one plan.
struct PlanCheck {
    private(set) var plan: Plan
    private(set) var rejected: [NodeRow: String] = [:]
    private let snapshot: Snapshot
    private let reserved: [NodeRow: NodeLoadChange]
    /// What one instance of each batch asks for.
    private var asks: [ResourceVector] = []
    /// The changes of the plan as far as it is accepted, by node.
    private(set) var acceptedChanges: [NodeRow: NodeLoadChange] = [:]

    init(plan: Plan, snapshot: Snapshot, reserved: [NodeRow: NodeLoadChange]) {
        self.plan = plan
        self.snapshot = snapshot
        self.reserved = reserved
    }

    mutating func run() {
        dropStale()
        guard resolveAsks() else { return acceptedChanges = changes(leavingOut: []) }
        // Refusing a node may keep an allocation running that was to make room, so what is left is looked at again.
        var refused: Set<NodeRow> = []
        while true {
            let changes = changes(leavingOut: refused)
            let found = changes.compactMap { row, change in
                refused.contains(row) ? nil : reason(row, change).map { (row, $0) }
            }
            guard !found.isEmpty else {
                acceptedChanges = changes
                break
            }
            for (row, reason) in found {
                rejected[row] = reason
                refused.insert(row)
            }
            if plan.allAtOnce {
                refused.formUnion(plan.placements.flatMap(\.nodes))
            }
            dropStops(of: refused)
        }
        plan.placements = plan.placements.compactMap { Self.without(refused, $0) }
    }

    /// Leaves out stops and updates of allocations that are gone meanwhile.
    private mutating func dropStale() {
        plan.stops.removeAll { snapshot.allocationRow($0.id) == nil }
        plan.inPlaceUpdates.removeAll { snapshot.allocationRow($0)?.isTerminal ?? true }
    }

    /// Finds what the batches ask for; without a job to place for, all placements are refused.
    private mutating func resolveAsks() -> Bool {
        guard !plan.placements.isEmpty else { return false }
        let current = snapshot.jobRecord(plan.namespace, plan.jobID)?.current
        guard let current, !current.job.stop else {
            return refuseAll("job \"\(plan.jobID)\" was stopped meanwhile")
        }
        var shapes = current.groups
        if current.job.version != plan.jobVersion {
            guard let job = snapshot.job(plan.namespace, plan.jobID, version: plan.jobVersion) else {
                return refuseAll("version \(plan.jobVersion) of job \"\(plan.jobID)\" is not kept any more")
            }
            shapes = job.taskGroups.map(GroupShape.init)
        }
        for batch in plan.placements {
            guard let shape = shapes.first(where: { $0.name == batch.taskGroup }) else {
                return refuseAll("job \"\(plan.jobID)\" has no group \"\(batch.taskGroup)\"")
            }
            asks.append(shape.resources)
        }
        return true
    }

    private mutating func refuseAll(_ reason: String) -> Bool {
        for row in plan.placements.flatMap(\.nodes) { rejected[row] = reason }
        dropStops(of: Set(rejected.keys))
        plan.placements = []
        return false
    }

    // MARK: - Loads

    /// What the plan does to each node it touches, without placements on refused nodes.
    private func changes(leavingOut refused: Set<NodeRow>) -> [NodeRow: NodeLoadChange] {
        var changes: [NodeRow: NodeLoadChange] = [:]
        for stop in plan.stops where stop.desiredStatus != .run {
            guard let row = snapshot.allocationRow(stop.id), !row.isTerminal else { continue }
            changes[row.node, default: NodeLoadChange(holders: 1)].amounts -= snapshot.usage(of: row)
            changes[row.node, default: NodeLoadChange(holders: 1)].freedPorts += snapshot.ports(of: row)
        }
        for (index, batch) in plan.placements.enumerated() where index < asks.count {
            let ask = asks[index]
            let portCount = batch.portLabels.count
            for (position, row) in batch.nodes.enumerated() where !refused.contains(row) {
                let ports = batch.ports[(position * portCount)..<((position + 1) * portCount)]
                changes[row, default: NodeLoadChange(holders: 1)].place(ask, ports)
            }
        }
        return changes
    }

    /// Why the node cannot take the plan's placements; nil when it can, or gets none.
    private func reason(_ row: NodeRow, _ change: NodeLoadChange) -> String? {
        guard change.placed > 0 else { return nil }
        guard let record = snapshot.nodeRecord(row) else { return "node is not registered any more" }
        guard record.isReady else { return "node is not ready for placements" }
        var used = snapshot.nodeUsage(row)
        let held = reserved[row]
        if let held { used += held.amounts }
        if let short = NodeCapacity(record.capacity).exhaustedDimension(used: used, ask: Self.positive(change.amounts))
        {
            return "\(short.label) exhausted"
        }
        return portCollision(row, change, held).map { "port \($0) is taken" }
    }

    /// A plan that frees more than it takes always fits.
    private static func positive(_ amounts: ResourceVector) -> ResourceVector {
        var positive = amounts
        positive.cpu = max(0, amounts.cpu)
        positive.cores = max(0, amounts.cores)
        positive.memory = max(0, amounts.memory)
        positive.memoryMax = max(0, amounts.memoryMax)
        positive.disk = max(0, amounts.disk)
        positive.network = max(0, amounts.network)
        return positive
    }

    private func portCollision(_ row: NodeRow, _ change: NodeLoadChange, _ held: NodeLoadChange?) -> UInt16? {
        guard !change.ports.isEmpty else { return nil }
        var taken: [UInt16: Int] = [:]
        for port in snapshot.usedPorts(row) + (held?.ports ?? []) { taken[port, default: 0] += 1 }
        for port in change.freedPorts + (held?.freedPorts ?? []) { taken[port, default: 0] -= 1 }
        let shared = sharedPorts
        for port in change.ports where !shared.contains(port) {
            if taken[port, default: 0] > 0 { return port }
            taken[port] = 1
        }
        return nil
    }

    /// Reserved ports of the job that may be held more than once on a node.
    private var sharedPorts: Set<UInt16> {
        guard let job = snapshot.jobRecord(plan.namespace, plan.jobID)?.current?.job else { return [] }
        return Set(
            job.taskGroups.flatMap { GroupPorts($0).reserved }.filter(\.ignoreCollision)
                .compactMap { UInt16(exactly: $0.value) })
    }

    // MARK: - Dropping

    /// Keeps running what was to be replaced by placements that are refused; what is lost stays lost.
    private mutating func dropStops(of refused: Set<NodeRow>) {
        var spared: Set<ID> = []
        for batch in plan.placements where !batch.previous.isEmpty {
            for (position, row) in batch.nodes.enumerated()
            where refused.contains(row) && position < batch.previous.count {
                spared.insert(batch.previous[position])
            }
        }
        spared.remove(.none)
        guard !spared.isEmpty else { return }
        plan.stops.removeAll { spared.contains($0.id) && $0.clientStatus == nil }
    }

    /// The batch without placements on refused nodes; nil when none is left.
    private static func without(_ refused: Set<NodeRow>, _ batch: PlacementBatch) -> PlacementBatch? {
        guard !refused.isEmpty, batch.nodes.contains(where: refused.contains) else { return batch }
        var kept = batch
        let positions = batch.nodes.indices.filter { !refused.contains(batch.nodes[$0]) }
        guard !positions.isEmpty else { return nil }
        let portCount = batch.portLabels.count
        kept.ids = positions.map { batch.ids[$0] }
        kept.nodes = positions.map { batch.nodes[$0] }
        kept.nameIndexes = positions.map { batch.nameIndexes[$0] }
        kept.scores = positions.compactMap { $0 < batch.scores.count ? batch.scores[$0] : nil }
        kept.previous = positions.compactMap { $0 < batch.previous.count ? batch.previous[$0] : nil }
        if !batch.previous.isEmpty, kept.previous.count < positions.count {
            kept.previous += [ID](repeating: .none, count: positions.count - kept.previous.count)
        }
        kept.ports = positions.flatMap { batch.ports[($0 * portCount)..<(($0 + 1) * portCount)] }
        kept.rescheduleTrackers = [:]
        for (position, old) in positions.enumerated() {
            kept.rescheduleTrackers[position] = batch.rescheduleTrackers[old]
        }
        return kept
    }
}
