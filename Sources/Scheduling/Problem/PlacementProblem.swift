package import Model
import StateStore

/// What one evaluation wants placed, ready for a scheduler plug-in, with what is needed to understand the answer.
package struct PlacementProblem: Sendable {
    package let groups: [ProblemGroup]
    /// What the plan's own stops free, by node.
    let freed: [NodeRow: FreedResources]
    package let seed: UInt64
    /// What may be evicted; empty unless pre-emption is allowed and was found necessary.
    let candidates: PreemptionCandidates

    var hasGangs: Bool { groups.contains { $0.gang != 0 } }
}

/// One task group of a problem. One reference, as every step from the problem to the plan goes over the groups.
package final class ProblemGroup: Sendable {
    package let request: GroupRequest
    package let name: String
    /// Of one instance.
    package let ask: ResourceVector
    package let ports: GroupPorts
    let devices: GroupDevices
    /// The group itself.
    let definition: TaskGroup
    /// Groups with the same number are placed all or none; 0 is no gang.
    let gang: UInt32
    package let feasibility: GroupFeasibility
    /// Where an instance may go: feasible, static ports free, and for system jobs wanted there.
    let allowed: NodeBitmap
    /// Nodes that would do but for a static port, by the port's text.
    let portCollisions: [String: Int]
    let desiredCount: Int
    /// What keeps the job's own allocations apart.
    let limits: [PlacementLimit]

    init(
        request: GroupRequest, definition: TaskGroup, gang: UInt32, ports: GroupPorts, devices: GroupDevices,
        feasibility: GroupFeasibility, allowed: NodeBitmap, portCollisions: [String: Int], limits: [PlacementLimit]
    ) {
        self.request = request
        name = definition.name
        ask = GroupShape(definition).resources
        self.ports = ports
        self.devices = devices
        self.definition = definition
        self.gang = gang
        self.feasibility = feasibility
        self.allowed = allowed
        self.portCollisions = portCollisions
        desiredCount = max(1, definition.count ?? 1)
        self.limits = limits
    }
}

/// What stops give back on one node.
struct FreedResources: Sendable {
    var amounts = ResourceVector()
    var ports: [UInt16] = []
    var hardware: [AssignedHardware] = []

    /// Adds what a live allocation of the node uses.
    mutating func add(_ row: AllocationRow, of snapshot: Snapshot) {
        amounts += snapshot.usage(of: row)
        ports += snapshot.ports(of: row)
        if let hardware = snapshot.hardware(of: row) { self.hardware.append(hardware) }
    }
}

extension Job {
    /// The number of the gang that a group is of: its own position, or that of the first group of the same name, from 1.
    func gangNumber(_ group: Int) -> UInt32 {
        let gang = taskGroups[group].gang
        switch gang {
        case .none: return 0
        case .own: return UInt32(group + 1)
        case .named: return UInt32((taskGroups.firstIndex { $0.gang == gang } ?? group) + 1)
        }
    }
}

extension ProblemGroup {
    /// Its instances get device instances or cores of their own.
    var asksForHardware: Bool { !devices.isEmpty || ask.cores > 0 }
}
