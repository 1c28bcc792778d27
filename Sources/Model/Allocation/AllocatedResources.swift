public import Basics

/// What an allocation holds of its node.
public struct AllocatedResources: Document {
    public var tasks: [String: AllocatedTaskResources] = [:]
    public var shared = AllocatedSharedResources()

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Tasks", &tasks)
        try visitor.field("Shared", &shared)
    }
}

/// One task's part.
public struct AllocatedTaskResources: Document {
    public var cpu = AllocatedCpuResources()
    public var memory = AllocatedMemoryResources()
    public var networks: [NetworkResource] = []
    public var devices: [AllocatedDeviceResource] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Cpu", &cpu)
        try visitor.field("Memory", &memory)
        try visitor.field("Networks", &networks)
        try visitor.field("Devices", &devices)
    }
}

/// CPU in MHz, and reserved cores.
public struct AllocatedCpuResources: Document {
    public var cpuShares: Int64 = 0
    public var reservedCores: [UInt16] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("CpuShares", &cpuShares)
        try visitor.field("ReservedCores", &reservedCores)
    }
}

/// Memory in MiB.
public struct AllocatedMemoryResources: Document {
    public var memoryMB: Int64 = 0
    public var memoryMaxMB: Int64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("MemoryMB", &memoryMB)
        try visitor.field("MemoryMaxMB", &memoryMaxMB)
    }
}

/// Device instances of one group.
public struct AllocatedDeviceResource: Document {
    public var vendor = ""
    public var type = ""
    public var name = ""
    public var deviceIDs: [String] = []
    /// The part held of each instance, over 0 to 1; nil is all of it. Drover's own.
    public var share: Double?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Vendor", &vendor)
        try visitor.field("Type", &type)
        try visitor.field("Name", &name)
        try visitor.field("DeviceIDs", &deviceIDs)
        try visitor.field("Share", &share)
    }
}

/// The group's part.
public struct AllocatedSharedResources: Document {
    public var diskMB: Int64 = 0
    public var networks: [NetworkResource] = []
    public var ports: [PortMapping] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("DiskMB", &diskMB)
        try visitor.field("Networks", &networks)
        try visitor.field("Ports", &ports)
    }
}

/// A port on the host and what it leads to.
public struct PortMapping: Document {
    public var label = ""
    public var value = 0
    public var to = 0
    public var hostIP = ""
    public var ignoreCollision = false

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Label", &label)
        try visitor.field("Value", &value)
        try visitor.field("To", &to)
        try visitor.field("HostIP", &hostIP)
        try visitor.field("IgnoreCollision", &ignoreCollision)
    }
}
