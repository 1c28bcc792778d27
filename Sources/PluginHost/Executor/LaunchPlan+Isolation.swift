internal import CDroverABI

extension LaunchPlan {
    /// Reads "isolation": namespaces, private root with binds, capabilities kept, no-new-privileges.
    mutating func readIsolation(_ reader: ObjectReader) throws(ExecutorError) {
        try reader.only([
            "pid", "mount", "ipc", "uts", "net", "net_path", "root", "hostname", "binds", "caps", "seccomp",
            "no_new_privs",
        ])
        // CLONE_NEW* of <linux/sched.h>.
        let bits: [(String, UInt64)] = [
            ("pid", 0x2000_0000), ("mount", 0x0002_0000), ("ipc", 0x0800_0000), ("uts", 0x0400_0000),
            ("net", 0x4000_0000),
        ]
        for (key, bit) in bits where try reader.flag(key) ?? false { namespaces |= bit }
        for key in ["net_path", "hostname"] {
            if let value = try reader.text(key), !value.isEmpty {
                throw ExecutorError(DROVER_E_UNSUPPORTED, "isolation.\(key): this executor has no such isolation")
            }
        }
        if try reader.text("seccomp") == "default" {
            throw ExecutorError(DROVER_E_UNSUPPORTED, "isolation.seccomp: this executor has no system call filter")
        }
        root = try reader.text("root").flatMap { $0.isEmpty ? nil : $0 }
        for bind in try reader.objects("binds") {
            try bind.only(["source", "target", "read_only", "propagation"])
            guard let source = try bind.text("source"), let target = try bind.text("target"), target.hasPrefix("/")
            else { throw .invalid("isolation.binds: wants source and an absolute target") }
            guard !source.contains("\t") else { throw .invalid("isolation.binds: source holds a tab") }
            let readOnly = try bind.flag("read_only") ?? false
            binds.append(Bind(source: source, target: (root ?? "") + target, readOnly: readOnly))
        }
        if namespaces & 0x0002_0000 == 0 && (root != nil || !binds.isEmpty) {
            throw .invalid("isolation: root and binds need \"mount\": true")
        }
        if let names = try reader.textArray("caps") { capabilities = try LaunchPlan.capabilityMask(names) }
        noNewPrivileges = try reader.flag("no_new_privs") ?? false
    }

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
