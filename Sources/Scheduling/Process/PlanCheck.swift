import Basics
import Model
import StateStore

/// The verification of one plan.
struct PlanCheck {
    private(set) var plan: Plan
    private(set) var rejected: [NodeRow: String] = [:]
    let snapshot: Snapshot
    private let reserved: [NodeRow: NodeLoadChange]
    /// What plans in flight take of each quota.
    let reservedQuotas: [String: QuotaLoadChange]
    /// What one instance of each batch asks for.
    private(set) var asks: [ResourceVector] = []
    /// The changes of the plan as far as it is accepted, by node.
    private(set) var acceptedChanges: [NodeRow: NodeLoadChange] = [:]
    /// The quota that has no room for all of the plan, or empty.
    private(set) var quotaLimitReached = ""
    /// What the plan as far as it is accepted does to its quota.
    private(set) var acceptedQuota: (name: String, change: QuotaLoadChange)?

    init(
        plan: Plan, snapshot: Snapshot, reserved: [NodeRow: NodeLoadChange],
        reservedQuotas: [String: QuotaLoadChange]
    ) {
        self.plan = plan
        self.snapshot = snapshot
        self.reserved = reserved
        self.reservedQuotas = reservedQuotas
    }

    mutating func run() {
        dropStale()
        guard resolveAsks() else { return acceptedChanges = changes(leavingOut: []) }
        var refused = nodesOfSparedVictims()
        dropGangs(on: refused)
        dropStops(of: refused)
        // Refusing a node may keep an allocation running that was to make room, so what is left is looked at again.
        while true {
            cutToQuota(besides: refused)
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
            dropGangs(on: refused)
            if plan.allAtOnce {
                refused.formUnion(plan.placements.flatMap(\.nodes))
            }
            dropStops(of: refused)
        }
        plan.placements = plan.placements.compactMap { Self.without(refused, $0) }
    }

    /// Leaves out stops and updates of allocations that are gone meanwhile.
    private mutating func dropStale() {
        plan.stops.removeAll { stop in
            guard let row = snapshot.allocationRow(stop.id) else { return true }
            // Ended by itself meanwhile: it was not evicted.
            return stop.desiredStatus == .evict && row.isTerminal
        }
        plan.inPlaceUpdates.removeAll { snapshot.allocationRow($0)?.isTerminal ?? true }
    }

