public import Basics

/// How the cluster schedules; changed at run time.
public struct SchedulerConfiguration: Document {
    /// `binpack` or `spread` configure the stock plug-ins; any other name selects a plug-in.
    public var schedulerAlgorithm = "binpack"
    public var preemptionConfig = PreemptionConfig()
    public var memoryOversubscriptionEnabled = false
    public var rejectJobRegistration = false
    public var pauseEvalBroker = false
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("SchedulerAlgorithm", &schedulerAlgorithm)
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
