import Basics
import HCL

/// Keys of a block that is checked and kept, but has no typed settings: what belongs to Consul, Vault, Enterprise
/// features or another operating system. A misspelt key in them is still found.
struct StoredSchema: Sendable {
    let type: String
    let labels: [String]
    let arguments: [String]
    let maps: [String]
    let blocks: [StoredSchema]
    /// Whether any key goes.
    let isOpen: Bool

    init(
        _ type: String, labels: [String] = [], _ arguments: [String] = [], maps: [String] = [],
        blocks: [StoredSchema] = [], isOpen: Bool = false
    ) {
        self.type = type
        self.labels = labels
        self.arguments = arguments
        self.maps = maps
        self.blocks = blocks
        self.isOpen = isOpen
    }

    /// All blocks of this type in `reader`.
    func read(_ reader: BodyReader) -> [StoredBlock] {
        reader.blocks(type, labels: labels, optional: !labels.isEmpty).map { block in
            StoredBlock(type: type, labels: block.labels, content: .object(content(block)))
        }
    }

    private func content(_ block: BodyReader) -> JSONObject {
        if isOpen {
            return Value.object(block.members()).json.object ?? JSONObject()
        }
        var object = JSONObject()
        for name in arguments {
            if let value = block.any(name) { object.append(name, value.json) }
        }
        for name in maps {
            if let map = block.freeForm(name) { object.append(name, Value.object(map).json) }
        }
        for schema in blocks {
            let found = schema.read(block)
            if !found.isEmpty {
                object.append(schema.type, .array(found.map { .object(labelled($0)) }))
            }
        }
        block.finish()
        return object
    }

    private func labelled(_ block: StoredBlock) -> JSONObject {
        var object = block.content.object ?? JSONObject()
        if let name = block.labels.first, object["name"] == nil { object["name"] = .string(name) }
        return object
    }

    private static let identity = ["aud", "env", "file", "filepath", "ttl", "change_mode", "change_signal", "name"]

    /// The blocks at top level.
    static let all: [StoredSchema] = [
        StoredSchema(
            "consul", labels: ["name"],
            [
                "name", "enabled", "server_service_name", "server_http_check_name", "server_serf_check_name",
                "server_rpc_check_name", "server_failures_before_critical", "server_failures_before_warning",
                "client_service_name", "client_http_check_name", "client_failures_before_critical",
                "client_failures_before_warning", "tags", "auto_advertise", "checks_use_advertise", "address",
                "grpc_address", "grpc_ca_file", "timeout", "token", "auth", "ssl", "share_ssl", "verify_ssl", "ca_file",
                "cert_file", "key_file", "server_auto_join", "client_auto_join", "namespace", "service_auth_method",
                "task_auth_method", "allow_unauthenticated", "use_identity",
            ],
            blocks: [
                StoredSchema("service_identity", identity, maps: ["extra_claims"]),
                StoredSchema("task_identity", identity, maps: ["extra_claims"]),
            ]),
        StoredSchema(
            "vault", labels: ["name"],
            [
                "name", "enabled", "create_from_role", "namespace", "address", "jwt_auth_backend_path",
                "connection_retry_interval", "ca_file", "ca_path", "cert_file", "key_file", "tls_skip_verify",
                "tls_server_name", "token", "task_token_ttl", "allow_unauthenticated",
            ], blocks: [StoredSchema("default_identity", identity, maps: ["extra_claims"])]),
        StoredSchema("keyring", labels: ["provider", "name"], isOpen: true),
        StoredSchema("eventlog", ["enabled", "level"]),
        StoredSchema(
            "audit", ["enabled"],
            blocks: [
                StoredSchema(
                    "sink", labels: ["name"],
                    [
                        "type", "delivery_guarantee", "format", "path", "rotate_duration", "rotate_bytes",
                        "rotate_max_files", "mode",
                    ]),
                StoredSchema("filter", labels: ["name"], ["type", "endpoints", "stages", "operations"]),
            ]),
        StoredSchema(
            "sentinel", ["additional_enabled_modules"],
            blocks: [StoredSchema("import", labels: ["name"], ["path", "args"])]),
        StoredSchema(
            "reporting", ["address", "export_interval", "snapshot_retention_time", "disable_product_usage_reporting"],
            blocks: [StoredSchema("license", ["enabled"])]),
    ]
}
