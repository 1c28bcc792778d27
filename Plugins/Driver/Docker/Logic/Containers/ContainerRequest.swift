internal import DroverSDK
internal import PluginSupport

/// The document that makes the container of a task (Engine API: ContainerCreate), out of task document and settings.
///
/// Pure but for looking where links of host paths lead: the same input gives the same document.
struct ContainerRequest {
    let task: TaskDocument
    let settings: DockerSettings
    /// What the engine and this machine are like.
    let machine: MachineFacts
    var config: JSON { task.config }

    /// Facts that a request depends on.
    struct MachineFacts: Sendable {
        /// Names of the engine's runtimes.
        var runtimes: Set<String> = []
        /// MHz of one core; what "cpu_hard_limit" divides by.
        var coreMHz: Int64 = 1_000
        /// Names of the operator's agent on containers, for the sweep of orphans.
        var owner = ""
    }

    /// The name of the container: one for all attempts of a task, so that two of them can never run.
    var name: String {
        let allocation = task.json["alloc_id"]?.string ?? ""
        let text = allocation.isEmpty ? task.id : "\(task.name)-\(allocation)"
        // The engine takes [a-zA-Z0-9][a-zA-Z0-9_.-]+ only.
        let name = text.map { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) ? $0 : "_" }
        return (name.first?.isLetter == true || name.first?.isNumber == true ? "" : "t") + String(name)
    }

    /// The whole document.
    ///
    /// - Throws: ``PluginError`` naming the key, or the operator's rule, that forbids it.
    func document(image: String) throws(PluginError) -> JSON {
        // The group's network has its ports already.
        let ports = try joinsGroup ? PortBindings() : PortBindings(task)
        let devices = try DeviceReservations(task)
        let attachment = try network()
        var body: [String: JSON] = [
            "Image": .string(image), "Labels": .object(try labels().mapValues(JSON.string)),
            "Env": .array(environment(devices).map(JSON.string)), "Tty": .bool(try config.flag("tty")),
            "OpenStdin": .bool(try config.flag("interactive")), "ExposedPorts": ports.exposed,
            "HostConfig": .object(try host(attachment, ports, devices)),
        ]
        let command = try config.text("command")
        let arguments = try config.texts("args")
        if !command.isEmpty || !arguments.isEmpty {
            body["Cmd"] = .array(((command.isEmpty ? [] : [command]) + arguments).map(JSON.string))
        }
        let entrypoint = try config.texts("entrypoint")
        if !entrypoint.isEmpty { body["Entrypoint"] = .array(entrypoint.map(JSON.string)) }
        let texts = [
            "Hostname": try config.text("hostname"), "WorkingDir": try config.text("work_dir"), "User": task.user,
            "MacAddress": try config.text("mac_address"), "StopSignal": task.json["kill_signal"]?.string ?? "",
        ]
        for (key, text) in texts where !text.isEmpty { body[key] = .string(text) }
        if try (config["healthchecks"] ?? .object([:])).flag("disable") { body["Healthcheck"] = ["Test": ["NONE"]] }
        if let endpoint = attachment.endpoint {
            body["NetworkingConfig"] = ["EndpointsConfig": .object([attachment.mode: endpoint])]
        }
        return .object(body)
    }

    /// "NAME=value", sorted; what devices bring counts less than what the job says.
    private func environment(_ devices: DeviceReservations) -> [String] {
        devices.environment.merging(task.environment) { $1 }.map { "\($0.key)=\($0.value)" }.sorted()
    }

    private func host(
        _ attachment: NetworkAttachment, _ ports: PortBindings, _ devices: DeviceReservations
    ) throws(PluginError) -> [String: JSON] {
        var host: [String: JSON] = [
            "NetworkMode": .string(attachment.mode), "PortBindings": ports.bindings,
            "LogConfig": try logging(), "Privileged": .bool(try privileged()),
            "ReadonlyRootfs": .bool(try config.flag("readonly_rootfs")),
            // Restarting is the agent's: it would otherwise not see that the task has ended.
            "RestartPolicy": ["Name": "no"], "AutoRemove": false,
        ]
        if try config.flag("init") { host["Init"] = true }
        host.merge(try limits()) { $1 }
        host.merge(try names()) { $1 }
        host.merge(try security()) { $1 }
        host.merge(try mounts(devices)) { $1 }
        host["Devices"] = .array(try devices.nodes + configuredDevices())
        let runtime = try runtime(devices)
        if !runtime.isEmpty { host["Runtime"] = .string(runtime) }
        let isolation = try config.text("isolation")
        if !isolation.isEmpty { host["Isolation"] = .string(isolation) }
        return host
    }

    // MARK: - Labels, logging, runtime

    /// Keys that say whose a container is. Those of Nomad are kept, for programs that look for them.
    enum Label {
        static let task = "drover.task_id"
        static let owner = "drover.owner"
        static let allocation = "com.hashicorp.nomad.alloc_id"
    }

    private func labels() throws(PluginError) -> [String: String] {
        var labels = try map("labels")
        labels[Label.task] = task.id
        labels[Label.owner] = machine.owner
        let facts = [
            "job_name": task.environment["NOMAD_JOB_NAME"] ?? text("job_id"), "job_id": text("job_id"),
            "task_group_name": text("group"),
            "task_name": text("name"), "namespace": text("namespace"), "node_id": text("node_id"),
            "node_name": task.environment["NOMAD_NODE_NAME"],
            "short_alloc_id": text("alloc_id").map { String($0.prefix(8)) },
        ]
        if let id = text("alloc_id") { labels[Label.allocation] = id }
        let patterns = settings.extraLabels.map(NamePattern.init)
        for (name, value) in facts where patterns.contains(where: { $0.matches(name) }) {
            if let value { labels["com.hashicorp.nomad.\(name)"] = value }
        }
        return labels
    }

    func text(_ key: String) -> String? { task.json[key]?.string }

    private func logging() throws(PluginError) -> JSON {
        let own = try DockerSettings.LoggingChoice(config["logging"])
        let choice = own ?? settings.logging
        return [
            "Type": .string(choice.driver), "Config": .object(choice.options.mapValues(JSON.string)),
        ]
    }

    private func runtime(_ devices: DeviceReservations) throws(PluginError) -> String {
        let wish = try config.text("runtime")
        let isNvidia = devices.environment["NVIDIA_VISIBLE_DEVICES"] != nil
        guard !wish.isEmpty || isNvidia else { return "" }
        let runtime = wish.isEmpty ? settings.nvidiaRuntime : wish
        guard settings.allowedRuntimes.contains(runtime) else {
            throw PluginError(
                .denied,
                "\"runtime\": the operator's allow_runtimes do not hold \"\(runtime)\" but "
                    + settings.allowedRuntimes.sorted().joined(separator: ", "))
        }
        guard machine.runtimes.isEmpty || machine.runtimes.contains(runtime) else {
            throw PluginError(
                .unsupported,
                "\"runtime\": the engine has no \"\(runtime)\"; it has "
                    + machine.runtimes.sorted().joined(separator: ", "))
        }
        return runtime
    }

    private func privileged() throws(PluginError) -> Bool {
        let isWanted = try config.flag("privileged")
        guard !isWanted || settings.allowsPrivileged else {
            throw PluginError(
                .denied, "\"privileged\": not allowed here; the operator sets allow_privileged in plugin \"docker\"")
        }
        return isWanted
    }

    /// A member that maps names to texts.
    func map(_ key: String) throws(PluginError) -> [String: String] {
        guard let value = config[key] else { return [:] }
        guard let object = value.object else { throw PluginError(.invalid, "\"\(key)\" must be a map of strings") }
        return object.compactMapValues(\.string)
    }
}
