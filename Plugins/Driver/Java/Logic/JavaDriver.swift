public import DroverSDK
internal import PluginSupport
internal import TaskIsolation

/// `java`: runs a class or a jar in the machine's Java runtime, isolated as `exec` isolates commands.
///
/// All of a task's life is the executor's, and how it is isolated is TaskIsolation's; this driver finds the runtime and says with
/// which arguments it runs. Configuration keys as in Nomad's documentation of its java driver.
public struct JavaDriver: ExecutorDriver {
    public let executor: Executor
    private let settings: IsolationSettings
    private let requirements: @Sendable () -> IsolationRequirements
    private let search: @Sendable () -> String
    private let version: RememberedAnswer

    /// `search` are the folders that may hold `java`, as in PATH.
    init(
        host: Host, settings: IsolationSettings,
        requirements: @escaping @Sendable () -> IsolationRequirements = { IsolationRequirements.here },
        search: @escaping @Sendable () -> String = { ProgramPath.search }
    ) {
        executor = host.executor
        self.settings = settings
        self.requirements = requirements
        self.search = search
        version = RememberedAnswer(host: host, key: "version", ask: JavaRuntime.ask)
    }

    public var capabilities: DriverCapabilities { IsolationSettings.driverCapabilities }

    public func fingerprint() -> DriverFingerprint {
        let missing = requirements().missing
        guard missing.isEmpty else {
            return DriverFingerprint(.undetected, "cannot isolate tasks: " + missing.joined(separator: "; "))
        }
        let program: String
        do {
            program = try self.program()
        } catch {
            return DriverFingerprint(.undetected, error.message)
        }
        switch version.now(program) {
        case nil: return DriverFingerprint(.undetected, "\(program) has yet to tell its version")
        case .failure(let error): return DriverFingerprint(.unhealthy, error.message)
        case .success(let output):
            return DriverFingerprint(.healthy, "Healthy", attributes: JavaDriver.attributes(output))
        }
    }

    private static func attributes(_ output: String) -> [String: String] {
        var attributes = ["driver.java": "1"]
        if let runtime = JavaRuntime(output) {
            attributes["driver.java.version"] = runtime.version
            attributes["driver.java.runtime"] = runtime.runtime
            attributes["driver.java.vm"] = runtime.machine
        }
        return attributes
    }

    public func start(_ task: TaskDocument, call: Call) throws {
        let arguments = [try program()] + (try JavaDriver.arguments(task.config))
        executor.launch(task, spec: try settings.specification(of: task, running: arguments), call: call)
    }

    /// What follows `java`: options of the machine, what to run, and the program's own arguments.
    ///
    /// - Throws: ``PluginError/Code/invalid`` unless the job names a class or a jar, not both.
    static func arguments(_ config: JSON) throws(PluginError) -> [String] {
        let (name, jar) = (try config.text("class"), try config.text("jar_path"))
        guard name.isEmpty != jar.isEmpty else {
            let what = name.isEmpty ? "one of them is required" : "only one of them can be run"
            throw PluginError(.invalid, "\"class\" and \"jar_path\": \(what)")
        }
        let path = try config.text("class_path")
        return try config.texts("jvm_options") + (path.isEmpty ? [] : ["-cp", path])
            + (jar.isEmpty ? [name] : ["-jar", jar]) + config.texts("args")
    }

    /// The file of the runtime's launcher, which tasks see at the same path.
    ///
    /// - Throws: ``PluginError/Code/notFound`` when there is none, or none that tasks would see.
    private func program() throws(PluginError) -> String {
        guard let program = ProgramPath.find("java", in: search()) else {
            throw PluginError(.notFound, "no \"java\" in the agent's PATH (\(search())): install a Java runtime")
        }
        guard settings.shows(program) else {
            throw PluginError(
                .notFound, "tasks do not see \(program): add its folder to chroot_env, at the same path")
        }
        return program
    }
}
