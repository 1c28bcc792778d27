public import Basics

/// What a task asks of its node.
public struct Resources: Document {
    /// MHz; nil means left out: 100.
    public var cpu: Int?
    /// Whole cores; excludes cpu.
    public var cores: Int?
    /// MiB; nil means left out: 300.
    public var memoryMB: Int?
    public var memoryMaxMB: Int?
    public var diskMB: Int?
    public var networks: [NetworkResource] = []
    public var devices: [RequestedDevice] = []
    public var numa: JSON = .null
    public var secretsMB: Int?
    public var iops: Int?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("CPU", &cpu)
        try visitor.field("Cores", &cores)
        try visitor.field("MemoryMB", &memoryMB)
        try visitor.field("MemoryMaxMB", &memoryMaxMB)
        try visitor.field("DiskMB", &diskMB)
        try visitor.field("Networks", &networks)
        try visitor.field("Devices", &devices)
        try visitor.field("NUMA", &numa)
        try visitor.field("SecretsMB", &secretsMB)
        try visitor.field("IOPS", &iops)
    }
}

/// Device instances a task asks for.
public struct RequestedDevice: Document {
    /// `vendor/type/model`, `vendor/type` or `type`.
    public var name = ""
    public var count: Int?
    public var constraints: [Constraint] = []
    public var affinities: [Affinity] = []
    /// The part wanted of each instance, above 0 to 1; nil is all of it. Drover's own.
    public var share: Double?
    /// MiB of each instance's memory, in place of a share. Drover's own.
    public var memoryMB: Int?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Count", &count)
        try visitor.field("Constraints", &constraints)
        try visitor.field("Affinities", &affinities)
        try visitor.field("Share", &share)
        try visitor.field("MemoryMB", &memoryMB)
    }
}

/// A network a group asks for, or one a node has or an allocation got.
public struct NetworkResource: Document {
    public var mode = ""
    public var device = ""
    public var cidr = ""
    public var ip = ""
    public var dns: DNSConfig?
    public var reservedPorts: [Port] = []
    public var dynamicPorts: [Port] = []
    public var hostname = ""
    public var mBits: Int?
    public var cni: JSON = .null

    public init() {}

    /// Whether this asks for, or offers, a network of the allocation's own.
    public var isOwn: Bool { NetworkResource.isOwn(mode: mode) }

    /// Whether that mode is one of networks of the allocation's own: `bridge` or `cni/NAME`.
    public static func isOwn(mode: String) -> Bool { mode == "bridge" || (mode.hasPrefix("cni/") && mode != "cni/") }

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Mode", &mode)
        try visitor.field("Device", &device)
        try visitor.field("CIDR", &cidr)
        try visitor.field("IP", &ip)
        try visitor.field("DNS", &dns)
        try visitor.field("ReservedPorts", &reservedPorts)
        try visitor.field("DynamicPorts", &dynamicPorts)
        try visitor.field("Hostname", &hostname)
        try visitor.field("MBits", &mBits)
        try visitor.field("CNI", &cni)
    }
}

/// Name resolution inside a group's network.
public struct DNSConfig: Document {
    public var servers: [String] = []
    public var searches: [String] = []
    public var options: [String] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Servers", &servers)
        try visitor.field("Searches", &searches)
        try visitor.field("Options", &options)
    }
}

/// A port by label; value 0 asks for a dynamic one.
public struct Port: Document {
    public var label = ""
    public var value = 0
    /// The port inside the task; 0 is the same, -1 the assigned one.
    public var to = 0
    public var hostNetwork = ""
    public var ignoreCollision = false

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Label", &label)
        try visitor.field("Value", &value)
        try visitor.field("To", &to)
        try visitor.field("HostNetwork", &hostNetwork)
        try visitor.field("IgnoreCollision", &ignoreCollision)
    }
}
