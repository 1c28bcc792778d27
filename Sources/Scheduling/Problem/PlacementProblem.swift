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
}

/// One task group of a problem.
package struct ProblemGroup: Sendable {
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
