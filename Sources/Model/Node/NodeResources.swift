public import Basics

/// All a node has.
public struct NodeResources: Document {
    public var cpu = NodeCpuResources()
    public var memory = NodeMemoryResources()
    public var disk = NodeDiskResources()
    public var networks: [NetworkResource] = []
    public var nodeNetworks: [NodeNetworkResource] = []
    public var devices: [NodeDeviceResource] = []
    public var minDynamicPort = 0
    public var maxDynamicPort = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Cpu", &cpu)
        try visitor.field("Memory", &memory)
        try visitor.field("Disk", &disk)
        try visitor.field("Networks", &networks)
        try visitor.field("NodeNetworks", &nodeNetworks)
        try visitor.field("Devices", &devices)
        try visitor.field("MinDynamicPort", &minDynamicPort)
        try visitor.field("MaxDynamicPort", &maxDynamicPort)
    }

    /// There is more of something than there was: of an amount, of ports to give out, a kind of network, or a device that can
    /// be used and could not.
    public func offersMore(than earlier: NodeResources) -> Bool {
        cpu.cpuShares > earlier.cpu.cpuShares || memory.memoryMB > earlier.memory.memoryMB
            || disk.diskMB > earlier.disk.diskMB
            || !Set(cpu.reservableCpuCores).isSubset(of: earlier.cpu.reservableCpuCores)
            || !usableDevices.isSubset(of: earlier.usableDevices)
            || minDynamicPort < earlier.minDynamicPort || maxDynamicPort > earlier.maxDynamicPort
            || !networkModes.isSubset(of: earlier.networkModes)
    }

    private var networkModes: Set<String> { Set(networks.map(\.mode) + nodeNetworks.map(\.mode)) }

    private var usableDevices: Set<[String]> {
        Set(
            devices.flatMap { group in
                group.instances.filter(\.healthy).map { [group.vendor, group.type, group.name, $0.id] }
            })
    }
}

/// Total compute in MHz, and cores.
public struct NodeCpuResources: Document {
    public var cpuShares: Int64 = 0
    public var totalCpuCores = 0
    public var reservableCpuCores: [UInt16] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("CpuShares", &cpuShares)
        try visitor.field("TotalCpuCores", &totalCpuCores)
        try visitor.field("ReservableCpuCores", &reservableCpuCores)
    }
}

/// Memory in MiB.
public struct NodeMemoryResources: Document {
    public var memoryMB: Int64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("MemoryMB", &memoryMB)
    }
}

/// Disk in MiB.
public struct NodeDiskResources: Document {
    public var diskMB: Int64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("DiskMB", &diskMB)
    }
}

/// A network interface of a node.
public struct NodeNetworkResource: Document {
    public var mode = ""
    public var device = ""
    public var macAddress = ""
    /// Mbit/s.
    public var speed = 0
    public var addresses: [NodeNetworkAddress] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Mode", &mode)
        try visitor.field("Device", &device)
        try visitor.field("MacAddress", &macAddress)
        try visitor.field("Speed", &speed)
        try visitor.field("Addresses", &addresses)
    }
}

/// An address of an interface.
public struct NodeNetworkAddress: Document {
    /// `ipv4` or `ipv6`.
    public var family = ""
    public var alias = ""
    public var address = ""
    public var reservedPorts = ""
    public var gateway = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Family", &family)
        try visitor.field("Alias", &alias)
        try visitor.field("Address", &address)
        try visitor.field("ReservedPorts", &reservedPorts)
        try visitor.field("Gateway", &gateway)
    }
}

/// What a node keeps for itself.
public struct NodeReservedResources: Document {
    public var cpu = NodeReservedCpuResources()
    public var memory = NodeMemoryResources()
    public var disk = NodeDiskResources()
    public var networks = NodeReservedNetworkResources()

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Cpu", &cpu)
        try visitor.field("Memory", &memory)
        try visitor.field("Disk", &disk)
        try visitor.field("Networks", &networks)
    }
}

/// CPU kept back.
public struct NodeReservedCpuResources: Document {
    public var cpuShares: Int64 = 0
    public var reservedCpuCores: [UInt16] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("CpuShares", &cpuShares)
        try visitor.field("ReservedCpuCores", &reservedCpuCores)
    }
}

/// Ports kept back, such as `22,80,8500-8600`.
public struct NodeReservedNetworkResources: Document {
    public var reservedHostPorts = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ReservedHostPorts", &reservedHostPorts)
    }
}
