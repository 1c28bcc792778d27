internal import DroverSDK
internal import PluginSupport

/// Kernel, distribution, host name, signals, cgroups and Landlock.
enum SystemProbe {
    /// Signals that a job may name, in the order they are listed.
    static let signals = [
        "SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT", "SIGIO", "SIGIOT",
        "SIGKILL", "SIGPIPE", "SIGPROF", "SIGQUIT", "SIGSEGV", "SIGSTOP", "SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP",
        "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGXCPU", "SIGXFSZ",
    ]

    static func run(_ machine: Machine, _ fingerprint: inout Fingerprint) {
        let kernel = machine.system.kernel()
        let release = machine.text("/etc/os-release") ?? machine.text("/usr/lib/os-release") ?? ""
        let found: [(String, String?)] = [
            ("cpu.arch", architecture(kernel.machine)),
            ("kernel.name", "linux"),
            ("kernel.arch", kernel.machine),
            ("kernel.version", kernel.release),
            ("os.name", value("ID", in: release) ?? "linux"),
            ("os.version", value("VERSION_ID", in: release)),
            ("os.signals", signals.joined(separator: ",")),
            ("os.codename", value("VERSION_CODENAME", in: release)),
            ("os.prettyname", value("PRETTY_NAME", in: release)),
            ("os.cgroups.version", cgroupVersion(machine)),
            ("os.cgroups.controllers", cgroupControllers(machine)),
            ("kernel.landlock", machine.system.landlockVersion().map { "v\($0)" }),
            // They name disks: nodes that share all else must stay in one class.
            ("unique.kernel.arguments", machine.line("/proc/cmdline")),
            ("unique.hostname", machine.system.hostname()),
            ("unique.host_id", machineID(machine)),
        ]
        for (name, value) in found {
            if let value, !value.isEmpty { fingerprint.attributes[name] = value }
        }
    }

    /// What names this machine over reinstallations, else over restarts: the firmware's UUID, else machine-id(5) in the same form.
    static func machineID(_ machine: Machine) -> String? {
        for path in ["/sys/class/dmi/id/product_uuid", "/etc/machine-id"] {
            let digits = (machine.line(path) ?? "").lowercased().filter { $0 != "-" }
            // All alike is what firmware says that has none.
            guard digits.utf8.count == 32, digits.allSatisfy(\.isHexDigit), Set(digits).count > 1 else { continue }
            let ends = [0, 8, 12, 16, 20, 32]
            let parts = zip(ends, ends.dropFirst()).map { digits.dropFirst($0).prefix($1 - $0) }
            return parts.joined(separator: "-")
        }
        return nil
    }

    /// The architecture as job files and artifacts name it.
    static func architecture(_ machine: String) -> String {
        let names = [
            "x86_64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386", "armv7l": "arm", "armv6l": "arm",
        ]
        return names[machine] ?? machine
    }

    /// A value of os-release(5), whose values may be quoted.
    private static func value(_ key: String, in release: String) -> String? {
        for line in release.split(separator: "\n") where line.hasPrefix(key + "=") {
            let value = SmallFile.trim(line.dropFirst(key.count + 1), also: "\"")
            return SmallFile.trim(value[...], also: "'")
        }
        return nil
    }

    /// "2" when the unified hierarchy is mounted at /sys/fs/cgroup (cgroup-v2.rst), "1" for one hierarchy a controller.
    private static func cgroupVersion(_ machine: Machine) -> String? {
        if machine.text("/sys/fs/cgroup/cgroup.controllers") != nil { return "2" }
        return machine.names(in: "/sys/fs/cgroup").isEmpty ? nil : "1"
    }

    /// Controllers that can be used, by name: of v2 those of its root, of v1 those that have a hierarchy ("cpu 3 120 1" in
    /// /proc/cgroups: name, hierarchy, groups, enabled).
    private static func cgroupControllers(_ machine: Machine) -> String? {
        if let unified = machine.line("/sys/fs/cgroup/cgroup.controllers") {
            return unified.split(separator: " ").sorted().joined(separator: ",")
        }
        let names = (machine.text("/proc/cgroups") ?? "").split(separator: "\n").compactMap { line -> String? in
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            return words.count == 4 && words[1] != "0" && words[3] == "1" ? words[0] : nil
        }
        return names.sorted().joined(separator: ",")
    }
}
