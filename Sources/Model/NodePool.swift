public import Basics

/// A set of nodes that jobs choose by name.
///
/// Two are built in: `default`, and `all`, which no node is in and which stands for every pool where a job names it.
public struct NodePool: Document {
    public var name = ""
    public var description = ""
    public var meta: [String: String] = [:]
    /// How the pool differs from the cluster; nil when it does not.
    public var schedulerConfiguration: NodePoolSchedulerConfiguration?
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0

    public init() {}

    public init(name: String, description: String, index: UInt64) {
        self.name = name
        self.description = description
        createIndex = index
        modifyIndex = index
    }

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Name", &name)
        try visitor.field("Description", &description)
        try visitor.field("Meta", &meta)
        try visitor.field("SchedulerConfiguration", &schedulerConfiguration)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
    }
}

/// What a pool sets in place of the cluster's scheduler configuration.
public struct NodePoolSchedulerConfiguration: Document {
    /// As ``SchedulerConfiguration/schedulerAlgorithm``; empty for the cluster's.
    public var schedulerAlgorithm = ""
    /// Nil for the cluster's.
    public var memoryOversubscriptionEnabled: Bool?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("SchedulerAlgorithm", &schedulerAlgorithm)
        try visitor.field("MemoryOversubscriptionEnabled", &memoryOversubscriptionEnabled)
    }
}

extension NodePool {
    /// The pools that are always there.
    public static let builtIn = [
        NodePool(name: "all", description: "Node pool with all nodes in the cluster.", index: 1),
        NodePool(name: "default", description: "Default node pool.", index: 1),
    ]

    public var isBuiltIn: Bool { NodePool.builtIn.contains { $0.name == name } }

    /// What is wrong with it, in words; empty when nothing is.
    public func problems() -> [String] {
        var problems: [String] = []
        if !Namespace.isValidName(name.replacing("_", with: "-")) {
            problems.append("invalid node pool name \"\(name)\": use 1 to 128 letters, digits, dashes and underscores")
        }
        if description.utf8.count > 256 { problems.append("the description is longer than 256 bytes") }
        return problems
    }
}

extension SchedulerConfiguration {
    /// The configuration as it holds for jobs of a pool.
    public func adapted(to pool: NodePoolSchedulerConfiguration) -> SchedulerConfiguration {
        var adapted = self
        if !pool.schedulerAlgorithm.isEmpty { adapted.schedulerAlgorithm = pool.schedulerAlgorithm }
        if let isEnabled = pool.memoryOversubscriptionEnabled { adapted.memoryOversubscriptionEnabled = isEnabled }
        return adapted
    }
}
