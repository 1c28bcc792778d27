import Basics
import HCL

/// What a group or task has: resources, networks, files, secrets.
extension BlockSchema {
    static let resources = BlockSchema([
        Field("cpu", "CPU", .int), Field("cores", "Cores", .int), Field("memory", "MemoryMB", .int),
        Field("memory_max", "MemoryMaxMB", .int), Field("disk", "DiskMB", .int),
        Field("network", "Networks", .blocks(network)), Field("device", "Devices", .blocks(device)),
        Field(
            "numa", "NUMA",
            .block(BlockSchema([Field("affinity", "Affinity", .string), Field("devices", "Devices", .strings)]))),
        Field("secrets", "SecretsMB", .int), Field("iops", "IOPS", .int),
    ])

    static let device = BlockSchema(
        label: ("name", "Name"),
        [
            Field("name", "Name", .string), Field("count", "Count", .int),
            Field("constraint", "Constraints", .blocks(constraint)),
            Field("affinity", "Affinities", .blocks(affinity)), Field("share", "Share", .share),
            Field("memory", "MemoryMB", .int),
        ])

    static let network = BlockSchema(
        [
            Field("mode", "Mode", .string), Field("device", "Device", .string), Field("cidr", "CIDR", .string),
            Field("ip", "IP", .string), Field("hostname", "Hostname", .string), Field("mbits", "MBits", .int),
            Field(
                "dns", "DNS",
                .block(
                    BlockSchema([
                        Field("servers", "Servers", .strings), Field("searches", "Searches", .strings),
                        Field("options", "Options", .strings),
                    ]))),
            Field("cni", "CNI", .block(BlockSchema([Field("args", "Args", .stringMap)]))),
        ], adjust: readPorts)

    private static let port = BlockSchema(
        label: ("label", "Label"),
        [
            Field("static", "Value", .int), Field("to", "To", .int), Field("host_network", "HostNetwork", .string),
            Field("ignore_collision", "IgnoreCollision", .bool),
        ])

    /// Ports with a `static` number are reserved, the others dynamic; `reserved_ports` is the older form of the first.
    private static let readPorts: @Sendable (inout JSONObject, BodyReader) -> Void = { object, reader in
        var reserved: [JSON] = []
        var dynamic: [JSON] = []
        var labels: Set<String> = []
        let older = reader.blocks("reserved_ports", labels: ["label"])
        for block in reader.blocks("port", labels: ["label"]) + older {
            let label = block.labels.first ?? ""
            if !labels.insert(label).inserted {
                reader.context.report(
                    "Duplicate port", "The port label \"\(label)\" is used twice in this network.", at: block.range)
            }
            let isWord = label.utf8.allSatisfy { byte in
                Unicode.Scalar(byte).properties.isAlphabetic && byte < 0x80
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
            }
            if !isWord || label.isEmpty {
                reader.context.report(
                    "Invalid port label",
                    "\"\(label)\" must be letters, digits and underscores, as it becomes part of variable names.",
                    at: block.range)
            }
            let port = BlockSchema.port.read(block)
            if (port["Value"]?.integer ?? 0) != 0 {
                reserved.append(.object(port))
            } else {
                dynamic.append(.object(port))
            }
        }
        if !reserved.isEmpty { object["ReservedPorts"] = .array(reserved) }
        if !dynamic.isEmpty { object["DynamicPorts"] = .array(dynamic) }
    }

    static let ephemeralDisk = BlockSchema([
        Field("sticky", "Sticky", .bool), Field("migrate", "Migrate", .bool), Field("size", "SizeMB", .int),
    ])

    static let volume = BlockSchema(
        label: ("name", "Name"),
        [
            Field("type", "Type", .string), Field("source", "Source", .string),
            Field("read_only", "ReadOnly", .bool), Field("sticky", "Sticky", .bool),
            Field("access_mode", "AccessMode", .string), Field("attachment_mode", "AttachmentMode", .string),
            Field(
                "mount_options", "MountOptions",
                .block(
                    BlockSchema([Field("fs_type", "FSType", .string), Field("mount_flags", "MountFlags", .strings)]))),
            Field("per_alloc", "PerAlloc", .bool),
        ])

    static let volumeMount = BlockSchema([
        Field("volume", "Volume", .string), Field("destination", "Destination", .string),
        Field("read_only", "ReadOnly", .bool), Field("propagation_mode", "PropagationMode", .string),
        Field("selinux_label", "SELinuxLabel", .string),
    ])

    static let lifecycle = BlockSchema([Field("hook", "Hook", .string), Field("sidecar", "Sidecar", .bool)])

