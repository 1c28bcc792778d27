public import Basics

/// A group of like devices.
public struct NodeDeviceResource: Document {
    public var vendor = ""
    public var type = ""
    public var name = ""
    public var instances: [NodeDevice] = []
    public var attributes: [String: DeviceAttribute] = [:]

    /// The attribute that holds the smallest share of an instance that a task may have, in thousandths; Drover's own.
    public static let fractionMin = "fraction_min_milli"

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Vendor", &vendor)
        try visitor.field("Type", &type)
        try visitor.field("Name", &name)
        try visitor.field("Instances", &instances)
        try visitor.field("Attributes", &attributes)
    }
}

/// One device.
public struct NodeDevice: Document {
    public var id = ""
    public var healthy = false
    public var healthDescription = ""
    public var locality: NodeDeviceLocality?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Healthy", &healthy)
        try visitor.field("HealthDescription", &healthDescription)
        try visitor.field("Locality", &locality)
    }
}

/// Where a device is attached.
public struct NodeDeviceLocality: Document {
    public var pciBusID = ""
    /// Its NUMA node; nil when its plug-in does not say. Drover's own.
    public var numaNode: Int?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("PciBusID", &pciBusID)
        try visitor.field("NUMANode", &numaNode)
    }
}

/// A typed value with a unit.
public struct DeviceAttribute: Document {
    public var float: Double?
    public var int: Int64?
    public var string: String?
    public var bool: Bool?
    public var unit = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Float", &float)
        try visitor.field("Int", &int)
        try visitor.field("String", &string)
        try visitor.field("Bool", &bool)
        try visitor.field("Unit", &unit)
    }
}