    /// Nodes where the plan would evict what has come to matter as much as its own job since the plan was made, or what
    /// another plan in flight stops: that one has the room.
    private mutating func nodesOfSparedVictims() -> Set<NodeRow> {
        var nodes: Set<NodeRow> = []
        for stop in plan.stops where stop.desiredStatus == .evict {
            guard let row = snapshot.allocationRow(stop.id) else { continue }
            let held = snapshot.jobVersion(of: row).job.priority
            if held + PreemptionCandidates.priorityGap > plan.priority {
                rejected[row.node] = "allocation \(stop.id) of priority \(held) must not be evicted"
            } else if reserved[row.node]?.stops.contains(stop.id) ?? false {
                rejected[row.node] = "allocation \(stop.id) is stopped by another plan"
            } else {
                continue
            }
            nodes.insert(row.node)
        }
        return nodes
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
            changes[row.node, default: NodeLoadChange(holders: 1)].stops.append(stop.id)
        }
        for (index, batch) in plan.placements.enumerated() where index < asks.count {
            let ask = asks[index]
            let portCount = batch.portLabels.count
            for (position, row) in batch.nodes.enumerated() where !refused.contains(row) {
                let ports = batch.ports[(position * portCount)..<((position + 1) * portCount)]
                let counted = ask.cores == 0 ? ask : snapshot.nodeRecord(row)?.counted(ask) ?? ask
                changes[row, default: NodeLoadChange(holders: 1)].place(counted, ports)
                if let hardware = batch.hardware[position] {
                    changes[row, default: NodeLoadChange(holders: 1)].hardware.append(hardware)
                }
            }
        }
        return changes
    }

    /// Why the node cannot take the plan's placements; nil when it can, or gets none.
    private func reason(_ row: NodeRow, _ change: NodeLoadChange) -> String? {
        guard change.placed > 0 else { return nil }
        guard let record = snapshot.nodeRecord(row) else { return "node is not registered any more" }
        guard record.isReady else { return "node is not ready for placements" }
        let held = reserved[row] ?? NodeLoadChange()
        let freedByOthers = freed(by: Set(held.stops))
        var freed = freed(by: Set(change.stops).subtracting(held.stops))
        var (used, ask) = (snapshot.nodeUsage(row), change.amounts)
        used += held.amounts
        used -= freedByOthers.amounts
        ask -= freed.amounts
        if let short = NodeCapacity(record.capacity).exhaustedDimension(used: used, ask: Self.positive(ask)) {
            return "\(short.label) exhausted"
        }
        freed.ports += freedByOthers.ports
        if let port = portCollision(row, change, held, freed.ports) { return "port \(port) is taken" }
        guard !change.hardware.isEmpty else { return nil }
        return HardwareCheck(node: record.node, load: snapshot.hardwareLoad(row)).reason(
            change, held: held, freed: freed.hardware + freedByOthers.hardware)
    }

    /// What stops give back of what the snapshot counts as used: nothing for allocations that have ended meanwhile.
    private func freed(by stops: Set<ID>) -> FreedResources {
        var freed = FreedResources()
        for id in stops {
            guard let row = snapshot.allocationRow(id), !row.isTerminal else { continue }
            freed.add(row, of: snapshot)
        }
        return freed
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

    private func portCollision(
        _ row: NodeRow, _ change: NodeLoadChange, _ held: NodeLoadChange, _ freed: [UInt16]
    ) -> UInt16? {
        guard !change.ports.isEmpty else { return nil }
        var taken: [UInt16: Int] = [:]
        for port in snapshot.usedPorts(row) + held.ports { taken[port, default: 0] += 1 }
        for port in freed { taken[port, default: 0] -= 1 }
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

    /// Takes placements off the plan's end until the quota has room for the rest.
    private mutating func cutToQuota(besides refused: Set<NodeRow>) {
        guard let check = QuotaCheck(self, besides: refused) else { return }
        if !check.dropped.isEmpty {
            quotaLimitReached = check.quota
            leaveOut(check.dropped)
        }
        let stops = plan.stops.map(\.id).filter(check.stops.contains)
        acceptedQuota = (check.quota, QuotaLoadChange(amounts: check.taken, stops: stops))
    }

    /// Drops placements, with what was to make room for them.
    private mutating func leaveOut(_ dropped: Set<ID>) {
        dropStops(with: dropped)
        var kept: [(PlacementBatch, ResourceVector)] = []
        for (batch, ask) in zip(plan.placements, asks) {
            let positions = batch.ids.indices.filter { !dropped.contains(batch.ids[$0]) }
            if !positions.isEmpty { kept.append((batch.keeping(positions), ask)) }
        }
        plan.placements = kept.map(\.0)
        asks = kept.map(\.1)
    }

    /// Drops whole gangs of which a placement is refused, with what was to make room for them.
    private mutating func dropGangs(on refused: Set<NodeRow>) {
        let broken = Set(
            plan.placements.filter { $0.gang != 0 && $0.nodes.contains(where: refused.contains) }.map(\.gang))
        guard !broken.isEmpty else { return }
        for batch in plan.placements where broken.contains(batch.gang) { dropStops(of: Set(batch.nodes), in: [batch]) }
        asks = zip(plan.placements, asks).filter { !broken.contains($0.0.gang) }.map(\.1)
        plan.placements.removeAll { broken.contains($0.gang) }
    }

    /// Keeps running what was to be replaced by, or evicted for, placements that are refused; what is lost stays lost.
    private mutating func dropStops(of refused: Set<NodeRow>) { dropStops(of: refused, in: plan.placements) }

    private mutating func dropStops(of refused: Set<NodeRow>, in batches: [PlacementBatch]) {
        guard !refused.isEmpty else { return }
        var unplaced: Set<ID> = []
        for batch in batches {
            for (position, row) in batch.nodes.enumerated() where refused.contains(row) {
                unplaced.insert(batch.ids[position])
            }
        }
        dropStops(with: unplaced)
    }

    /// The same for placements by id.
    private mutating func dropStops(with unplaced: Set<ID>) {
        guard !unplaced.isEmpty else { return }
        var spared: Set<ID> = []
        for batch in plan.placements where !batch.previous.isEmpty {
            for (previous, id) in zip(batch.previous, batch.ids) where unplaced.contains(id) { spared.insert(previous) }
        }
        spared.remove(.none)
        plan.stops.removeAll {
            spared.contains($0.id) && $0.clientStatus == nil || unplaced.contains($0.preemptedBy)
        }
    }

    /// The batch without placements on refused nodes; nil when none is left.
    private static func without(_ refused: Set<NodeRow>, _ batch: PlacementBatch) -> PlacementBatch? {
        guard !refused.isEmpty, batch.nodes.contains(where: refused.contains) else { return batch }
        let positions = batch.nodes.indices.filter { !refused.contains(batch.nodes[$0]) }
        return positions.isEmpty ? nil : batch.keeping(positions)
    }
}
