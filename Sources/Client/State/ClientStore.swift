package import Basics
package import Model

/// What a client must remember over its own restart: its allocations, and of each task which attempt runs.
///
/// Not synced to disk: the records describe live processes, and a power cut ends those too. They survive a kill of the client.
package protocol ClientStore: Sendable {
    /// All that is stored, in the order of ids.
    func load() async throws -> [StoredAllocation]

    func put(_ allocations: [Allocation]) async throws

    func put(_ record: TaskRecord, task: String, allocation: ID) async throws

    /// When a server last answered, as noted by ``putContact(_:)``; nil when that was never.
    func lastContact() async throws -> Timestamp?

    func putContact(_ time: Timestamp) async throws

    /// Forgets an allocation and its tasks; an unknown one is fine.
    func remove(_ allocation: ID) async throws
}

/// One allocation as stored.
package struct StoredAllocation: Sendable, Equatable {
    package var allocation: Allocation
    package var tasks: [String: TaskRecord]

    package init(allocation: Allocation, tasks: [String: TaskRecord] = [:]) {
        self.allocation = allocation
        self.tasks = tasks
    }
}

/// Where a task stands.
///
/// ```
/// idle ──► starting ──► running ──► ended ──► starting ... (next attempt)
/// ```
package enum TaskPhase: String, JSONForm {
    /// No attempt is under way.
    case idle
    /// The attempt's identity is stored; the driver may or may not have been asked.
    case starting
    /// The driver has answered; its handle is stored.
    case running
    /// The attempt has ended and is being cleared away.
    case ended
}

/// What is stored of one task.
package struct TaskRecord: Document {
    /// Number of the latest attempt; with allocation and task name it makes the driver's task id.
    package var attempt = 0
    package var phase = TaskPhase.idle
    /// The driver's own JSON, as text.
    package var handle = ""
    package var driver = ""
    package var state = TaskState()

    package init() {}

    package mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Attempt", &attempt)
        try visitor.field("Phase", &phase)
        try visitor.field("Handle", &handle)
        try visitor.field("Driver", &driver)
        try visitor.field("State", &state)
    }
}
