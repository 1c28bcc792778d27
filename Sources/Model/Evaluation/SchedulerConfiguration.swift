public import Basics

/// How the cluster schedules; changed at run time.
public struct SchedulerConfiguration: Document {
    /// `binpack` or `spread` configure the stock plug-ins; any other name selects a plug-in.
    public var schedulerAlgorithm = "binpack"
    /// Exceptions to it for a job type, a node pool or both; ``choice(type:nodePool:)`` says which one holds.
    public var schedulers: [SchedulerRule] = []
    /// The longest a selected plug-in may take for one evaluation; 10 s, 1 ms to 25 s. The stock plug-in that is asked after it
    /// must still be done before the broker gives the evaluation to another worker.
    public var schedulerDeadline = Duration.seconds(10)
    /// A plug-in that is tried on live evaluations without effect; none by default.
    public var shadow = ShadowTarget()
    public var preemptionConfig = PreemptionConfig()
    public var memoryOversubscriptionEnabled = false
    public var rejectJobRegistration = false
    public var pauseEvalBroker = false
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("SchedulerAlgorithm", &schedulerAlgorithm)
        try visitor.field("Schedulers", &schedulers)
        try visitor.field("SchedulerDeadline", &schedulerDeadline)
        try visitor.field("Shadow", &shadow)
        try visitor.field("PreemptionConfig", &preemptionConfig)
        try visitor.field("MemoryOversubscriptionEnabled", &memoryOversubscriptionEnabled)
        try visitor.field("RejectJobRegistration", &rejectJobRegistration)
        try visitor.field("PauseEvalBroker", &pauseEvalBroker)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
    }
}

/// Which job types may pre-empt.
public struct PreemptionConfig: Document {
    public var systemSchedulerEnabled = true
    public var sysBatchSchedulerEnabled = false
    public var batchSchedulerEnabled = false
    public var serviceSchedulerEnabled = false

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("SystemSchedulerEnabled", &systemSchedulerEnabled)
        try visitor.field("SysBatchSchedulerEnabled", &sysBatchSchedulerEnabled)
        try visitor.field("BatchSchedulerEnabled", &batchSchedulerEnabled)
        try visitor.field("ServiceSchedulerEnabled", &serviceSchedulerEnabled)
    }
}
