public import Basics

/// What a blocked evaluation lacks of the quota that kept it back.
public struct QuotaNeed: Document {
    /// Room for any of these lets it get on: for an instance of a group, or for a gang as a whole.
    public var any: [QuotaResources] = []
    /// All that was kept back.
    public var all = QuotaResources()

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Any", &any)
        try visitor.field("All", &all)
    }
}

extension QuotaResources {
    /// The dimensions of `amounts` that quotas count; those that an update gives back are negative.
    public init(_ amounts: ResourceVector) {
        self.init()
        cpu = Int(amounts.cpu)
        cores = Int(amounts.cores)
        memoryMB = Int(amounts.memory)
        memoryMaxMB = Int(amounts.memoryMax)
    }

    public static func += (left: inout QuotaResources, right: QuotaResources) {
        left.cpu += right.cpu
        left.cores += right.cores
        left.memoryMB += right.memoryMB
        left.memoryMaxMB += right.memoryMaxMB
    }
}
