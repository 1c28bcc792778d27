public import Basics

/// A machine that runs tasks, as its client registers it and the servers see it.
public struct Node: Document {
    public var id = ID.none
    public var datacenter = ""
    public var name = ""
    public var httpAddr = ""
    public var tlsEnabled = false
    public var attributes: [String: String] = [:]
    public var nodeResources = NodeResources()
    public var reservedResources = NodeReservedResources()
    public var links: [String: String] = [:]
    public var meta: [String: String] = [:]
    public var nodeClass = ""
    public var nodePool = ""
    public var cgroupParent = ""
    /// Equal for nodes that constraints cannot tell apart by anything but unique attributes.
    public var computedClass = ""
    public var drain = false
    public var drainStrategy: DrainStrategy?
    public var schedulingEligibility = NodeEligibility.eligible
    public var status = NodeStatus.initializing
    public var statusDescription = ""
    /// Seconds since the epoch.
    public var statusUpdatedAt: Int64 = 0
    public var events: [NodeEvent] = []
    public var drivers: [String: DriverInfo] = [:]
    public var hostVolumes: [String: HostVolumeInfo] = [:]
    public var hostNetworks: [String: HostNetworkInfo] = [:]
    /// Known only to the node and the servers; never sent to API clients.
    public var secretID = ID.none
    public var nodeMaxAllocs = 0
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("SecretID", &secretID)
        try visitor.field("Datacenter", &datacenter)
        try visitor.field("Name", &name)
        try visitor.field("HTTPAddr", &httpAddr)
        try visitor.field("TLSEnabled", &tlsEnabled)
        try visitor.field("Attributes", &attributes)
        try visitor.field("NodeResources", &nodeResources)
        try visitor.field("ReservedResources", &reservedResources)
        try visitor.field("Links", &links)
        try visitor.field("Meta", &meta)
        try visitor.field("NodeClass", &nodeClass)
        try visitor.field("NodePool", &nodePool)
        try visitor.field("CgroupParent", &cgroupParent)
        try visitor.field("ComputedClass", &computedClass)
        try visitor.field("Drain", &drain)
        try visitor.field("DrainStrategy", &drainStrategy)
        try visitor.field("SchedulingEligibility", &schedulingEligibility)
        try visitor.field("Status", &status)
        try visitor.field("StatusDescription", &statusDescription)
        try visitor.field("StatusUpdatedAt", &statusUpdatedAt)
        try visitor.field("Events", &events)
        try visitor.field("Drivers", &drivers)
        try visitor.field("HostVolumes", &hostVolumes)
        try visitor.field("HostNetworks", &hostNetworks)
        try visitor.field("NodeMaxAllocs", &nodeMaxAllocs)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
    }

    /// New work may be placed here.
    public var isReady: Bool { status == .ready && schedulingEligibility == .eligible && drainStrategy == nil }
}

public enum NodeStatus: String, JSONForm {
    /// Registered, not yet heard from.
    case initializing
    case ready
    /// Heartbeats are missing; its allocations are lost.
    case down
    /// Heartbeats are missing; its allocations may come back.
    case disconnected

    /// Heartbeats are missing.
    public var isAway: Bool { self == .down || self == .disconnected }
}

public enum NodeEligibility: String, JSONForm {
    case eligible
    case ineligible
}

/// Something that happened to a node.
public struct NodeEvent: Document {
    public var message = ""
    public var subsystem = ""
    public var details: [String: String] = [:]
    public var timestamp = TimeText()
    public var createIndex: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Message", &message)
        try visitor.field("Subsystem", &subsystem)
        try visitor.field("Details", &details)
        try visitor.field("Timestamp", &timestamp)
        try visitor.field("CreateIndex", &createIndex)
    }
}

/// A driver as its node reports it.
public struct DriverInfo: Document {
    public var attributes: [String: String] = [:]
    public var detected = false
    public var healthy = false
    public var healthDescription = ""
    public var updateTime = TimeText()
    /// Names the schema of its tasks' configuration (``DriverSchema/name(of:)``); empty when it has none. Drover's own.
    public var configSchema = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Attributes", &attributes)
        try visitor.field("Detected", &detected)
        try visitor.field("Healthy", &healthy)
        try visitor.field("HealthDescription", &healthDescription)
        try visitor.field("UpdateTime", &updateTime)
        try visitor.field("ConfigSchema", &configSchema)
    }
}

/// A host folder offered as a volume.
public struct HostVolumeInfo: Document {
    public var path = ""
    public var readOnly = false
    public var id = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Path", &path)
        try visitor.field("ReadOnly", &readOnly)
        try visitor.field("ID", &id)
    }
}

/// A host network offered to ports.
public struct HostNetworkInfo: Document {
    public var name = ""
    public var cidr = ""
    public var interface = ""
    public var reservedPorts = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("CIDR", &cidr)
        try visitor.field("Interface", &interface)
        try visitor.field("ReservedPorts", &reservedPorts)
    }
}

/// A drain in progress.
public struct DrainStrategy: Document {
    public var deadline = Duration.zero
    public var ignoreSystemJobs = false
    public var forceDeadline = TimeText()
    public var startedAt = TimeText()

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Deadline", &deadline)
        try visitor.field("IgnoreSystemJobs", &ignoreSystemJobs)
        try visitor.field("ForceDeadline", &forceDeadline)
        try visitor.field("StartedAt", &startedAt)
    }
}
