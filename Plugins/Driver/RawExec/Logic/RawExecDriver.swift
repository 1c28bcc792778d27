public import DroverSDK
internal import PluginSupport

/// `raw_exec`: runs a command as it is, with no isolation but a cgroup that accounts for it and ends it as a whole.
///
/// All of a task's life is the executor's; this driver only says what to launch. Configuration keys as in Nomad's
/// documentation of its raw_exec driver.
public struct RawExecDriver: ExecutorDriver {
    public let executor: Executor
    private let settings: RawExecSettings

    init(executor: Executor, settings: RawExecSettings) {
        self.executor = executor
        self.settings = settings
    }

    public var capabilities: DriverCapabilities {
        DriverCapabilities(sendSignals: true, exec: true, networkIsolation: ["host", "group"])
    }

    public func fingerprint() -> DriverFingerprint {
        guard settings.isEnabled else {
            let how = "disabled: set enabled = true in the agent's plugin \"raw_exec\" block to allow it"
            return DriverFingerprint(.undetected, how, periodNanoseconds: 0)
        }
        return DriverFingerprint(.healthy, "Healthy", attributes: ["driver.raw_exec": "1"], periodNanoseconds: 0)
    }

    public func start(_ task: TaskDocument, call: Call) throws {
        executor.launch(task, spec: try specification(task), call: call)
    }

    /// What to launch for `task`.
    ///
    /// - Throws: ``PluginError`` naming the configuration key, or the operator's rule, that forbids it.
    func specification(_ task: TaskDocument) throws(PluginError) -> JSON {
        guard settings.isEnabled else {
            throw PluginError(
                .denied, "raw_exec is disabled on this node; the operator enables it in plugin \"raw_exec\"")
        }
        try settings.deniedUsers.check(task.user)
        let config = task.config
        let command = try config.requiredText("command")
        let arguments = try config.texts("args")
        let environment = settings.filter(task.environment, alsoDenied: try config.texts("denied_envvars"))
        var limits: [String: JSON] = ["enforce": false]
        if config["oom_score_adj"] != nil {
            limits["oom_score_adj"] = .integer(try config.int("oom_score_adj", in: 0...1000))
        }
        var spec: [String: JSON] = [
            "argv": .array(([command] + arguments).map(JSON.string)),
            "env": .object(environment.mapValues(JSON.string)),
            "limits": .object(limits),
        ]
        let folder = try config.text("work_dir")
        if !folder.isEmpty {
            guard folder.hasPrefix("/") else {
                throw PluginError(.invalid, "\"work_dir\" must be an absolute path, not \"\(folder)\"")
            }
            spec["cwd"] = .string(folder)
        }
        spec["cgroup"] = try cgroup(config)
        if let path = task.json["network"]?["path"]?.string, !path.isEmpty {
            spec["isolation"] = ["net_path": .string(path)]
        }
        return .object(spec)
    }

    private func cgroup(_ config: JSON) throws(PluginError) -> JSON? {
        let unified = try config.text("cgroup_v2_override")
        let controllers = config["cgroup_v1_override"]
        guard unified.isEmpty || controllers == nil else {
            throw PluginError(.invalid, "\"cgroup_v2_override\" and \"cgroup_v1_override\" exclude each other")
        }
        if !unified.isEmpty { return ["v2_override": .string(unified)] }
        guard let controllers else { return nil }
        guard let list = controllers.array,
            list.allSatisfy({ $0.object?.values.allSatisfy { $0.string != nil } ?? false })
        else {
            throw PluginError(.invalid, "\"cgroup_v1_override\" must be a list of maps of controller to path")
        }
        return ["v1_override": controllers]
    }
}
