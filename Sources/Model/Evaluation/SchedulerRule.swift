public import Basics

/// An exception to the cluster's scheduler: what places jobs of a type, or for a node pool, instead.
public struct SchedulerRule: Document {
    /// The type of the jobs it is for; empty for any.
    public var jobType = ""
    /// The node pool of the jobs it is for; empty for any.
    public var nodePool = ""
    /// The plug-in that places them; empty for the stock one of the job's type.
    public var plugin = ""
    /// `binpack` or `spread`; empty for the cluster's.
    public var algorithm = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("JobType", &jobType)
        try visitor.field("NodePool", &nodePool)
        try visitor.field("Plugin", &plugin)
        try visitor.field("Algorithm", &algorithm)
    }

    /// How closely it fits a job: 3 for type and pool, 2 for the type, 1 for the pool, 0 for every job; nil when it does not.
    func specificity(type: JobType, nodePool pool: String) -> Int? {
        guard jobType.isEmpty || jobType == type.rawValue, nodePool.isEmpty || nodePool == pool else { return nil }
        return (jobType.isEmpty ? 0 : 2) + (nodePool.isEmpty ? 0 : 1)
    }
}

/// A plug-in to try in the shadow of the one that places, and the jobs to try it on.
public struct ShadowTarget: Document {
    /// Empty: none is tried.
    public var plugin = ""
    /// Empty for any.
    public var jobType = ""
    /// Empty for any.
    public var nodePool = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Plugin", &plugin)
        try visitor.field("JobType", &jobType)
        try visitor.field("NodePool", &nodePool)
    }

    /// Whether the plug-in is to be tried on such a job.
    public func covers(type: JobType, nodePool pool: String) -> Bool {
        !plugin.isEmpty && (jobType.isEmpty || jobType == type.rawValue) && (nodePool.isEmpty || nodePool == pool)
    }
}

/// What places a job: the plug-in to ask first, and how the stock ones score.
public struct SchedulerChoice: Sendable, Equatable {
    /// Empty for the stock plug-in of the job's type.
    public var plugin: String
    /// `binpack` or `spread`.
    public var algorithm: String
}

extension SchedulerConfiguration {
    /// The names that configure the stock plug-ins instead of selecting another.
    public static let stockAlgorithms = ["binpack", "spread"]

    /// What places a job of `type` for nodes of `nodePool`: the first of the rules that fit most closely, else the
    /// cluster's algorithm. A rule for a type outweighs one for a pool.
    public func choice(type: JobType, nodePool: String) -> SchedulerChoice {
        let isStock = SchedulerConfiguration.stockAlgorithms.contains(schedulerAlgorithm)
        let general = SchedulerChoice(
            plugin: isStock ? "" : schedulerAlgorithm, algorithm: isStock ? schedulerAlgorithm : "binpack")
        var best: (specificity: Int, rule: SchedulerRule)?
        for rule in schedulers {
            guard let specificity = rule.specificity(type: type, nodePool: nodePool.isEmpty ? "default" : nodePool),
                specificity > best?.specificity ?? -1
            else { continue }
            best = (specificity, rule)
        }
        guard let rule = best?.rule else { return general }
        return SchedulerChoice(
            plugin: rule.plugin, algorithm: rule.algorithm.isEmpty ? general.algorithm : rule.algorithm)
    }
}
