internal import DroverSDK
internal import PluginSupport

extension ContainerRequest {
    /// Capabilities, security options, groups and shared namespaces.
    func security() throws(PluginError) -> [String: JSON] {
        var security = try capabilities()
        let options = try securityOptions()
        if !options.isEmpty { security["SecurityOpt"] = .array(options.map(JSON.string)) }
        let groups = try config.texts("group_add")
        if !groups.isEmpty { security["GroupAdd"] = .array(groups.map(JSON.string)) }
        let modes: [(key: String, member: String, kind: NamespaceKind)] = [
            ("pid_mode", "PidMode", .pid), ("ipc_mode", "IpcMode", .ipc), ("uts_mode", "UTSMode", .uts),
            ("userns_mode", "UsernsMode", .userns),
        ]
        for mode in modes {
            let text = try namespace(mode.key, mode.kind)
            if !text.isEmpty { security[mode.member] = .string(text) }
        }
        let groupsNamespace = try config.text("cgroupns")
        guard ["", "host", "private"].contains(groupsNamespace) else {
            throw PluginError(.invalid, "\"cgroupns\" must be \"private\" or \"host\", not \"\(groupsNamespace)\"")
        }
        if !groupsNamespace.isEmpty { security["CgroupnsMode"] = .string(groupsNamespace) }
        return security
    }

    private func capabilities() throws(PluginError) -> [String: JSON] {
        let added = CapabilityNames.set(try config.texts("cap_add"))
        let dropped = CapabilityNames.set(try config.texts("cap_drop"))
        let allowed = settings.allowedCapabilities
        if !allowed.contains("ALL") {
            let beyond = added.subtracting(allowed).sorted()
            guard beyond.isEmpty else {
                throw PluginError(
                    .denied, "\"cap_add\": the operator's allow_caps do not hold \(beyond.joined(separator: ", "))")
            }
        }
        // What the engine gives every container, but the operator no job.
        let withheld = allowed.contains("ALL") ? [] : CapabilityNames.engine.subtracting(allowed)
        let drop = dropped.contains("ALL") ? ["ALL"] : withheld.union(dropped)
        return [
            "CapAdd": .array(added.sorted().map(JSON.string)), "CapDrop": .array(drop.sorted().map(JSON.string)),
        ]
    }

    /// As the engine takes them; "seccomp=" with a path becomes the profile that is in the file.
    private func securityOptions() throws(PluginError) -> [String] {
        var options: [String] = []
        for option in try config.texts("security_opt") {
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, parts[0] == "seccomp", parts[1] != "unconfined", !parts[1].hasPrefix("{") else {
                options.append(option)
                continue
            }
            guard let text = SmallFile.read(parts[1]), let profile = try? JSON(parsing: text), profile.object != nil
            else {
                throw PluginError(.invalid, "\"security_opt\": \(parts[1]) is no readable seccomp profile in JSON")
            }
            options.append("seccomp=\(profile.text)")
        }
        return options
    }

    /// What is shared instead of private: another container's by name, or the host's if the operator lets jobs have it.
    private func namespace(_ key: String, _ kind: NamespaceKind) throws(PluginError) -> String {
        let mode = try config.text(key)
        guard !mode.isEmpty, mode != "private", mode != "none" || kind == .ipc else { return "" }
        if let allowed = settings.allowedModes[kind] {
            guard allowed.contains(mode) else {
                throw PluginError(
                    .denied, "\"\(key)\": the operator's allowed_modes.\(kind.rawValue) do not hold \"\(mode)\"")
            }
        } else if mode == "host", !settings.allowsPrivileged {
            throw PluginError(
                .denied,
                "\"\(key)\": \"host\" is not allowed here; the operator sets allow_privileged, or names it in "
                    + "allowed_modes.\(kind.rawValue), in plugin \"docker\"")
        }
        return mode
    }
}
