public import DroverSDK
internal import PluginSupport

/// `exec`: runs a command in namespaces, a root, a control group and with rights of its own.
///
/// All of a task's life is the executor's; this driver says what to launch and how to isolate it. Configuration keys as in
/// Nomad's documentation of its exec driver.
public struct ExecDriver: ExecutorDriver {
    public let executor: Executor
    private let settings: ExecSettings
    private let requirements: @Sendable () -> Requirements

    init(
        executor: Executor, settings: ExecSettings,
        requirements: @escaping @Sendable () -> Requirements = { Requirements.here }
    ) {
        self.executor = executor
        self.settings = settings
        self.requirements = requirements
    }

    /// Whom tasks run as that name no user.
    static let defaultUser = "nobody"

    public var capabilities: DriverCapabilities {
        DriverCapabilities(
            sendSignals: true, exec: true, filesystemIsolation: "chroot", networkIsolation: ["host", "group"],
            mounts: "all", defaultUser: ExecDriver.defaultUser)
    }

    public func fingerprint() -> DriverFingerprint {
        let missing = requirements().missing
        guard missing.isEmpty else {
            return DriverFingerprint(.undetected, "cannot isolate tasks: " + missing.joined(separator: "; "))
        }
        return DriverFingerprint(.healthy, "Healthy", attributes: ["driver.exec": "1"])
    }

    public func start(_ task: TaskDocument, call: Call) throws {
        executor.launch(task, spec: try specification(task), call: call)
    }

    /// What to launch for `task`.
    ///
    /// - Throws: ``PluginError`` naming the configuration key, or the operator's rule, that forbids it.
    func specification(_ task: TaskDocument) throws(PluginError) -> JSON {
        let config = task.config
        let command = try config.requiredText("command")
        let folder = try config.text("work_dir", otherwise: "/")
        guard folder.isEmpty || folder.hasPrefix("/") else {
            throw PluginError(.invalid, "\"work_dir\" must be an absolute path in the task's root, not \"\(folder)\"")
        }
        let user = task.user.isEmpty ? ExecDriver.defaultUser : task.user
        let account = try settings.deniedUsers.check(user)
        let root = try TaskRoot(task, folders: settings.folders)
        let environment = task.environment.merging(root.environment) { $1 }
        return [
            "argv": .array(([command] + (try config.texts("args"))).map(JSON.string)),
            "env": .object(environment.mapValues(JSON.string)),
            "cwd": .string(folder.isEmpty ? "/" : folder),
            "user": .string(user),
            "limits": try limits(task),
            "isolation": try isolation(task, root, isRoot: account.uid == 0),
        ]
    }

    private func isolation(_ task: TaskDocument, _ root: TaskRoot, isRoot: Bool) throws(PluginError) -> JSON {
        let config = task.config
        let capabilities = try CapabilitySet.kept(
            isRoot: isRoot, add: CapabilitySet(config.texts("cap_add"), key: "cap_add"),
            drop: CapabilitySet(config.texts("cap_drop"), key: "cap_drop"), allowed: settings.allowed)
        let processes = try NamespaceMode(config, "pid_mode", otherwise: settings.processMode)
        let memory = try NamespaceMode(config, "ipc_mode", otherwise: settings.memoryMode)
        var isolation: [String: JSON] = [
            "mount": true, "uts": true, "pid": .bool(processes == .own), "ipc": .bool(memory == .own),
            "root": "tmpfs", "no_pivot_root": .bool(!settings.pivotsRoot), "binds": .array(root.binds),
            "caps": .array(capabilities.names.sorted().map(JSON.string)), "seccomp": "default", "no_new_privs": true,
        ]
        // Refused by name where the executor cannot enter it: the host's network must not be what the task gets instead.
        if let path = task.json["network"]?["path"]?.string, !path.isEmpty { isolation["net_path"] = .string(path) }
        return .object(isolation)
    }

    private func limits(_ task: TaskDocument) throws(PluginError) -> JSON {
        var limits: [String: JSON] = [:]
        if settings.processesMax > 0 { limits["pids_max"] = .integer(settings.processesMax) }
        if try task.config.flag("cpu_hard_limit") {
            let mhz = task.json["resources"]?["cpu_mhz"]?.integer ?? 0
            let info = CPUInfo(SmallFile.read("/proc/cpuinfo") ?? "")
            let core = info.mhz(ofCore: 0, reading: SmallFile.readLine)
            limits["cpu_quota_us_per_100ms"] = .integer(ExecDriver.quota(mhz: mhz, ofCore: core))
        }
        return .object(limits)
    }

    /// Microseconds of CPU time in each 100 ms that `mhz` are on cores of `core` MHz; at least the kernel's least, 1,000.
    static func quota(mhz: Int64, ofCore core: Int64) -> Int64 { max(1_000, mhz * 100_000 / max(1, core)) }
}
