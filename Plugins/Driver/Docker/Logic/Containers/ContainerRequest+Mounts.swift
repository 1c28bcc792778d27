internal import DroverSDK
internal import Glibc

extension ContainerRequest {
    /// The task's folders, the job's volumes and mounts, and what volumes and devices of the group add.
    func mounts(_ devices: DeviceReservations) throws(PluginError) -> [String: JSON] {
        var binds: [String] = []
        for name in ["alloc", "local", "secrets"] {
            guard let folder = task.folder(name) else {
                throw PluginError(.invalid, "the task document has no dirs.\(name)")
            }
            binds.append(bind(folder, "/" + name, mode: ""))
        }
        binds += try volumes()
        let blocks = (config["mount"]?.array ?? []) + (config["mounts"]?.array ?? [])
        var mounts: [JSON] = []
        for block in blocks { mounts.append(try mount(block)) }
        for mount in (task.json["mounts"]?.array ?? []) + devices.mounts { mounts.append(try given(mount)) }
        var result: [String: JSON] = ["Binds": .array(binds.map(JSON.string))]
        if !mounts.isEmpty { result["Mounts"] = .array(mounts) }
        let driver = try config.text("volume_driver")
        if !driver.isEmpty { result["VolumeDriver"] = .string(driver) }
        return result
    }

    /// "host path:container path:options"; the SELinux label comes with the operator's settings.
    private func bind(_ source: String, _ target: String, mode: String) -> String {
        let options = [mode, settings.volumes.label].filter { !$0.isEmpty }.joined(separator: ",")
        return options.isEmpty ? "\(source):\(target)" : "\(source):\(target):\(options)"
    }

    /// The key "volumes": "source:target[:options]".
    private func volumes() throws(PluginError) -> [String] {
        let driver = try config.text("volume_driver")
        guard driver.isEmpty || driver == "local" || settings.volumes.areEnabled else { throw refusal("volume_driver") }
        var binds: [String] = []
        for text in try config.texts("volumes") {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard (2...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }), parts[1].hasPrefix("/") else {
                throw PluginError(
                    .invalid, "\"volumes\": \"\(text)\" is not \"source:/target\" or \"source:/target:ro\"")
            }
            let isNamed = !driver.isEmpty && !parts[0].contains("/")
            let source = try isNamed ? parts[0] : hostPath(parts[0], key: "volumes")
            binds.append(bind(source, parts[1], mode: parts.count == 3 ? parts[2] : ""))
        }
        return binds
    }

    /// One block "mount": a volume, a host path or memory.
    private func mount(_ block: JSON) throws(PluginError) -> JSON {
        let type = try block.text("type", otherwise: "volume")
        let target = try block.requiredText("target")
        guard target.hasPrefix("/") else {
            throw PluginError(.invalid, "\"mount\": \"target\" must be an absolute path, not \"\(target)\"")
        }
        let source = try block.text("source")
        var mount: [String: JSON] = [
            "Type": .string(type), "Target": .string(target), "ReadOnly": .bool(try block.flag("readonly")),
        ]
        switch type {
        case "bind":
            mount["Source"] = .string(try hostPath(source, key: "mount"))
            let propagation = try (block["bind_options"] ?? .object([:])).text("propagation")
            if !propagation.isEmpty { mount["BindOptions"] = ["Propagation": .string(propagation)] }
        case "tmpfs":
            let options = block["tmpfs_options"] ?? .object([:])
            mount["TmpfsOptions"] = [
                "SizeBytes": .integer(try options.int("size", in: 0 ... .max)),
                "Mode": .integer(try options.int("mode", in: 0...0o7777)),
            ]
        case "volume":
            mount["Source"] = .string(source)
            mount["VolumeOptions"] = try volumeOptions(block["volume_options"] ?? .object([:]))
        default:
            throw PluginError(.invalid, "\"mount\": \"type\" must be volume, bind or tmpfs, not \"\(type)\"")
        }
        return .object(mount)
    }

    private func volumeOptions(_ options: JSON) throws(PluginError) -> JSON {
        var result: [String: JSON] = ["NoCopy": .bool(try options.flag("no_copy"))]
        if let labels = options["labels"] { result["Labels"] = labels }
        if let driver = options["driver_config"] {
            guard settings.volumes.areEnabled else { throw refusal("mount.volume_options.driver_config") }
            result["DriverConfig"] = [
                "Name": .string(try driver.text("name")), "Options": driver["options"] ?? .object([:]),
            ]
        }
        return .object(result)
    }

    /// A mount of the task document: the agent has checked it.
    private func given(_ mount: JSON) throws(PluginError) -> JSON {
        let target = try mount.requiredText("target")
        var result: [String: JSON] = [
            "Type": "bind", "Source": .string(try mount.requiredText("source")),
            "Target": .string(target.hasPrefix("/") ? target : "/" + target),
            "ReadOnly": .bool(try mount.flag("read_only")),
        ]
        let propagation = try mount.text("propagation")
        if !propagation.isEmpty { result["BindOptions"] = ["Propagation": .string(propagation)] }
        return .object(result)
    }

    /// A host path as a job writes it: relative ones begin at the task's folder. Unless volumes are enabled it must lie in the
    /// allocation's folder, wherever links lead.
    private func hostPath(_ path: String, key: String) throws(PluginError) -> String {
        guard let folder = task.folder("task"), let allocation = task.folder("alloc") else {
            throw PluginError(.invalid, "the task document has no dirs.task")
        }
        let whole = HostPath.normal(path.hasPrefix("/") ? path : "\(folder)/\(path)")
        if settings.volumes.areEnabled { return whole }
        let resolved = HostPath.resolved(whole)
        let roots = [folder, allocation].compactMap(realPath)
        guard roots.contains(where: { resolved == $0 || resolved.hasPrefix($0 + "/") }) else {
            throw PluginError(
                .denied,
                "\"\(key)\": \"\(path)\" lies outside the allocation; the operator allows that with volumes.enabled")
        }
        return resolved
    }

    private func refusal(_ key: String) -> PluginError {
        PluginError(.denied, "\"\(key)\": not allowed here; the operator sets volumes.enabled in plugin \"docker\"")
    }
}

/// Paths of the host, as text and as the kernel follows them.
enum HostPath {
    /// `path` without empty parts, "." and "..", which leads up as far as "/".
    static func normal(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// `path` (normal) without links; of a path that does not exist yet, the part that does.
    static func resolved(_ path: String) -> String {
        var existing = path
        var rest: [Substring] = []
        while existing.utf8.count > 1 {
            if let real = realPath(existing) { return real + rest.reversed().map { "/" + $0 }.joined() }
            // A link that leads nowhere yet would be followed later: it is no path inside.
            if link(existing) != nil { return "/" }
            guard let slash = existing.lastIndex(of: "/") else { break }
            rest.append(existing[existing.index(after: slash)...])
            existing = String(existing[..<slash])
        }
        return path
    }
}
