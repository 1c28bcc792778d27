package import Basics
package import Model

/// Adds or replaces a job and makes its evaluation.
package struct RegisterJob: ServerCall {
    package typealias Reply = JobReply
    package static let method = CallMethod.registerJob

    package var job = Job()
    package var enforceIndex = false
    /// With ``enforceIndex``: the job's present `JobModifyIndex`, 0 for "absent".
    package var jobModifyIndex: UInt64 = 0
    package var preserveCounts = false
    package var evalPriority = 0
    package var placement = PlacementMode.queued
    /// Warnings of the agent that took the request, to be answered with the servers'.
    package var notes: [String] = []

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Job", &job)
        try visitor.field("EnforceIndex", &enforceIndex)
        try visitor.field("JobModifyIndex", &jobModifyIndex)
        try visitor.field("PreserveCounts", &preserveCounts)
        try visitor.field("EvalPriority", &evalPriority)
        try visitor.field("Placement", &placement)
        try visitor.field("Notes", &notes)
    }
}

/// Makes and runs an instance of a parameterized job.
package struct DispatchJob: ServerCall {
    package typealias Reply = DispatchReply
    package static let method = CallMethod.dispatchJob

    package var jobID = ""
    package var dispatch = JobDispatch()
    /// A dispatch with the token of an earlier one makes nothing; it is answered with that one's instance.
    package var idempotencyToken = ""
    package var placement = PlacementMode.queued

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("JobID", &jobID)
        try visitor.field("Dispatch", &dispatch)
        try visitor.field("IdempotencyToken", &idempotencyToken)
        try visitor.field("Placement", &placement)
    }
}

/// The HTTP API's answer to a dispatch.
package struct DispatchReply: Document {
    package var dispatchedJobID = ""
    package var evalID = ID.none
    package var evalCreateIndex: UInt64 = 0
    package var jobCreateIndex: UInt64 = 0
    /// What came of the evaluation, for a caller that asked to wait for it.
    package var placement: PlacementReport?
    package var index: UInt64 = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("DispatchedJobID", &dispatchedJobID)
        try visitor.field("EvalID", &evalID)
        try visitor.field("EvalCreateIndex", &evalCreateIndex)
        try visitor.field("JobCreateIndex", &jobCreateIndex)
        try visitor.field("Placement", &placement)
        try visitor.field("Index", &index)
    }
}

/// Stops a job, and with ``purge`` forgets it.
package struct DeregisterJob: ServerCall {
    package typealias Reply = JobReply
    package static let method = CallMethod.deregisterJob

    package var jobID = ""
    package var purge = false
    package var evalPriority = 0
    package var noShutdownDelay = false

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("JobID", &jobID)
        try visitor.field("Purge", &purge)
        try visitor.field("EvalPriority", &evalPriority)
        try visitor.field("NoShutdownDelay", &noShutdownDelay)
    }
}

/// Makes a fresh evaluation of a job.
package struct EvaluateJob: ServerCall {
    package typealias Reply = JobReply
    package static let method = CallMethod.evaluateJob

    package var jobID = ""
    package var forceReschedule = false

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("JobID", &jobID)
        try visitor.field("ForceReschedule", &forceReschedule)
    }
}

/// The HTTP API's answer to a write of a job.
package struct JobReply: Document {
    package var evalID = ID.none
    package var evalCreateIndex: UInt64 = 0
    package var jobModifyIndex: UInt64 = 0
    package var warnings = ""
    /// What came of the evaluation, for a caller that asked to wait for it.
    package var placement: PlacementReport?
    package var index: UInt64 = 0

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("EvalID", &evalID)
        try visitor.field("EvalCreateIndex", &evalCreateIndex)
        try visitor.field("JobModifyIndex", &jobModifyIndex)
        try visitor.field("Warnings", &warnings)
        try visitor.field("Placement", &placement)
        try visitor.field("Index", &index)
    }
}

/// Whether a registration would be accepted.
package struct ValidateJob: ServerCall {
    package typealias Reply = ValidateJobReply
    package static let method = CallMethod.validateJob

    package var job = Job()
    /// Warnings of the agent that took the request, to be answered with the servers'.
    package var notes: [String] = []

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Job", &job)
        try visitor.field("Notes", &notes)
    }
}

/// The HTTP API's JobValidateResponse.
package struct ValidateJobReply: Document {
    /// Ready nodes have told the schema of every task's driver, so that each `config` has been checked.
    package var driverConfigValidated = false
    package var validationErrors: [String] = []
    /// The errors as one text.
    package var error = ""
    package var warnings = ""

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("DriverConfigValidated", &driverConfigValidated)
        try visitor.field("ValidationErrors", &validationErrors)
        try visitor.field("Error", &error)
        try visitor.field("Warnings", &warnings)
    }
}

/// What a registration would do, without doing it.
package struct PlanJob: ServerCall {
    package typealias Reply = PlanJobReply
    package static let method = CallMethod.planJob

    package var job = Job()
    package var diff = false
    /// Nodes to be explained, by ID, beginning of an ID, or name. Drover's own.
    package var nodes: [String] = []
    /// Warnings of the agent that took the request, to be answered with the servers'.
    package var notes: [String] = []

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Job", &job)
        try visitor.field("Diff", &diff)
        try visitor.field("Nodes", &nodes)
        try visitor.field("Notes", &notes)
    }
}

package struct PlanJobReply: Document {
    package var jobModifyIndex: UInt64 = 0
    package var createdEvals: [Evaluation] = []
    /// A JobDiff object (SURFACE §7) when asked for.
    package var diff = JSON.null
    /// A PlanAnnotations object.
    package var annotations = JSON.null
    package var failedTGAllocs: [String: AllocationMetric] = [:]
    package var nextPeriodicLaunch = TimeText()
    package var warnings = ""
    package var index: UInt64 = 0
    /// How instances would be placed and why. Drover's own.
    package var placement = PlacementExplanation()

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Placement", &placement)
        try visitor.field("JobModifyIndex", &jobModifyIndex)
        try visitor.field("CreatedEvals", &createdEvals)
        try visitor.field("Diff", &diff)
        try visitor.field("Annotations", &annotations)
        try visitor.field("FailedTGAllocs", &failedTGAllocs)
        try visitor.field("NextPeriodicLaunch", &nextPeriodicLaunch)
        try visitor.field("Warnings", &warnings)
        try visitor.field("Index", &index)
    }
}

/// Stops one allocation; its job's evaluation replaces it.
package struct StopAllocation: ServerCall {
    package typealias Reply = JobReply
    package static let method = CallMethod.stopAllocation

    package var allocationID = ID.none
    package var noShutdownDelay = false

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("AllocationID", &allocationID)
        try visitor.field("NoShutdownDelay", &noShutdownDelay)
    }
}
