internal import CDroverABI

extension LaunchPlan {
    /// Reads "isolation": namespaces, private root with binds, capabilities kept, no-new-privileges, system call filter.
    mutating func readIsolation(_ reader: ObjectReader) throws(ExecutorError) {
        try reader.only([
            "pid", "mount", "ipc", "uts", "net", "net_path", "root", "no_pivot_root", "hostname", "binds", "caps",
            "seccomp", "no_new_privs",
        ])
        // CLONE_NEW* of <linux/sched.h>.
        let bits: [(String, UInt64)] = [
            ("pid", 0x2000_0000), ("mount", 0x0002_0000), ("ipc", 0x0800_0000), ("uts", 0x0400_0000),
            ("net", 0x4000_0000),
        ]
        for (key, bit) in bits where try reader.flag(key) ?? false { namespaces |= bit }
        if let path = try reader.text("net_path"), !path.isEmpty {
            guard path.hasPrefix("/"), !path.utf8.contains(0) else {
                throw .invalid("isolation.net_path: \"\(path)\" is not the absolute path of a network namespace")
            }
            guard namespaces & LaunchPlan.networks == 0 else {
                throw .invalid("isolation: \"net\" and \"net_path\" exclude each other")
            }
            network = path
        }
        try readRoot(reader)
        if let name = try reader.text("hostname"), !name.isEmpty {
            guard namespaces & LaunchPlan.hostNames != 0, name.utf8.count <= 64, !name.utf8.contains(0) else {
                throw .invalid("isolation.hostname: wants \"uts\": true, and at most 64 bytes")
            }
            hostname = name
        }
        if let names = try reader.textArray("caps") { capabilities = try LaunchPlan.capabilityMask(names) }
        noNewPrivileges = try reader.flag("no_new_privs") ?? false
        switch try reader.text("seccomp") {
        case "default": filtersSystemCalls = true
        case nil, "none": break
        case let other?: throw .invalid("isolation.seccomp: \"\(other)\" is neither \"default\" nor \"none\"")
        }
    }

    private mutating func readRoot(_ reader: ObjectReader) throws(ExecutorError) {
        switch try reader.text("root") {
        case nil, "": break
        case "tmpfs": root = .memory
        case let path?:
            guard path.hasPrefix("/") else {
                throw .invalid("isolation.root: \"\(path)\" is neither \"tmpfs\" nor an absolute path")
            }
            root = .folder(path)
        }
        pivotsRoot = !(try reader.flag("no_pivot_root") ?? false)
        for bind in try reader.objects("binds") {
            try bind.only(["source", "target", "read_only", "propagation"])
            guard let source = try bind.text("source"), let target = try bind.text("target"), target.hasPrefix("/")
            else { throw .invalid("isolation.binds: wants source and an absolute target") }
            guard !(source + target).utf8.contains(where: { $0 == 9 || $0 == 0 }) else {
                throw .invalid("isolation.binds: \"\(source)\" or its target holds a tab or a NUL byte")
            }
            let propagation = try bind.text("propagation") ?? ""
            guard propagation.isEmpty || propagation == "private" else {
                throw ExecutorError(
                    DROVER_E_UNSUPPORTED,
                    "isolation.binds: \"\(target)\": propagation \"\(propagation)\"; this executor knows only \"private\""
                )
            }
            binds.append(Bind(source: source, target: target, readOnly: try bind.flag("read_only") ?? false))
        }
        guard binds.count <= 256 else { throw .invalid("isolation.binds: \(binds.count); 256 are the most") }
        if namespaces & LaunchPlan.mounts == 0 && (root != .host || !binds.isEmpty) {
            throw .invalid("isolation: root and binds need \"mount\": true")
        }
    }

    /// CLONE_NEWNS and CLONE_NEWUTS.
    static let mounts: UInt64 = 0x0002_0000
    private static let hostNames: UInt64 = 0x0400_0000

    private static func capabilityMask(_ names: [String]) throws(ExecutorError) -> UInt64 {
        var mask: UInt64 = 0
        for name in names {
            let plain = name.lowercased().hasPrefix("cap_") ? String(name.lowercased().dropFirst(4)) : name.lowercased()
            guard let bit = capabilityNames.firstIndex(of: plain) else {
                throw .invalid("isolation.caps: \"\(name)\" is no capability; capabilities(7) lists them")
            }
            mask |= 1 << UInt64(bit)
        }
        return mask
    }

    /// By number, from <linux/capability.h>.
    private static let capabilityNames = [
        "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
        "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
        "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
        "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
        "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
        "checkpoint_restore",
    ]
}
