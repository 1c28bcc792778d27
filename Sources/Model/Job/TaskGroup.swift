public import Basics

/// Tasks placed together on one node (Nomad docs: group).
public struct TaskGroup: Document {
    public var name = ""
    /// Instances wanted; nil means left out: 1.
    public var count: Int?
    public var constraints: [Constraint] = []
    public var affinities: [Affinity] = []
    public var tasks: [JobTask] = []
    public var spreads: [Spread] = []
    public var volumes: [String: VolumeRequest] = [:]
    public var restartPolicy: RestartPolicy?
    public var disconnect: DisconnectStrategy?
    public var reschedulePolicy: ReschedulePolicy?
    public var ephemeralDisk: EphemeralDisk?
    public var update: UpdateStrategy?
    public var migrate: MigrateStrategy?
    public var networks: [NetworkResource] = []
    public var meta: [String: String] = [:]
    public var services: [Service] = []
    public var shutdownDelay: Duration?
    public var maxRunDuration: Duration?
    public var stopAfterClientDisconnect: Duration?
    public var maxClientDisconnect: Duration?
    public var scaling: ScalingPolicy?
    public var consul: ConsulBlock?
    public var preventRescheduleOnLost = false
    /// Whether instances are placed all or none.
    public var gang = Gang.none

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Count", &count)
        try visitor.field("Constraints", &constraints)
        try visitor.field("Affinities", &affinities)
        try visitor.field("Tasks", &tasks)
        try visitor.field("Spreads", &spreads)
        try visitor.field("Volumes", &volumes)
        try visitor.field("RestartPolicy", &restartPolicy)
        try visitor.field("Disconnect", &disconnect)
        try visitor.field("ReschedulePolicy", &reschedulePolicy)
        try visitor.field("EphemeralDisk", &ephemeralDisk)
        try visitor.field("Update", &update)
        try visitor.field("Migrate", &migrate)
        try visitor.field("Networks", &networks)
        try visitor.field("Meta", &meta)
        try visitor.field("Services", &services)
        try visitor.field("ShutdownDelay", &shutdownDelay)
        try visitor.field("MaxRunDuration", &maxRunDuration)
        try visitor.field("StopAfterClientDisconnect", &stopAfterClientDisconnect)
        try visitor.field("MaxClientDisconnect", &maxClientDisconnect)
        try visitor.field("Scaling", &scaling)
        try visitor.field("Consul", &consul)
        try visitor.field("PreventRescheduleOnLost", &preventRescheduleOnLost)
        try visitor.field("Gang", &gang)
    }
}

/// A volume a group wants.
public struct VolumeRequest: Document {
    public var name = ""
    /// `host` or `csi`.
    public var type = ""
    public var source = ""
    public var readOnly = false
    public var sticky = false
    public var accessMode = ""
    public var attachmentMode = ""
    public var mountOptions: JSON = .null
    public var perAlloc = false

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Type", &type)
        try visitor.field("Source", &source)
        try visitor.field("ReadOnly", &readOnly)
        try visitor.field("Sticky", &sticky)
        try visitor.field("AccessMode", &accessMode)
        try visitor.field("AttachmentMode", &attachmentMode)
        try visitor.field("MountOptions", &mountOptions)
        try visitor.field("PerAlloc", &perAlloc)
    }
}

/// Disk space that lives as long as the allocation.
public struct EphemeralDisk: Document {
    public var sticky = false
    public var migrate = false
    /// MiB; nil means left out: 300.
    public var sizeMB: Int?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Sticky", &sticky)
        try visitor.field("Migrate", &migrate)
        try visitor.field("SizeMB", &sizeMB)
    }
}

/// Bounds within which a group may be scaled.
public struct ScalingPolicy: Document {
    public var min: Int?
    public var max: Int?
    public var policy: JSON = .null
    public var enabled: Bool?
    public var type = ""
    public var id = ""
    public var namespace = ""
    public var target: [String: String] = [:]
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Min", &min)
        try visitor.field("Max", &max)
        try visitor.field("Policy", &policy)
        try visitor.field("Enabled", &enabled)
        try visitor.field("Type", &type)
        try visitor.field("ID", &id)
        try visitor.field("Namespace", &namespace)
        try visitor.field("Target", &target)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
    }
}

/// Consul settings, stored for later.
public struct ConsulBlock: Document {
    public var namespace = ""
    public var cluster = ""
    public var partition = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Namespace", &namespace)
        try visitor.field("Cluster", &cluster)
        try visitor.field("Partition", &partition)
    }
}
