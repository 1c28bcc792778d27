public import Basics

/// A request to bring one job's allocations to what the job wants.
public struct Evaluation: Document {
    public var id = ID.none
    public var priority = 0
    /// The job's type, which selects the scheduler.
    public var type = JobType("")
    public var triggeredBy = EvaluationTrigger.jobRegister
    public var namespace = ""
    public var jobID = ""
    public var jobModifyIndex: UInt64 = 0
    public var nodeID = ID.none
    public var nodeModifyIndex: UInt64 = 0
    public var deploymentID = ID.none
    public var status = EvaluationStatus.pending
    public var statusDescription = ""
    /// Not before this moment; ``Timestamp/never`` for at once.
    public var waitUntil = Timestamp.never
    public var nextEval = ID.none
    public var previousEval = ID.none
    public var blockedEval = ID.none
    /// What could not be placed, by task group.
    public var failedTGAllocs: [String: AllocationMetric] = [:]
    /// For blocked evaluations: computed node classes known to be (un)suitable.
    public var classEligibility: [String: Bool] = [:]
    public var escapedComputedClass = false
    /// For blocked evaluations: the quota that kept instances back. One that names a quota and says nothing of node classes
    /// waits for that quota alone.
    public var quotaLimitReached = ""
    /// For blocked evaluations: what they lack of that quota; nil when that is not known.
    public var quotaNeed: QuotaNeed?
    public var queuedAllocations: [String: Int] = [:]
    /// The state must be at least at this index when the evaluation is processed.
    public var snapshotIndex: UInt64 = 0
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0
    public var createTime = Timestamp.never
    public var modifyTime = Timestamp.never

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("ID", &id)
        try visitor.field("Priority", &priority)
        try visitor.field("Type", &type)
        try visitor.field("TriggeredBy", &triggeredBy)
        try visitor.field("Namespace", &namespace)
        try visitor.field("JobID", &jobID)
        try visitor.field("JobModifyIndex", &jobModifyIndex)
        try visitor.field("NodeID", &nodeID)
        try visitor.field("NodeModifyIndex", &nodeModifyIndex)
        try visitor.field("DeploymentID", &deploymentID)
        try visitor.field("Status", &status)
        try visitor.field("StatusDescription", &statusDescription)
        try visitor.field("WaitUntil", &waitUntil)
        try visitor.field("NextEval", &nextEval)
        try visitor.field("PreviousEval", &previousEval)
        try visitor.field("BlockedEval", &blockedEval)
        try visitor.field("FailedTGAllocs", &failedTGAllocs)
        try visitor.field("ClassEligibility", &classEligibility)
        try visitor.field("EscapedComputedClass", &escapedComputedClass)
        try visitor.field("QuotaLimitReached", &quotaLimitReached)
        try visitor.field("QuotaNeed", &quotaNeed)
        try visitor.field("QueuedAllocations", &queuedAllocations)
        try visitor.field("SnapshotIndex", &snapshotIndex)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
        try visitor.field("CreateTime", &createTime)
        try visitor.field("ModifyTime", &modifyTime)
    }
}

public enum EvaluationStatus: String, JSONForm, CaseIterable {
    case pending
    /// Waits for capacity.
    case blocked
    case complete
    case failed
    case canceled

    public var isTerminal: Bool { self == .complete || self == .failed || self == .canceled }
}

/// Why an evaluation was made; an open set.
public struct EvaluationTrigger: RawRepresentable, Hashable, JSONForm, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    public static let jobRegister = EvaluationTrigger(rawValue: "job-register")
    public static let jobDeregister = EvaluationTrigger(rawValue: "job-deregister")
    public static let periodicJob = EvaluationTrigger(rawValue: "periodic-job")
    public static let nodeUpdate = EvaluationTrigger(rawValue: "node-update")
    public static let nodeDrain = EvaluationTrigger(rawValue: "node-drain")
    public static let allocationStop = EvaluationTrigger(rawValue: "alloc-stop")
    public static let scheduled = EvaluationTrigger(rawValue: "scheduled")
    public static let rollingUpdate = EvaluationTrigger(rawValue: "rolling-update")
    public static let deploymentWatcher = EvaluationTrigger(rawValue: "deployment-watcher")
    public static let failedFollowUp = EvaluationTrigger(rawValue: "failed-follow-up")
    public static let maxPlans = EvaluationTrigger(rawValue: "max-plan-attempts")
    public static let retryFailedAllocation = EvaluationTrigger(rawValue: "alloc-failure")
    public static let queuedAllocations = EvaluationTrigger(rawValue: "queued-allocs")
    public static let preemption = EvaluationTrigger(rawValue: "preemption")
    public static let scaling = EvaluationTrigger(rawValue: "job-scaling")
    public static let maxDisconnectTimeout = EvaluationTrigger(rawValue: "max-disconnect-timeout")
    public static let reconnect = EvaluationTrigger(rawValue: "reconnect")

    public var description: String { rawValue }
}
