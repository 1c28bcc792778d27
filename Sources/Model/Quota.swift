public import Basics

/// A bound on what all the namespaces that name it may hold together, region by region.
public struct QuotaSpec: Document {
    public var name = ""
    public var description = ""
    /// One a region; a region without one is not limited.
    public var limits: [QuotaLimit] = []
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Description", &description)
        try visitor.field("Limits", &limits)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
    }
}

/// What a quota allows, or what is used of it, in one region.
public struct QuotaLimit: Document {
    public var region = ""
    public var regionLimit = QuotaResources()
    /// Names the limit in ``QuotaUsage``; servers fill it in.
    public var hash = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Region", &region)
        try visitor.field("RegionLimit", &regionLimit)
        try visitor.field("Hash", &hash)
    }
}

/// Amounts of a quota: MHz, whole cores, MiB, MiB. As a limit, 0 is none and a negative amount allows nothing (Nomad docs:
/// quota specification).
public struct QuotaResources: Document {
    public var cpu = 0
    public var cores = 0
    public var memoryMB = 0
    public var memoryMaxMB = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("CPU", &cpu)
        try visitor.field("Cores", &cores)
        try visitor.field("MemoryMB", &memoryMB)
        try visitor.field("MemoryMaxMB", &memoryMaxMB)
    }
}

/// What is used of a quota.
public struct QuotaUsage: Document {
    public var name = ""
    /// By the ``QuotaLimit/hash`` of the limit it counts against.
    public var used: [String: QuotaLimit] = [:]
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Used", &used)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
    }
}

extension QuotaSpec {
    /// What is wrong with it, in words; empty when nothing is.
    public func problems() -> [String] {
        var problems: [String] = []
        if !Namespace.isValidName(name) {
            problems.append("invalid quota name \"\(name)\": use 1 to 128 letters, digits and dashes")
        }
        var regions: Set<String> = []
        for limit in limits {
            if limit.region.isEmpty { problems.append("a limit of quota \"\(name)\" names no region") }
            if !regions.insert(limit.region).inserted {
                problems.append("quota \"\(name)\" has more than one limit for region \"\(limit.region)\"")
            }
        }
        return problems
    }

    /// The limit that holds in a region.
    public func limit(region: String) -> QuotaLimit? { limits.first { $0.region == region } }

    /// With the limits' hashes filled in. Sixteen hexadecimal digits: clients take the field for base64, and that they are.
    public func hashed() -> QuotaSpec {
        var hashed = self
        for position in hashed.limits.indices {
            var hasher = StableHasher()
            hasher.combine(name)
            hasher.combine(hashed.limits[position].region)
            let digits = String(hasher.value, radix: 16)
            hashed.limits[position].hash = String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }
        return hashed
    }
}
