public import Basics

/// The client's side of an allocation, as it reports it.
public struct AllocationUpdate: Document {
    public var id = ID.none
    public var clientStatus = AllocationClientStatus.pending
    public var clientDescription = ""
    public var taskStates: [String: TaskState] = [:]
    public var deploymentStatus: AllocationDeploymentStatus?
    public var networkStatus: AllocationNetworkStatus?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("ClientStatus", &clientStatus)
        try visitor.field("ClientDescription", &clientDescription)
        try visitor.field("TaskStates", &taskStates)
        try visitor.field("DeploymentStatus", &deploymentStatus)
        try visitor.field("NetworkStatus", &networkStatus)
    }
}
