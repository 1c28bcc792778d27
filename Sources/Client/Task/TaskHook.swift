internal import Basics
internal import Model
internal import PluginHost

/// One step before a task's start, in a file of its own; run anew for every attempt and safe to run again after a restart.
///
/// The order is the array in ``TaskHooks/all``. A hook that throws ends the attempt: ``TaskSetupError`` says whether another
/// attempt may help.
protocol TaskHook: Sendable {
    /// A stable name for messages.
    var name: String { get }

    func prestart(_ start: inout TaskStart, _ context: TaskContext) async throws
}

/// What hooks make together: the task document for the driver.
struct TaskStart: Sendable {
    let allocation: Allocation
    let job: Job
    let group: TaskGroup
    let task: JobTask
    let node: Node
    let driver: any Driver
    var spec: TaskSpec
    /// False when this attempt has been started before, and only its task document is wanted once more.
    var isNew = true
    /// Whom the task runs as: the job's word, else the driver's; "" is the agent's own user.
    var user: String { task.user.isEmpty ? driver.capabilities.defaultUser : task.user }
    /// What hooks add to the task's environment, such as the variables of its devices.
    var hookEnvironment: [String: String] = [:]
    /// Set by ``EnvironmentHook``.
    var environment: TaskEnvironment?
}

/// Why an attempt could not be prepared.
struct TaskSetupError: Error, CustomStringConvertible {
    let message: String
    /// Trying again may help.
    var recoverable = false
    /// The job is at fault: shown as a failed validation.
    var isValidation = false

    var description: String { message }
}

enum TaskHooks {
    /// In the order in which they run.
    static let all: [any TaskHook] = [
        ValidationHook(), TaskFolderHook(), DispatchPayloadHook(), LogsHook(), ResourcesHook(), NetworkHook(),
        DeviceHook(),
        EnvironmentHook(), ConfigurationHook(),
    ]
}
