package import DroverSDK
internal import PluginSupport

/// Capabilities by name (capabilities(7)), in lower case without "cap_".
package struct CapabilitySet: Equatable, Sendable {
    package private(set) var names: Set<String>

    /// What an operator who says nothing lets jobs have (Nomad docs: allow_caps).
    package static let usual = CapabilitySet(names: [
        "audit_write", "chown", "dac_override", "fowner", "fsetid", "kill", "mknod", "net_bind_service", "setfcap",
        "setgid", "setpcap", "setuid", "sys_chroot",
    ])
    package static let none = CapabilitySet(names: [])

    /// In the order of their numbers (<linux/capability.h>).
    static let all = [
        "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
        "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
        "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
        "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
        "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
        "checkpoint_restore",
    ]

    private init(names: Set<String>) { self.names = names }

    /// Names as operators and jobs write them; "all" is every one that this process could give away.
    ///
    /// - Throws: ``PluginError/Code/invalid`` naming `key` and the name that is no capability.
    package init(_ texts: [String], key: String) throws(PluginError) {
        names = []
        for text in texts {
            let lower = text.lowercased()
            let name = lower.hasPrefix("cap_") ? String(lower.dropFirst(4)) : lower
            if name == "all" {
                names.formUnion(CapabilitySet.held.names)
                continue
            }
            guard CapabilitySet.all.contains(name) else {
                throw PluginError(.invalid, "\"\(key)\": \"\(text)\" is no capability; capabilities(7) lists them")
            }
            names.insert(name)
        }
    }

    /// Those of a mask, bit n for capability n.
    package init(mask: UInt64) {
        names = Set(CapabilitySet.all.enumerated().filter { mask >> UInt64($0.offset) & 1 != 0 }.map(\.element))
    }

    /// What this process has, from /proc/self/status.
    package static var held: CapabilitySet {
        for line in (SmallFile.read("/proc/self/status") ?? "").split(separator: "\n") where line.hasPrefix("CapPrm:") {
            return CapabilitySet(mask: UInt64(SmallFile.trim(line.dropFirst(7)), radix: 16) ?? 0)
        }
        return .none
    }

    /// What a task keeps: root the usual ones, other users none; without `drop`, with `add`.
    ///
    /// - Throws: ``PluginError/Code/denied`` naming what the operator's `allowed` does not hold.
    package static func kept(
        isRoot: Bool, add: CapabilitySet, drop: CapabilitySet, allowed: CapabilitySet
    ) throws(PluginError) -> CapabilitySet {
        let beyond = add.names.subtracting(allowed.names).sorted()
        guard beyond.isEmpty else {
            throw PluginError(
                .denied, "\"cap_add\": the operator's allow_caps do not hold \(beyond.joined(separator: ", "))")
        }
        let base = isRoot ? usual.names.intersection(allowed.names) : []
        return CapabilitySet(names: base.subtracting(drop.names).union(add.names))
    }
}