    static let logs = BlockSchema([
        Field("max_files", "MaxFiles", .int), Field("max_file_size", "MaxFileSizeMB", .int),
        Field("enabled", "Enabled", .bool), Field("disabled", "Disabled", .bool),
    ])

    static let artifact = BlockSchema([
        Field("source", "GetterSource", .string), Field("options", "GetterOptions", .stringMap),
        Field("headers", "GetterHeaders", .stringMap), Field("mode", "GetterMode", .string),
        Field("insecure", "GetterInsecure", .bool), Field("destination", "RelativeDest", .string),
        Field("chown", "Chown", .bool),
    ])

    static let template = BlockSchema(
        [
            Field("source", "SourcePath", .string), Field("destination", "DestPath", .string),
            Field("data", "EmbeddedTmpl", .string), Field("change_mode", "ChangeMode", .string),
            Field("change_signal", "ChangeSignal", .string), Field("once", "Once", .bool),
            Field("splay", "Splay", .duration), Field("perms", "Perms", .string), Field("uid", "Uid", .int),
            Field("gid", "Gid", .int), Field("left_delimiter", "LeftDelim", .string),
            Field("right_delimiter", "RightDelim", .string), Field("env", "Envvars", .bool),
            Field("vault_grace", "VaultGrace", .duration),
            Field("error_on_missing_key", "ErrMissingKey", .bool),
            Field(
                "wait", "Wait", .block(BlockSchema([Field("min", "Min", .duration), Field("max", "Max", .duration)]))),
            Field(
                "change_script", "ChangeScript",
                .block(
                    BlockSchema([
                        Field("command", "Command", .string), Field("args", "Args", .strings),
                        Field("timeout", "Timeout", .duration), Field("fail_on_error", "FailOnError", .bool),
                        Field("run_on_first_render", "RunOnFirstRender", .bool),
                    ]))),
        ],
        adjust: { object, _ in
            fill(
                &object,
                [
                    ("ChangeMode", .string("restart")), ("Perms", .string("0644")), ("Splay", .integer(5_000_000_000)),
                    ("ErrMissingKey", .bool(false)),
                ])
        })

    static let vault = BlockSchema(
        [
            Field("policies", "Policies", .strings), Field("role", "Role", .string),
            Field("namespace", "Namespace", .string), Field("cluster", "Cluster", .string),
            Field("env", "Env", .bool), Field("disable_file", "DisableFile", .bool),
            Field("change_mode", "ChangeMode", .string), Field("change_signal", "ChangeSignal", .string),
            Field("allow_token_expiration", "AllowTokenExpiration", .bool),
        ],
        adjust: { object, _ in
            fill(&object, [("Env", .bool(true)), ("DisableFile", .bool(false)), ("ChangeMode", .string("restart"))])
        })

    static let consul = BlockSchema([
        Field("namespace", "Namespace", .string), Field("cluster", "Cluster", .string),
        Field("partition", "Partition", .string),
    ])

    static let csiPlugin = BlockSchema([
        Field("id", "ID", .string), Field("type", "Type", .string), Field("mount_dir", "MountDir", .string),
        Field("stage_publish_base_dir", "StagePublishBaseDir", .string),
        Field("health_timeout", "HealthTimeout", .duration),
    ])

    static let secret = BlockSchema(
        label: ("name", "Name"),
        [
            Field("provider", "Provider", .string), Field("path", "Path", .string),
            Field("config", "Config", .freeForm), Field("env", "Env", .stringMap),
        ])

    static let identity = BlockSchema([
        Field("name", "Name", .string), Field("aud", "Audience", .strings),
        Field("change_mode", "ChangeMode", .string), Field("change_signal", "ChangeSignal", .string),
        Field("env", "Env", .bool), Field("file", "File", .bool), Field("filepath", "Filepath", .string),
        Field("service_name", "ServiceName", .string), Field("ttl", "TTL", .duration),
        Field("extra_claims", "ExtraClaims", .stringMap),
    ])

    static let action = BlockSchema(
        label: ("name", "Name"), [Field("command", "Command", .string), Field("args", "Args", .strings)])

    static let schedule = BlockSchema([
        Field(
            "cron", "Cron",
            .block(
                BlockSchema([
                    Field("start", "Start", .string), Field("end", "End", .string),
                    Field("timezone", "Timezone", .string),
                ])))
    ])

    private static func fill(_ object: inout JSONObject, _ defaults: [(String, JSON)]) {
        for (key, value) in defaults where object[key] == nil { object[key] = value }
    }
}
