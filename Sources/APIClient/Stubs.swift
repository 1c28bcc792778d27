public import Basics
public import Model

/// A job as lists show it.
public struct JobStub: Document {
    public var id = ""
    public var parentID = ""
    public var name = ""
    public var namespace = ""
    public var datacenters: [String] = []
    public var type = JobType("")
    public var priority = 0
    public var periodic = false
    public var parameterizedJob = false
    public var stop = false
    public var status = JobStatus.pending
    public var statusDescription = ""
    public var jobSummary: JobSummary?
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0
    public var jobModifyIndex: UInt64 = 0
    public var submitTime = Timestamp.never
    public var meta: [String: String] = [:]

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("ParentID", &parentID)
        try visitor.field("Name", &name)
        try visitor.field("Namespace", &namespace)
        try visitor.field("Datacenters", &datacenters)
        try visitor.field("Type", &type)
        try visitor.field("Priority", &priority)
        try visitor.field("Periodic", &periodic)
        try visitor.field("ParameterizedJob", &parameterizedJob)
        try visitor.field("Stop", &stop)
        try visitor.field("Status", &status)
        try visitor.field("StatusDescription", &statusDescription)
        try visitor.field("JobSummary", &jobSummary)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
        try visitor.field("JobModifyIndex", &jobModifyIndex)
        try visitor.field("SubmitTime", &submitTime)
        try visitor.field("Meta", &meta)
    }
}

/// A node as lists show it.
public struct NodeStub: Document {
    public var address = ""
    public var id = ID.none
    public var attributes: [String: String] = [:]
    public var datacenter = ""
    public var name = ""
    public var nodeClass = ""
    public var nodePool = ""
    public var version = ""
    public var drain = false
    public var schedulingEligibility = NodeEligibility.eligible
    public var status = NodeStatus.initializing
    public var statusDescription = ""
    public var drivers: [String: DriverInfo] = [:]
    public var nodeResources: NodeResources?
    public var reservedResources: NodeReservedResources?
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Address", &address)
        try visitor.field("ID", &id)
        try visitor.field("Attributes", &attributes)
        try visitor.field("Datacenter", &datacenter)
        try visitor.field("Name", &name)
        try visitor.field("NodeClass", &nodeClass)
        try visitor.field("NodePool", &nodePool)
        try visitor.field("Version", &version)
        try visitor.field("Drain", &drain)
        try visitor.field("SchedulingEligibility", &schedulingEligibility)
        try visitor.field("Status", &status)
        try visitor.field("StatusDescription", &statusDescription)
        try visitor.field("Drivers", &drivers)
        try visitor.field("NodeResources", &nodeResources)
        try visitor.field("ReservedResources", &reservedResources)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
    }
}

/// An allocation as lists show it.
public struct AllocationStub: Document {
    public var id = ID.none
    public var evalID = ID.none
    public var name = ""
    public var namespace = ""
    public var nodeID = ID.none
    public var nodeName = ""
    public var jobID = ""
    public var jobType = JobType("")
    public var jobVersion: UInt64 = 0
    public var taskGroup = ""
    public var allocatedResources: AllocatedResources?
    public var desiredStatus = AllocationDesiredStatus.run
    public var desiredDescription = ""
    public var clientStatus = AllocationClientStatus.pending
    public var clientDescription = ""
    public var taskStates: [String: TaskState] = [:]
    public var deploymentStatus: AllocationDeploymentStatus?
    public var followupEvalID = ID.none
    public var nextAllocation = ID.none
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0
    public var createTime = Timestamp.never
    public var modifyTime = Timestamp.never

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("EvalID", &evalID)
        try visitor.field("Name", &name)
        try visitor.field("Namespace", &namespace)
        try visitor.field("NodeID", &nodeID)
        try visitor.field("NodeName", &nodeName)
        try visitor.field("JobID", &jobID)
        try visitor.field("JobType", &jobType)
        try visitor.field("JobVersion", &jobVersion)
        try visitor.field("TaskGroup", &taskGroup)
        try visitor.field("AllocatedResources", &allocatedResources)
        try visitor.field("DesiredStatus", &desiredStatus)
        try visitor.field("DesiredDescription", &desiredDescription)
        try visitor.field("ClientStatus", &clientStatus)
        try visitor.field("ClientDescription", &clientDescription)
        try visitor.field("TaskStates", &taskStates)
        try visitor.field("DeploymentStatus", &deploymentStatus)
        try visitor.field("FollowupEvalID", &followupEvalID)
        try visitor.field("NextAllocation", &nextAllocation)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
        try visitor.field("CreateTime", &createTime)
        try visitor.field("ModifyTime", &modifyTime)
    }
}
