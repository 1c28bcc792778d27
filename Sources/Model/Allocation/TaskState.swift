public import Basics

public enum TaskRunState: String, JSONForm {
    case pending
    case running
    case dead
}

/// What a client reports of a task.
public struct TaskState: Document {
    public var state = TaskRunState.pending
    public var failed = false
    public var restarts: UInt64 = 0
    public var lastRestart = TimeText()
    public var startedAt = TimeText()
    public var finishedAt = TimeText()
    /// The latest ten, oldest first.
    public var events: [TaskEvent] = []

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("State", &state)
        try visitor.field("Failed", &failed)
        try visitor.field("Restarts", &restarts)
        try visitor.field("LastRestart", &lastRestart)
        try visitor.field("StartedAt", &startedAt)
        try visitor.field("FinishedAt", &finishedAt)
        try visitor.field("Events", &events)
    }
}

/// Something that happened to a task; `type` is one of the names in ``TaskEventType``.
public struct TaskEvent: Document {
    public var type = ""
    public var time = Timestamp.never
    public var displayMessage = ""
    public var details: [String: String] = [:]
    public var message = ""
    public var failsTask = false
    public var restartReason = ""
    public var setupError = ""
    public var driverError = ""
    public var driverMessage = ""
    public var exitCode = 0
    public var signal = 0
    public var killReason = ""
    public var killTimeout = Duration.zero
    public var killError = ""
    public var startDelay = Duration.zero
    public var downloadError = ""
    public var validationError = ""
    public var failedSibling = ""
    public var taskSignalReason = ""
    public var taskSignal = ""
    public var genericSource = ""

    public init() {}

    public mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Type", &type)
        try visitor.field("Time", &time)
        try visitor.field("DisplayMessage", &displayMessage)
        try visitor.field("Details", &details)
        try visitor.field("Message", &message)
        try visitor.field("FailsTask", &failsTask)
        try visitor.field("RestartReason", &restartReason)
        try visitor.field("SetupError", &setupError)
        try visitor.field("DriverError", &driverError)
        try visitor.field("DriverMessage", &driverMessage)
        try visitor.field("ExitCode", &exitCode)
        try visitor.field("Signal", &signal)
        try visitor.field("KillReason", &killReason)
        try visitor.field("KillTimeout", &killTimeout)
        try visitor.field("KillError", &killError)
        try visitor.field("StartDelay", &startDelay)
        try visitor.field("DownloadError", &downloadError)
        try visitor.field("ValidationError", &validationError)
        try visitor.field("FailedSibling", &failedSibling)
        try visitor.field("TaskSignalReason", &taskSignalReason)
        try visitor.field("TaskSignal", &taskSignal)
        try visitor.field("GenericSource", &genericSource)
    }
}

/// The exact names of task events users and dashboards know.
public enum TaskEventType {
    public static let received = "Received"
    public static let setupFailure = "Setup Failure"
    public static let driverFailure = "Driver Failure"
    public static let failedValidation = "Failed Validation"
    public static let started = "Started"
    public static let running = "Running"
    public static let terminated = "Terminated"
    public static let killing = "Killing"
    public static let killed = "Killed"
    public static let restarting = "Restarting"
    public static let notRestarting = "Not Restarting"
    public static let restartSignaled = "Restart Signaled"
    public static let signaling = "Signaling"
    public static let downloadingArtifacts = "Downloading Artifacts"
    public static let failedArtifactDownload = "Failed Artifact Download"
    public static let buildingTaskDirectory = "Building Task Directory"
    public static let taskSetup = "Task Setup"
    public static let siblingFailed = "Sibling Task Failed"
    public static let driver = "Driver"
    public static let leaderDead = "Leader Task Dead"
    public static let mainTasksDead = "Main Tasks Dead"
    public static let hookFailed = "Task hook failed"
    public static let hookMessage = "Task hook message"
    public static let failedRestoring = "Failed Restoring Task"
    public static let pluginUnhealthy = "Plugin became unhealthy"
    public static let pluginHealthy = "Plugin became healthy"
    public static let waitingShutdownDelay = "Waiting for shutdown delay"
}
