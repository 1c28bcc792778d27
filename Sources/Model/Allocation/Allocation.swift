public import Basics

/// One placed instance of a task group.
public struct Allocation: Document {
    public var id = ID.none
    public var namespace = ""
    public var evalID = ID.none
    /// `job.group[index]`.
    public var name = ""
    public var nodeID = ID.none
    public var nodeName = ""
    public var jobID = ""
    public var job: Job?
    public var taskGroup = ""
    public var allocatedResources = AllocatedResources()
    public var metrics: AllocationMetric?
    public var desiredStatus = AllocationDesiredStatus.run
    public var desiredDescription = ""
    public var desiredTransition = DesiredTransition()
    public var clientStatus = AllocationClientStatus.pending
    public var clientDescription = ""
    public var taskStates: [String: TaskState] = [:]
    public var deploymentID = ID.none
    public var deploymentStatus: AllocationDeploymentStatus?
    public var followupEvalID = ID.none
    public var previousAllocation = ID.none
    public var nextAllocation = ID.none
    public var rescheduleTracker: RescheduleTracker?
    public var networkStatus: AllocationNetworkStatus?
    public var preemptedAllocations: [ID] = []
    public var preemptedByAllocation = ID.none
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0
    /// Index of the last change by a server: what clients compare to know that there is something to do.
    public var allocModifyIndex: UInt64 = 0
    public var createTime = Timestamp.never
    public var modifyTime = Timestamp.never

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Namespace", &namespace)
        try visitor.field("EvalID", &evalID)
        try visitor.field("Name", &name)
        try visitor.field("NodeID", &nodeID)
        try visitor.field("NodeName", &nodeName)
        try visitor.field("JobID", &jobID)
        try visitor.field("Job", &job)
        try visitor.field("TaskGroup", &taskGroup)
        try visitor.field("AllocatedResources", &allocatedResources)
        try visitor.field("Metrics", &metrics)
        try visitor.field("DesiredStatus", &desiredStatus)
        try visitor.field("DesiredDescription", &desiredDescription)
        try visitor.field("DesiredTransition", &desiredTransition)
        try visitor.field("ClientStatus", &clientStatus)
        try visitor.field("ClientDescription", &clientDescription)
        try visitor.field("TaskStates", &taskStates)
        try visitor.field("DeploymentID", &deploymentID)
        try visitor.field("DeploymentStatus", &deploymentStatus)
        try visitor.field("FollowupEvalID", &followupEvalID)
        try visitor.field("PreviousAllocation", &previousAllocation)
        try visitor.field("NextAllocation", &nextAllocation)
        try visitor.field("RescheduleTracker", &rescheduleTracker)
        try visitor.field("NetworkStatus", &networkStatus)
        try visitor.field("PreemptedAllocations", &preemptedAllocations)
        try visitor.field("PreemptedByAllocation", &preemptedByAllocation)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
        try visitor.field("AllocModifyIndex", &allocModifyIndex)
        try visitor.field("CreateTime", &createTime)
        try visitor.field("ModifyTime", &modifyTime)
    }

    /// The client has nothing left to run.
    public var isClientTerminal: Bool { clientStatus.isTerminal }

    /// Neither servers nor client keep this allocation's resources.
    public var isTerminal: Bool { desiredStatus != .run || clientStatus.isTerminal }

    /// The number in the name's brackets, or nil.
    public var nameIndex: Int? {
        guard name.hasSuffix("]"), let open = name.lastIndex(of: "[") else { return nil }
        return Int(name[name.index(after: open)...].dropLast())
    }
}

public enum AllocationDesiredStatus: String, JSONForm {
    case run
    case stop
    /// Stopped to make room for work of higher priority.
    case evict
}

public enum AllocationClientStatus: String, JSONForm, CaseIterable {
    case pending
    case running
    case complete
    case failed
    /// Its node went down.
    case lost
    /// Its node is disconnected.
    case unknown

    public var isTerminal: Bool { self == .complete || self == .failed || self == .lost }
}

/// What a server asks of an allocation beyond its desired status.
public struct DesiredTransition: Document {
    public var migrate: Bool?
    public var reschedule: Bool?
    public var forceReschedule: Bool?
    public var noShutdownDelay: Bool?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Migrate", &migrate)
        try visitor.field("Reschedule", &reschedule)
        try visitor.field("ForceReschedule", &forceReschedule)
        try visitor.field("NoShutdownDelay", &noShutdownDelay)
    }
}

/// An allocation's health as its deployment sees it.
public struct AllocationDeploymentStatus: Document {
    public var healthy: Bool?
    public var timestamp = TimeText()
    public var canary = false
    public var modifyIndex: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Healthy", &healthy)
        try visitor.field("Timestamp", &timestamp)
        try visitor.field("Canary", &canary)
        try visitor.field("ModifyIndex", &modifyIndex)
    }
}

/// Earlier attempts of this allocation on other nodes.
public struct RescheduleTracker: Document {
    public var events: [RescheduleEvent] = []
    public var lastReschedule = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Events", &events)
        try visitor.field("LastReschedule", &lastReschedule)
    }
}

/// One replacement of a failed allocation.
public struct RescheduleEvent: Document {
    public var rescheduleTime = Timestamp.never
    public var prevAllocID = ID.none
    public var prevNodeID = ID.none
    public var delay = Duration.zero

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("RescheduleTime", &rescheduleTime)
        try visitor.field("PrevAllocID", &prevAllocID)
        try visitor.field("PrevNodeID", &prevNodeID)
        try visitor.field("Delay", &delay)
    }
}

/// The network an allocation got.
public struct AllocationNetworkStatus: Document {
    public var interfaceName = ""
    public var address = ""
    public var addressIPv6 = ""
    public var dns: DNSConfig?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("InterfaceName", &interfaceName)
        try visitor.field("Address", &address)
        try visitor.field("AddressIPv6", &addressIPv6)
        try visitor.field("DNS", &dns)
    }
}
