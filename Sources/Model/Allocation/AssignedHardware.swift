public import Basics

/// What a server chose for an allocation beyond amounts: device instances and whole cores, by task.
public struct AssignedHardware: Document {
    public var tasks: [String: AssignedTaskHardware] = [:]

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Tasks", &tasks)
    }
}

/// One task's part.
public struct AssignedTaskHardware: Document {
    /// Numbers of the cores that only this task may use, ascending.
    public var cores: [UInt16] = []
    public var devices: [AllocatedDeviceResource] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Cores", &cores)
        try visitor.field("Devices", &devices)
    }
}

/// A part of a device instance, in thousandths.
public enum DeviceShare {
    /// A whole instance.
    public static let whole = 1_000

    /// Thousandths of a share between 0 and 1, at least one.
    public static func milli(_ share: Double?) -> Int {
        guard let share else { return whole }
        return min(whole, max(1, Int((share * Double(whole)).rounded())))
    }
}
