import Basics
import HCL

extension BlockSchema {
    /// `job "id" { … }`
    static let job = BlockSchema(
        label: ("id", "ID"),
        [
            Field("id", "ID", .string), Field("name", "Name", .string), Field("region", "Region", .string),
            Field("namespace", "Namespace", .string), Field("type", "Type", .string),
            Field("priority", "Priority", .int), Field("all_at_once", "AllAtOnce", .bool),
            Field("datacenters", "Datacenters", .strings), Field("node_pool", "NodePool", .string),
            Field("consul_namespace", "ConsulNamespace", .string),
            Field("vault_namespace", "VaultNamespace", .string),
            Field("constraint", "Constraints", .blocks(constraint)),
            Field("affinity", "Affinities", .blocks(affinity)), Field("spread", "Spreads", .blocks(spread)),
            Field("update", "Update", .block(update)), Field("migrate", "Migrate", .block(migrate)),
            Field("reschedule", "Reschedule", .block(reschedule)),
            Field("multiregion", "Multiregion", .block(multiregion)),
            Field("periodic", "Periodic", .block(periodic)),
            Field("parameterized", "ParameterizedJob", .block(parameterized)),
            Field("meta", "Meta", .stringMap), Field("ui", "UI", .block(ui)),
            Field("group", "TaskGroups", .blocks(group)),
        ], adjust: normaliseJob)

    /// `group "name" { … }`
    static let group = BlockSchema(
        label: ("name", "Name"),
        [
            Field("count", "Count", .int), Field("constraint", "Constraints", .blocks(constraint)),
            Field("affinity", "Affinities", .blocks(affinity)), Field("spread", "Spreads", .blocks(spread)),
            Field("task", "Tasks", .blocks(task)), Field("volume", "Volumes", .labelledBlocks(volume)),
            Field("restart", "RestartPolicy", .block(restart)),
            Field("disconnect", "Disconnect", .block(disconnect)),
            Field("reschedule", "ReschedulePolicy", .block(reschedule)),
            Field("ephemeral_disk", "EphemeralDisk", .block(ephemeralDisk)),
            Field("update", "Update", .block(update)), Field("migrate", "Migrate", .block(migrate)),
            Field("network", "Networks", .blocks(network)), Field("meta", "Meta", .stringMap),
            Field("service", "Services", .blocks(service)), Field("shutdown_delay", "ShutdownDelay", .duration),
            Field("max_run_duration", "MaxRunDuration", .duration),
            Field("stop_after_client_disconnect", "StopAfterClientDisconnect", .duration),
            Field("max_client_disconnect", "MaxClientDisconnect", .duration),
            Field("scaling", "Scaling", .block(scaling)), Field("consul", "Consul", .block(consul)),
            Field("prevent_reschedule_on_lost", "PreventRescheduleOnLost", .bool), Field("gang", "Gang", .string),
        ])

    /// `task "name" { … }`
    static let task = BlockSchema(
        label: ("name", "Name"),
        [
            Field("driver", "Driver", .string), Field("user", "User", .string),
            Field("lifecycle", "Lifecycle", .block(lifecycle)), Field("config", "Config", .freeForm),
            Field("constraint", "Constraints", .blocks(constraint)),
            Field("affinity", "Affinities", .blocks(affinity)), Field("env", "Env", .stringMap),
            Field("service", "Services", .blocks(service)), Field("resources", "Resources", .block(resources)),
            Field("restart", "RestartPolicy", .block(restart)), Field("meta", "Meta", .stringMap),
            Field("kill_timeout", "KillTimeout", .duration), Field("logs", "LogConfig", .block(logs)),
            Field("artifact", "Artifacts", .blocks(artifact)), Field("vault", "Vault", .block(vault)),
            Field("consul", "Consul", .block(consul)), Field("template", "Templates", .blocks(template)),
            Field("dispatch_payload", "DispatchPayload", .block(BlockSchema([Field("file", "File", .string)]))),
            Field("volume_mount", "VolumeMounts", .blocks(volumeMount)),
            Field("csi_plugin", "CSIPluginConfig", .block(csiPlugin)), Field("leader", "Leader", .bool),
            Field("shutdown_delay", "ShutdownDelay", .duration), Field("kill_signal", "KillSignal", .string),
            Field("kind", "Kind", .string), Field("scaling", "ScalingPolicies", .blocks(taskScaling)),
            Field("secret", "Secrets", .blocks(secret)), Field("identity", "Identities", .blocks(identity)),
            Field("action", "Actions", .blocks(action)), Field("schedule", "Schedule", .block(schedule)),
        ], adjust: { object, _ in moveDefaultIdentity(&object) })

    // MARK: Normalisation

    /// The label is id and name unless they are given; a bare task becomes a group; `vault` and `secret` of the job
    /// go to every task that has none of its own.
    private static let normaliseJob: @Sendable (inout JSONObject, BodyReader) -> Void = { object, reader in
        if object["Name"] == nil { object["Name"] = .string(reader.labels.first ?? "") }
        var groups = object["TaskGroups"]?.array ?? []
        for block in reader.blocks("task", labels: ["name"]) {
            let task = BlockSchema.task.read(block)
            groups.append(
                .object([
                    ("Name", task["Name"] ?? .string("")), ("Count", .integer(1)), ("Tasks", .array([.object(task)])),
                ]))
        }
        let vault = reader.block("vault").map { JSON.object(BlockSchema.vault.read($0)) }
        let secrets = reader.blocks("secret", labels: ["name"]).map { JSON.object(BlockSchema.secret.read($0)) }
        if !groups.isEmpty {
            object["TaskGroups"] = .array(groups.map { inherit(vault: vault, secrets: secrets, into: $0) })
        }
    }

    private static func inherit(vault: JSON?, secrets: [JSON], into group: JSON) -> JSON {
        guard vault != nil || !secrets.isEmpty, var object = group.object, let tasks = object["Tasks"]?.array else {
            return group
        }
        object["Tasks"] = .array(
            tasks.map { task in
                guard var task = task.object else { return task }
                if task["Vault"] == nil, let vault { task["Vault"] = vault }
                if task["Secrets"] == nil, !secrets.isEmpty { task["Secrets"] = .array(secrets) }
                return .object(task)
            })
        return .object(object)
    }

    /// The first identity without a name, or named `default`, is the task's own.
    private static func moveDefaultIdentity(_ object: inout JSONObject) {
        guard var identities = object["Identities"]?.array else { return }
        let position = identities.firstIndex { ["", "default"].contains($0["Name"]?.string ?? "") }
        guard let position else { return }
        object["Identity"] = identities.remove(at: position)
        object["Identities"] = identities.isEmpty ? nil : .array(identities)
    }
}
