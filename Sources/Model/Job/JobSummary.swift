public import Basics

/// Counts of a job's allocations.
public struct JobSummary: Document {
    public var jobID = ""
    public var namespace = ""
    public var summary: [String: TaskGroupSummary] = [:]
    public var children: JobChildrenSummary?
    public var createIndex: UInt64 = 0
    public var modifyIndex: UInt64 = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("JobID", &jobID)
        try visitor.field("Namespace", &namespace)
        try visitor.field("Summary", &summary)
        try visitor.field("Children", &children)
        try visitor.field("CreateIndex", &createIndex)
        try visitor.field("ModifyIndex", &modifyIndex)
    }
}

/// Counts of a group's allocations.
public struct TaskGroupSummary: Document {
    public var queued = 0
    public var complete = 0
    public var failed = 0
    public var running = 0
    public var starting = 0
    public var lost = 0
    public var unknown = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Queued", &queued)
        try visitor.field("Complete", &complete)
        try visitor.field("Failed", &failed)
        try visitor.field("Running", &running)
        try visitor.field("Starting", &starting)
        try visitor.field("Lost", &lost)
        try visitor.field("Unknown", &unknown)
    }
}

/// Counts of dispatched or periodic children.
public struct JobChildrenSummary: Document {
    public var pending = 0
    public var running = 0
    public var dead = 0

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Pending", &pending)
        try visitor.field("Running", &running)
        try visitor.field("Dead", &dead)
    }
}
