import Basics
package import Model
package import StateStore

/// Checks plans against the newest state before they are committed, with the schedulers' own fit function.
///
/// Plans verified but not yet committed are kept as reservations, so several can be in flight. The cost of a plan is that
/// of the nodes it touches. Owned by the leader's plan applier; used by one thread at a time.
package struct PlanVerifier: Sendable {
    private var reservations: [UInt64: [NodeRow: NodeLoadChange]] = [:]
    /// The sum of all reservations, by node.
    private var reserved: [NodeRow: NodeLoadChange] = [:]
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

    /// Drops, node by node, what cannot be committed, and reserves room for the rest.
    ///
    /// The snapshot must be at least as new as every commit whose ticket was released.
    package mutating func verify(_ plan: Plan, on snapshot: Snapshot) -> Verdict {
        let (accepted, rejected, changes) = Self.check(plan, snapshot, reserved)
        var result = PlanResult()
        result.placed = accepted.placements.reduce(0) { $0 + $1.ids.count }
        result.rejected = rejected
        if !rejected.isEmpty { result.refreshIndex = snapshot.index }
        let ticket = nextTicket
        nextTicket += 1
        for (row, change) in changes { reserved[row, default: NodeLoadChange()].add(change) }
        reservations[ticket] = changes
        return Verdict(plan: accepted, result: result, ticket: ticket)
    }

    /// Apart, so that no second reference to the reservations is alive when they are changed: that would copy them.
    private static func check(
        _ plan: Plan, _ snapshot: Snapshot, _ reserved: [NodeRow: NodeLoadChange]
    ) -> (Plan, [NodeRow: String], [NodeRow: NodeLoadChange]) {
        var check = PlanCheck(plan: plan, snapshot: snapshot, reserved: reserved)
        check.run()
        return (check.plan, check.rejected, check.acceptedChanges)
    }

    /// Forgets a reservation: its plan is part of the state now, or never will be.
    package mutating func release(_ ticket: UInt64) {
        guard let changes = reservations.removeValue(forKey: ticket) else { return }
        for (row, change) in changes {
            reserved[row]?.remove(change)
            if reserved[row]?.holders == 0 { reserved[row] = nil }
        }
    }

    /// Plans in flight.
    package var reservationCount: Int { reservations.count }
}

/// What a plan does to one node.
struct NodeLoadChange: Sendable {
    var amounts = ResourceVector()
    /// Ports taken.
    var ports: [UInt16] = []
    /// Ports given back by stops.
    var freedPorts: [UInt16] = []
    /// Devices and cores taken, and those given back by stops.
    var hardware: [AssignedHardware] = []
    var freedHardware: [AssignedHardware] = []
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
        freedPorts += other.freedPorts
        hardware += other.hardware
        freedHardware += other.freedHardware
        holders += 1
    }

    mutating func remove(_ other: NodeLoadChange) {
        amounts -= other.amounts
        ports.removeFirst(of: other.ports)
        freedPorts.removeFirst(of: other.freedPorts)
        hardware.removeFirst(of: other.hardware)
        freedHardware.removeFirst(of: other.freedHardware)
        holders -= 1
    }
}

extension Array where Element: Equatable {
    /// Removes one occurrence of each of `elements`.
    fileprivate mutating func removeFirst(of elements: [Element]) {
        for element in elements { if let position = firstIndex(of: element) { remove(at: position) } }
    }
}
