import Basics
import Model
import StateStore

/// What a plan takes of the quota of its job's namespace, and which placements it has no room for any more.
struct QuotaCheck {
    let quota: String
    /// What the plan's placements take without ``dropped``.
    private(set) var taken = ResourceVector()
    /// The plan's stops that give back some of the quota.
    private(set) var stops: Set<ID> = []
    /// Placements to leave out: the last ones, and gangs as a whole.
    private(set) var dropped: Set<ID> = []

    /// What the stops give back, ``dropped`` aside.
    private var given = ResourceVector()
    /// Amounts that a placement's stops give back: of what it replaces, and of what was evicted for it.
    private var freed: [ID: ResourceVector] = [:]
    private let plan: Plan

    /// Nil when no quota holds for the plan's job. Placements on refused nodes are not counted.
    init?(_ check: PlanCheck, besides refused: Set<NodeRow>) {
        let (plan, snapshot) = (check.plan, check.snapshot)
        guard let version = snapshot.jobRecord(plan.namespace, plan.jobID)?.current,
            var room = QuotaRoom(version.job, snapshot: snapshot)
        else { return nil }
        quota = room.quota
        self.plan = plan
        let held = check.reservedQuotas[quota] ?? QuotaLoadChange()
        room.take(held.amounts)
        let heldStops = Set(held.stops)
        for id in heldStops { if let amounts = amounts(of: id, snapshot) { room.give(amounts) } }
        countStops(snapshot, besides: heldStops)
        for (batch, ask) in zip(plan.placements, check.asks) {
            taken.add(ask, times: batch.nodes.count { !refused.contains($0) })
        }
        drop(check.asks, besides: refused, room)
    }

    /// Counts what stops give back to this quota, in all and by the placement they are for; what plans in flight stop as
    /// well is given back already.
    private mutating func countStops(_ snapshot: Snapshot, besides held: Set<ID>) {
        var owners: [ID: ID] = [:]
        for batch in plan.placements {
            for (previous, id) in zip(batch.previous, batch.ids) { owners[previous] = id }
        }
        for stop in plan.stops where stop.desiredStatus != .run {
            guard let amounts = amounts(of: stop.id, snapshot) else { continue }
            stops.insert(stop.id)
            guard !held.contains(stop.id) else { continue }
            given += amounts
            // A lost allocation stays lost without a replacement.
            let owner = stop.preemptedBy.isNone ? (stop.clientStatus == nil ? owners[stop.id] : nil) : stop.preemptedBy
            if let owner { freed[owner, default: ResourceVector()] += amounts }
        }
    }

    /// What a live allocation holds of this quota; nil for others.
    private func amounts(of id: ID, _ snapshot: Snapshot) -> ResourceVector? {
        guard let row = snapshot.allocationRow(id), !row.isTerminal else { return nil }
        let version = snapshot.jobVersion(of: row)
        guard snapshot.namespace(version.job.namespace)?.quota == quota else { return nil }
        return version.groups[row.groupIndex].resources
    }

    /// What the plan takes more than it gives back.
    private var amounts: ResourceVector {
        var amounts = taken
        amounts -= given
        return amounts
    }

    /// Drops from the plan's end until the rest fits.
    private mutating func drop(_ asks: [ResourceVector], besides refused: Set<NodeRow>, _ room: QuotaRoom) {
        for number in plan.placements.indices.reversed() {
            let batch = plan.placements[number]
            for position in batch.ids.indices.reversed() {
                guard !room.shortages(amounts).isEmpty else { return }
                guard !refused.contains(batch.nodes[position]), !dropped.contains(batch.ids[position]) else { continue }
                if batch.gang == 0 { leaveOut(batch.ids[position], asks[number]) } else { leaveOut(batch.gang, asks) }
            }
        }
    }

    private mutating func leaveOut(_ id: ID, _ ask: ResourceVector) {
        dropped.insert(id)
        taken -= ask
        if let freed = freed[id] { given -= freed }
    }

    private mutating func leaveOut(_ gang: UInt32, _ asks: [ResourceVector]) {
        for (batch, ask) in zip(plan.placements, asks) where batch.gang == gang {
            for id in batch.ids { leaveOut(id, ask) }
        }
    }
}
