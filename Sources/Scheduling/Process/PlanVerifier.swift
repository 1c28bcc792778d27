import Basics
package import Model
package import StateStore

/// Checks plans against the newest state before they are committed, with the schedulers' own fit function.
///
/// Plans verified but not yet committed are kept as reservations, so several can be in flight. The cost of a plan is that
/// of the nodes it touches. Owned by the leader's plan applier; used by one thread at a time.
package struct PlanVerifier: Sendable {
    private var reservations: [UInt64: PlanReservation] = [:]
    /// The sum of all reservations, by node.
    private var reserved: [NodeRow: NodeLoadChange] = [:]
    /// The same by quota.
    private var reservedQuotas: [String: QuotaLoadChange] = [:]
    private var nextTicket: UInt64 = 1

    package init() {}

    /// What is left of a plan.
    package struct Verdict: Sendable {
        /// The plan without what does not fit; commit it unless ``Plan/isEmpty``.
        package let plan: Plan
        /// The answer to the worker, but for the commit's index.
        package let result: PlanResult
        /// To be given back with ``PlanVerifier/release(_:)`` once a snapshot holds the commit, or it has failed.
        package let ticket: UInt64
    }

    /// Drops what cannot be committed - node by node, and from the end what the quota has no room for - and reserves room
    /// for the rest.
    ///
    /// The snapshot must be at least as new as every commit whose ticket was released.
    package mutating func verify(_ plan: Plan, on snapshot: Snapshot) -> Verdict {
        let check = Self.check(plan, snapshot, reserved, reservedQuotas)
        var result = PlanResult()
        result.placed = check.plan.placements.reduce(0) { $0 + $1.ids.count }
        result.rejected = check.rejected
        result.quotaLimitReached = check.quotaLimitReached
        if result.isPartial { result.refreshIndex = snapshot.index }
        let ticket = nextTicket
        nextTicket += 1
        reserve(check.reservation, ticket)
        var kept = check.plan
        if result.isPartial { kept.ending = [] }
        return Verdict(plan: kept, result: result, ticket: ticket)
    }

    /// Apart, so that no second reference to the reservations is alive when they are changed: that would copy them.
    private static func check(
        _ plan: Plan, _ snapshot: Snapshot, _ reserved: [NodeRow: NodeLoadChange],
        _ reservedQuotas: [String: QuotaLoadChange]
    ) -> CheckedPlan {
        var check = PlanCheck(plan: plan, snapshot: snapshot, reserved: reserved, reservedQuotas: reservedQuotas)
        check.run()
        return CheckedPlan(check)
    }

    private mutating func reserve(_ reservation: PlanReservation, _ ticket: UInt64) {
        for (row, change) in reservation.nodes { reserved[row, default: NodeLoadChange()].add(change) }
        if let (name, change) = reservation.quota { reservedQuotas[name, default: QuotaLoadChange()].add(change) }
        reservations[ticket] = reservation
    }

    /// Forgets a reservation: its plan is part of the state now, or never will be.
    package mutating func release(_ ticket: UInt64) {
        guard let reservation = reservations.removeValue(forKey: ticket) else { return }
        for (row, change) in reservation.nodes {
            reserved[row]?.remove(change)
            if reserved[row]?.holders == 0 { reserved[row] = nil }
        }
        guard let (name, change) = reservation.quota else { return }
        reservedQuotas[name]?.remove(change)
        if reservedQuotas[name] == QuotaLoadChange() { reservedQuotas[name] = nil }
    }

    /// Plans in flight.
    package var reservationCount: Int { reservations.count }
}

/// What an accepted plan takes, until a snapshot has it.
struct PlanReservation: Sendable {
    let nodes: [NodeRow: NodeLoadChange]
    /// Nil when no quota holds for the plan's job.
    let quota: (name: String, change: QuotaLoadChange)?
}

/// What came of a ``PlanCheck``, without what it was made from.
private struct CheckedPlan {
    let plan: Plan
    let rejected: [NodeRow: String]
    let quotaLimitReached: String
    let reservation: PlanReservation

    init(_ check: PlanCheck) {
        plan = check.plan
        rejected = check.rejected
        quotaLimitReached = check.quotaLimitReached
        reservation = PlanReservation(nodes: check.acceptedChanges, quota: check.acceptedQuota)
    }
}

/// What a plan does to one node.
struct NodeLoadChange: Sendable {
    /// What placements take.
    var amounts = ResourceVector()
    var ports: [UInt16] = []
    var hardware: [AssignedHardware] = []
    /// Allocations stopped. By id, not by amount: what a stop gives back counts once, whoever else stops the same, and
    /// only while the snapshot still counts the allocation as live.
    var stops: [ID] = []
    /// Instances placed.
    var placed = 0
    /// Plans that are part of this sum.
    var holders = 0

    /// Counts one instance.
    mutating func place(_ ask: ResourceVector, _ ports: ArraySlice<UInt16>) {
        amounts += ask
        placed += 1
        if !ports.isEmpty { self.ports += ports }
    }

    mutating func add(_ other: NodeLoadChange) {
        amounts += other.amounts
        ports += other.ports
        hardware += other.hardware
        stops += other.stops
        holders += 1
    }

    mutating func remove(_ other: NodeLoadChange) {
        amounts -= other.amounts
        ports.removeFirst(of: other.ports)
        hardware.removeFirst(of: other.hardware)
        stops.removeFirst(of: other.stops)
        holders -= 1
    }
}

/// What a plan does to the quota of its job's namespace.
struct QuotaLoadChange: Sendable, Equatable {
    /// What placements take.
    var amounts = ResourceVector()
    /// Allocations stopped that hold some of it, by id as in ``NodeLoadChange/stops``.
    var stops: [ID] = []

    mutating func add(_ other: QuotaLoadChange) {
        amounts += other.amounts
        stops += other.stops
    }

    mutating func remove(_ other: QuotaLoadChange) {
        amounts -= other.amounts
        stops.removeFirst(of: other.stops)
    }
}

extension Array where Element: Equatable {
    /// Removes one occurrence of each of `elements`.
    fileprivate mutating func removeFirst(of elements: [Element]) {
        for element in elements { if let position = firstIndex(of: element) { remove(at: position) } }
    }
}
