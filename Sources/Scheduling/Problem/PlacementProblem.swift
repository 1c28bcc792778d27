package import Model

/// What one evaluation wants placed, ready for a scheduler plug-in, with what is needed to understand the answer.
package struct PlacementProblem: Sendable {
    package let groups: [ProblemGroup]
    /// What the plan's own stops free, by node.
    let freed: [NodeRow: FreedResources]
    package let seed: UInt64
}

/// One task group of a problem.
package struct ProblemGroup: Sendable {
    package let request: GroupRequest
    package let name: String
    /// Of one instance.
    package let ask: ResourceVector
    package let ports: GroupPorts
    package let feasibility: GroupFeasibility
    /// Where an instance may go: feasible, static ports free, and for system jobs wanted there.
    let allowed: NodeBitmap
    /// Nodes that would do but for a static port, by the port's text.
    let portCollisions: [String: Int]
    let desiredCount: Int
}

/// What stops give back on one node.
struct FreedResources: Sendable {
    var amounts = ResourceVector()
    var ports: [UInt16] = []
}
