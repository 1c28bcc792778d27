public import DroverSDK
internal import TaskIsolation

/// `exec`: runs a command in namespaces, a root, a control group and with rights of its own.
///
/// All of a task's life is the executor's, and how it is isolated is TaskIsolation's; this driver says which command. Configuration
/// keys as in Nomad's documentation of its exec driver.
public struct ExecDriver: ExecutorDriver {
    public let executor: Executor
    private let settings: IsolationSettings
    private let requirements: @Sendable () -> IsolationRequirements

    init(
        executor: Executor, settings: IsolationSettings,
        requirements: @escaping @Sendable () -> IsolationRequirements = { IsolationRequirements.here }
    ) {
        self.executor = executor
        self.settings = settings
        self.requirements = requirements
    }

    public var capabilities: DriverCapabilities { IsolationSettings.driverCapabilities }

    public func fingerprint() -> DriverFingerprint {
        let missing = requirements().missing
        guard missing.isEmpty else {
            return DriverFingerprint(.undetected, "cannot isolate tasks: " + missing.joined(separator: "; "))
        }
        return DriverFingerprint(.healthy, "Healthy", attributes: ["driver.exec": "1"])
    }

    public func start(_ task: TaskDocument, call: Call) throws {
        let arguments = [try task.config.requiredText("command")] + (try task.config.texts("args"))
        executor.launch(task, spec: try settings.specification(of: task, running: arguments), call: call)
    }
}
