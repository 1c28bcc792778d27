public import Basics

/// How often a failed task is restarted on its node (Nomad docs: restart). Nil fields take the job type's defaults.
public struct RestartPolicy: Document {
    public var interval: Duration?
    public var attempts: Int?
    public var delay: Duration?
    /// `fail` or `delay`: what follows when the attempts within the interval are used up.
    public var mode: String?
    public var renderTemplates: Bool?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Interval", &interval)
        try visitor.field("Attempts", &attempts)
        try visitor.field("Delay", &delay)
        try visitor.field("Mode", &mode)
        try visitor.field("RenderTemplates", &renderTemplates)
    }
}

/// How often a failed allocation is replaced on another node (Nomad docs: reschedule).
public struct ReschedulePolicy: Document {
    public var attempts: Int?
    public var interval: Duration?
    public var delay: Duration?
    /// `constant`, `exponential` or `fibonacci`.
    public var delayFunction: String?
    public var maxDelay: Duration?
    public var unlimited: Bool?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Attempts", &attempts)
        try visitor.field("Interval", &interval)
        try visitor.field("Delay", &delay)
        try visitor.field("DelayFunction", &delayFunction)
        try visitor.field("MaxDelay", &maxDelay)
        try visitor.field("Unlimited", &unlimited)
    }
}

/// How a new version replaces the old (Nomad docs: update).
public struct UpdateStrategy: Document {
    public var stagger: Duration?
    public var maxParallel: Int?
    public var healthCheck: String?
    public var minHealthyTime: Duration?
    public var healthyDeadline: Duration?
    public var progressDeadline: Duration?
    public var canary: Int?
    public var autoRevert: Bool?
    public var autoPromote: Bool?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Stagger", &stagger)
        try visitor.field("MaxParallel", &maxParallel)
        try visitor.field("HealthCheck", &healthCheck)
        try visitor.field("MinHealthyTime", &minHealthyTime)
        try visitor.field("HealthyDeadline", &healthyDeadline)
        try visitor.field("ProgressDeadline", &progressDeadline)
        try visitor.field("Canary", &canary)
        try visitor.field("AutoRevert", &autoRevert)
        try visitor.field("AutoPromote", &autoPromote)
    }
}

/// How allocations leave a draining node (Nomad docs: migrate).
public struct MigrateStrategy: Document {
    public var maxParallel: Int?
    public var healthCheck: String?
    public var minHealthyTime: Duration?
    public var healthyDeadline: Duration?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("MaxParallel", &maxParallel)
        try visitor.field("HealthCheck", &healthCheck)
        try visitor.field("MinHealthyTime", &minHealthyTime)
        try visitor.field("HealthyDeadline", &healthyDeadline)
    }
}

/// What happens when a node cannot be reached (Nomad docs: disconnect).
public struct DisconnectStrategy: Document {
    public var lostAfter: Duration?
    public var stopOnClientAfter: Duration?
    public var replace: Bool?
    public var reconcile: String?

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("LostAfter", &lostAfter)
        try visitor.field("StopOnClientAfter", &stopOnClientAfter)
        try visitor.field("Replace", &replace)
        try visitor.field("Reconcile", &reconcile)
    }
}
