package import Basics
package import Model

/// A change of the replicated state, as it stands in the log.
///
/// The proposer stamps times (and the ids of placements) into the entry; everything else follows from the entry and the tables,
/// so that every replica that applies it arrives at the same state.
package enum StateEntry: Sendable, Equatable {
    /// A new leader's first entry.
    case noop
    indirect case jobRegister(JobRegistration)
    case jobDeregister(JobDeregistration)
    indirect case nodeRegister(NodeRegistration)
    case nodeStatus(NodeStatusChange)
    case nodeEligibility(NodeEligibilityChange)
    case evaluationsUpdate([Evaluation], time: Timestamp)
    /// Verified plans; several share one entry.
    case plans([Plan])
    case allocationUpdates(AllocationReports)
    case allocationTransition(TransitionRequest)
    case schedulerConfiguration(SchedulerConfigurationChange)
    case namespaceUpsert(Namespace)
    case namespaceDelete(name: String)
    case collect(Garbage)
    case quotaUpsert(QuotaSpec)
    case quotaDelete(name: String)
    case nodePoolUpsert(NodePool)
    case nodePoolDelete(name: String)
    /// What the first leader calls the cluster; a later one changes nothing.
    case clusterIdentity(ClusterIdentity)
    case variableWrite(VariableWrite)
    case variableDelete(VariableDeletion)
    case variableUnlock(VariableUnlock)
    case variableReseal(VariableResealing)
    case rootKeyAdd(RootKeyAddition)
    case rootKeyDelete(RootKeyDeletion)
    #if DEBUG
        /// A namespace with a note, which only ``NextRelease`` has.
        case namespaceNote(Namespace, note: String)
    #endif
    /// A part of a state that is to replace this one; kept aside until ``restore(_:)``.
    case restorePart(RestorePart)
    /// The state that came in parts replaces this one.
    case restore(RestoreOrder)
    /// The parts are not wanted any more.
    case restoreAbandon(id: ID)
    case autopilotConfiguration(AutopilotChange)
    /// An operator took a server out of the cluster: it is not to come back.
    case serverExpel(id: String)
}

package struct AutopilotChange: Sendable, Equatable {
    package var configuration: AutopilotConfiguration
    /// Refuse unless the configuration's `ModifyIndex` is this; nil for no check.
    package var expectedIndex: UInt64?

    package init(configuration: AutopilotConfiguration, expectedIndex: UInt64? = nil) {
        self.configuration = configuration
        self.expectedIndex = expectedIndex
    }
}

/// A piece of a state as ``Snapshot/encode(for:to:)`` writes it.
package struct RestorePart: Sendable, Equatable {
    /// Drawn for each restore; parts of another one are forgotten when one with offset 0 comes.
    package var id: ID
    /// Bytes before it.
    package var offset: UInt64
    package var bytes: [UInt8]

    package init(id: ID, offset: UInt64, bytes: [UInt8]) {
        self.id = id
        self.offset = offset
        self.bytes = bytes
    }
}

package struct RestoreOrder: Sendable, Equatable {
    package var id: ID
    /// Bytes in all parts.
    package var size: UInt64
    package var time: Timestamp

    package init(id: ID, size: UInt64, time: Timestamp) {
        self.id = id
        self.size = size
        self.time = time
    }
}

/// Which cluster this is, for ever; drawn by its first leader.
package struct ClusterIdentity: Sendable, Equatable {
    package var id: ID
    package var createTime: Timestamp

    package init(id: ID, createTime: Timestamp) {
        self.id = id
        self.createTime = createTime
    }
}

/// A job to add or replace; canonical and validated by the proposer.
package struct JobRegistration: Sendable, Equatable {
    package var job: Job
    /// Refuse unless the job's `JobModifyIndex` is this; 0 for "no such job yet"; nil for no check.
    package var expectedIndex: UInt64?
    /// Keep the counts of groups that exist already.
    package var preserveCounts = false
    /// Priority of the evaluation; 0 takes the job's.
    package var evaluationPriority = 0
    package var time: Timestamp

    package init(job: Job, time: Timestamp) {
        self.job = job
        self.time = time
    }
}

package struct JobDeregistration: Sendable, Equatable {
    package var key: JobKey
    /// Forget the job once its allocations are gone.
    package var purge = false
    package var evaluationPriority = 0
    /// Stop its tasks without their shutdown delay.
    package var noShutdownDelay = false
    package var time: Timestamp

    package init(key: JobKey, time: Timestamp) {
        self.key = key
        self.time = time
    }
}

package struct NodeRegistration: Sendable, Equatable {
    package var node: Node
    /// The schemas that the node's drivers name, by name.
    package var schemas: [String: JSON]
    package var time: Timestamp

    package init(node: Node, schemas: [String: JSON] = [:], time: Timestamp) {
        self.node = node
        self.schemas = schemas
        self.time = time
    }
}

/// Nodes that take on a status together, such as those whose heartbeats ran out in one tick.
package struct NodeStatusChange: Sendable, Equatable {
    package var nodes: [ID]
    package var status: NodeStatus
    /// What the nodes' events say about it.
    package var message: String
    package var time: Timestamp

    package init(nodes: [ID], status: NodeStatus, message: String, time: Timestamp) {
        self.nodes = nodes
        self.status = status
        self.message = message
        self.time = time
    }
}

package struct NodeEligibilityChange: Sendable, Equatable {
    package var node: ID
    package var eligibility: NodeEligibility
    package var time: Timestamp

    package init(node: ID, eligibility: NodeEligibility, time: Timestamp) {
        self.node = node
        self.eligibility = eligibility
        self.time = time
    }
}

/// Asks that allocations be moved or replaced; an evaluation of each job follows.
package struct TransitionRequest: Sendable, Equatable {
    package var allocations: [ID]
    package var transition: DesiredTransition
    package var trigger: EvaluationTrigger
    package var time: Timestamp

    package init(allocations: [ID], transition: DesiredTransition, trigger: EvaluationTrigger, time: Timestamp) {
        self.allocations = allocations
        self.transition = transition
        self.trigger = trigger
        self.time = time
    }
}

package struct SchedulerConfigurationChange: Sendable, Equatable {
    package var configuration: SchedulerConfiguration
    /// Refuse unless the configuration's `ModifyIndex` is this; nil for no check.
    package var expectedIndex: UInt64?

    package init(configuration: SchedulerConfiguration, expectedIndex: UInt64? = nil) {
        self.configuration = configuration
        self.expectedIndex = expectedIndex
    }
}

/// What the garbage collector wants forgotten; whatever is needed again by then is kept.
package struct Garbage: Sendable, Equatable {
    package var evaluations: [ID] = []
    package var allocations: [ID] = []
    package var jobs: [JobKey] = []
    package var nodes: [ID] = []

    package init() {}

    package var isEmpty: Bool { evaluations.isEmpty && allocations.isEmpty && jobs.isEmpty && nodes.isEmpty }
}
