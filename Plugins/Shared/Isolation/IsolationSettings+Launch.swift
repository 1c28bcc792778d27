package import DroverSDK
package import PluginSupport

/// What a driver wants for a task besides what every isolated task gets.
package struct LaunchExtras: Sendable {
    package var binds: [TaskBind] = []
    /// Hard limit of memory in bytes; `nil`: as the task document says.
    package var memoryBytesMax: Int64?

    package init() {}
}

extension IsolationSettings {
    /// The launch specification that runs `arguments` as the isolated task `task`.
    ///
    /// Reads the keys that isolated drivers have in common from the task's configuration: work_dir, pid_mode, ipc_mode,
    /// cap_add, cap_drop, cpu_hard_limit. `arguments` begin with the program: a path in the task's root, or a name in its PATH.
    /// `extras` is what the driver itself needs. Throws ``PluginError`` naming the configuration key, or the operator's rule, that forbids it.
    package func specification(
        of task: TaskDocument, running arguments: [String], with extras: LaunchExtras = LaunchExtras()
    )
        throws(PluginError) -> JSON
    {
        let folder = try task.config.text("work_dir", otherwise: "/")
        guard folder.isEmpty || folder.hasPrefix("/") else {
            throw PluginError(.invalid, "\"work_dir\" must be an absolute path in the task's root, not \"\(folder)\"")
        }
        let account = try check(userOf: task)
        var root = try TaskRoot(task, folders: folders)
        for bind in extras.binds { root.add(bind) }
        return [
            "argv": .array(arguments.map(JSON.string)),
            // What devices add to it is in it already (driver.h).
            "env": .object(task.environment.mapValues(JSON.string)),
            "cwd": .string(folder.isEmpty ? "/" : folder),
            "user": .string(user(of: task)),
            "limits": try limits(task, extras),
            "isolation": try isolation(task, root, isRoot: account.uid == 0),
        ]
    }

    /// The account that `task` runs as; refuses one that the operator denies.
    package func check(userOf task: TaskDocument) throws(PluginError) -> UserAccount {
        try deniedUsers.check(user(of: task))
    }

    private func user(of task: TaskDocument) -> String {
        task.user.isEmpty ? IsolationSettings.defaultUser : task.user
    }

    private func isolation(_ task: TaskDocument, _ root: TaskRoot, isRoot: Bool) throws(PluginError) -> JSON {
        let config = task.config
        let capabilities = try CapabilitySet.kept(
            isRoot: isRoot, add: CapabilitySet(config.texts("cap_add"), key: "cap_add"),
            drop: CapabilitySet(config.texts("cap_drop"), key: "cap_drop"), allowed: allowed)
        let processes = try NamespaceMode(config, "pid_mode", otherwise: processMode)
        let memory = try NamespaceMode(config, "ipc_mode", otherwise: memoryMode)
        var isolation: [String: JSON] = [
            "mount": true, "uts": true, "pid": .bool(processes == .own), "ipc": .bool(memory == .own),
            "root": "tmpfs", "no_pivot_root": .bool(!pivotsRoot), "binds": .array(root.binds),
            "caps": .array(capabilities.names.sorted().map(JSON.string)), "seccomp": "default", "no_new_privs": true,
        ]
        if task.json["network"]?["mode"]?.string == "none" { isolation["net"] = true }
        for (key, name) in [("path", "net_path"), ("hostname", "hostname")] {
            if let text = task.json["network"]?[key]?.string, !text.isEmpty { isolation[name] = .string(text) }
        }
        return .object(isolation)
    }

    private func limits(_ task: TaskDocument, _ extras: LaunchExtras) throws(PluginError) -> JSON {
        var limits: [String: JSON] = [:]
        limits["memory_max_bytes"] = extras.memoryBytesMax.map(JSON.integer)
        if processesMax > 0 { limits["pids_max"] = .integer(processesMax) }
        if try task.config.flag("cpu_hard_limit") {
            let mhz = task.json["resources"]?["cpu_mhz"]?.integer ?? 0
            let info = CPUInfo(SmallFile.read("/proc/cpuinfo") ?? "")
            let core = info.mhz(ofCore: 0, reading: SmallFile.readLine)
            limits["cpu_quota_us_per_100ms"] = .integer(IsolationSettings.quota(mhz: mhz, ofCore: core))
        }
        return .object(limits)
    }

    /// Microseconds of CPU time in each 100 ms that `mhz` are on cores of `core` MHz; at least the kernel's least, 1,000.
    package static func quota(mhz: Int64, ofCore core: Int64) -> Int64 { max(1_000, mhz * 100_000 / max(1, core)) }
}
