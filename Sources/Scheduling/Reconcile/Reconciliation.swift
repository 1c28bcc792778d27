package import Basics
package import Model

/// What the reconciler decided for one evaluation, before any node is chosen.
package struct Reconciliation: Sendable {
    package var stops: [PlannedStop] = []
    package var inPlaceUpdates: [ID] = []
    /// One for each task group that wants something placed, in the job's order.
    package var groups: [GroupRequest] = []
    /// Evaluations to be made with the plan: delayed rescheduling, the next step of a rolling update.
    package var followUps: [Evaluation] = []
    package var desired: [String: DesiredUpdates] = [:]

    package init() {}

    /// Instances to be placed; for each-node groups, the nodes wanted.
    package var placementCount: Int { groups.reduce(0) { $0 + $1.count } }
}

/// Instances of one task group to be placed.
package struct GroupRequest: Sendable {
    /// Position in the job's groups.
    package let group: Int
    package var instances: [InstanceRequest] = []
    /// Nodes that are to get one instance each; set for system jobs, whose `instances` are empty.
    package var nodes: [NodeRow]?
    /// For system jobs: the allocation a new one replaces, by node.
    package var previousByNode: [NodeRow: ID] = [:]

    package init(group: Int) { self.group = group }

    package var count: Int { nodes?.count ?? instances.count }
}

/// One instance to be placed.
package struct InstanceRequest: Sendable, Equatable {
    package var nameIndex: UInt32
    /// The allocation it replaces, or none.
    package var previous = ID.none
    /// Where that one is or was.
    package var previousNode: NodeRow?
    /// That one failed there, so the node is to be avoided.
    package var avoidsPreviousNode = false
    package var tracker: RescheduleTracker?

    package init(nameIndex: UInt32) { self.nameIndex = nameIndex }
}

/// Why a server stops an allocation, as shown to the user (the wording clients of the API know).
enum StopReason {
    static let notNeeded = "alloc not needed due to job update"
    static let updating = "alloc is being updated due to job update"
    static let migrating = "alloc is being migrated"
    static let lost = "alloc is lost since its node is down"
    static let unknown = "alloc is unknown since its node is disconnected"
    static let reconnected = "alloc not needed due to disconnected client reconnect"
    static let rescheduled = "alloc was rescheduled because it failed"
    static let nodeTainted = "alloc not needed as node is tainted"
}
