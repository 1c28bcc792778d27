import Basics
import HCL

/// Services, their checks, and Consul Connect, which is stored as it was written.
extension BlockSchema {
    static let service = BlockSchema([
        Field("name", "Name", .string), Field("tags", "Tags", .strings), Field("canary_tags", "CanaryTags", .strings),
        Field("enable_tag_override", "EnableTagOverride", .bool), Field("port", "PortLabel", .string),
        Field("address_mode", "AddressMode", .string), Field("address", "Address", .string),
        Field("check", "Checks", .blocks(check)), Field("check_restart", "CheckRestart", .block(checkRestart)),
        Field("connect", "Connect", .block(connect)), Field("meta", "Meta", .stringMap),
        Field("canary_meta", "CanaryMeta", .stringMap), Field("tagged_addresses", "TaggedAddresses", .stringMap),
        Field("task", "TaskName", .string), Field("on_update", "OnUpdate", .string),
        Field("identity", "Identity", .block(identity)),
        Field(
            "weights", "Weights",
            .block(BlockSchema([Field("passing", "Passing", .int), Field("warning", "Warning", .int)]))),
        Field("provider", "Provider", .string), Field("cluster", "Cluster", .string), Field("kind", "Kind", .string),
    ])

    static let check = BlockSchema([
        Field("name", "Name", .string), Field("type", "Type", .string), Field("command", "Command", .string),
        Field("args", "Args", .strings), Field("path", "Path", .string), Field("protocol", "Protocol", .string),
        Field("port", "PortLabel", .string), Field("expose", "Expose", .bool),
        Field("address_mode", "AddressMode", .string), Field("advertise", "Advertise", .string),
        Field("interval", "Interval", .duration), Field("timeout", "Timeout", .duration),
        Field("initial_status", "InitialStatus", .string), Field("notes", "Notes", .string),
        Field("tls_server_name", "TLSServerName", .string), Field("tls_skip_verify", "TLSSkipVerify", .bool),
        Field("header", "Header", .listMap), Field("method", "Method", .string),
        Field("check_restart", "CheckRestart", .block(checkRestart)),
        Field("grpc_service", "GRPCService", .string), Field("grpc_use_tls", "GRPCUseTLS", .bool),
        Field("task", "TaskName", .string), Field("success_before_passing", "SuccessBeforePassing", .int),
        Field("failures_before_critical", "FailuresBeforeCritical", .int),
        Field("failures_before_warning", "FailuresBeforeWarning", .int), Field("body", "Body", .string),
        Field("on_update", "OnUpdate", .string),
    ])

    static let checkRestart = BlockSchema([
        Field("limit", "Limit", .int), Field("grace", "Grace", .duration),
        Field("ignore_warnings", "IgnoreWarnings", .bool),
    ])

    static let connect = BlockSchema([
        Field("native", "Native", .bool), Field("sidecar_service", "SidecarService", .block(sidecarService)),
        Field("sidecar_task", "SidecarTask", .block(sidecarTask)), Field("gateway", "Gateway", .block(gateway)),
    ])

    private static let sidecarService = BlockSchema([
        Field("tags", "Tags", .strings), Field("port", "Port", .string), Field("proxy", "Proxy", .block(proxy)),
        Field("disable_default_tcp_check", "DisableDefaultTCPCheck", .bool), Field("meta", "Meta", .stringMap),
    ])

    private static let sidecarTask = BlockSchema([
        Field("name", "Name", .string), Field("driver", "Driver", .string), Field("user", "User", .string),
        Field("config", "Config", .freeForm), Field("env", "Env", .stringMap),
        Field("resources", "Resources", .block(resources)), Field("meta", "Meta", .stringMap),
        Field("kill_timeout", "KillTimeout", .duration), Field("logs", "LogConfig", .block(logs)),
        Field("shutdown_delay", "ShutdownDelay", .duration), Field("kill_signal", "KillSignal", .string),
        Field("volume_mount", "VolumeMounts", .blocks(volumeMount)),
        Field("identity", "Identities", .blocks(identity)),
    ])

    private static let exposePaths = BlockSchema([
        Field(
            "path", "Paths",
            .blocks(
                BlockSchema([
                    Field("path", "Path", .string), Field("protocol", "Protocol", .string),
                    Field("local_path_port", "LocalPathPort", .int), Field("listener_port", "ListenerPort", .string),
                ])))
    ])

    private static let meshGateway = BlockSchema([Field("mode", "Mode", .string)])

    private static let proxy = BlockSchema([
        Field("local_service_address", "LocalServiceAddress", .string),
        Field("local_service_port", "LocalServicePort", .int), Field("expose", "Expose", .block(exposePaths)),
        Field("upstreams", "Upstreams", .blocks(upstream)),
        Field("transparent_proxy", "TransparentProxy", .block(transparentProxy)),
        Field("config", "Config", .freeForm),
    ])

    private static let upstream = BlockSchema([
        Field("destination_name", "DestinationName", .string),
        Field("destination_namespace", "DestinationNamespace", .string),
        Field("destination_peer", "DestinationPeer", .string),
        Field("destination_partition", "DestinationPartition", .string),
        Field("destination_type", "DestinationType", .string), Field("local_bind_port", "LocalBindPort", .int),
        Field("datacenter", "Datacenter", .string), Field("local_bind_address", "LocalBindAddress", .string),
        Field("local_bind_socket_path", "LocalBindSocketPath", .string),
        Field("local_bind_socket_mode", "LocalBindSocketMode", .string),
        Field("mesh_gateway", "MeshGateway", .block(meshGateway)), Field("config", "Config", .freeForm),
    ])

    private static let transparentProxy = BlockSchema([
        Field("uid", "UID", .string), Field("outbound_port", "OutboundPort", .int),
        Field("exclude_inbound_ports", "ExcludeInboundPorts", .strings),
        Field("exclude_outbound_ports", "ExcludeOutboundPorts", .ints),
        Field("exclude_outbound_cidrs", "ExcludeOutboundCIDRs", .strings),
        Field("exclude_uids", "ExcludeUIDs", .strings), Field("no_dns", "NoDNS", .bool),
    ])

    // MARK: Gateways

    private static let gateway = BlockSchema([
        Field("proxy", "Proxy", .block(gatewayProxy)), Field("ingress", "Ingress", .block(ingress)),
        Field("terminating", "Terminating", .block(terminating)), Field("mesh", "Mesh", .block(BlockSchema([]))),
    ])

    private static let gatewayProxy = BlockSchema([
        Field("connect_timeout", "ConnectTimeout", .duration),
        Field("envoy_gateway_bind_tagged_addresses", "EnvoyGatewayBindTaggedAddresses", .bool),
        Field(
            "envoy_gateway_bind_addresses", "EnvoyGatewayBindAddresses",
            .labelledBlocks(
                BlockSchema(
                    label: ("name", "Name"), [Field("address", "Address", .string), Field("port", "Port", .int)]))),
        Field("envoy_gateway_no_default_bind", "EnvoyGatewayNoDefaultBind", .bool),
        Field("envoy_dns_discovery_type", "EnvoyDNSDiscoveryType", .string), Field("config", "Config", .freeForm),
    ])

    private static let gatewayTLS = BlockSchema([
        Field("enabled", "Enabled", .bool), Field("tls_min_version", "TLSMinVersion", .string),
        Field("tls_max_version", "TLSMaxVersion", .string), Field("cipher_suites", "CipherSuites", .strings),
        Field(
            "sds", "SDS",
            .block(
                BlockSchema([
                    Field("cluster_name", "ClusterName", .string), Field("cert_resource", "CertResource", .string),
                ]))),
    ])

    private static let headers = BlockSchema([
        Field("add", "Add", .stringMap), Field("set", "Set", .stringMap), Field("remove", "Remove", .strings),
    ])

    private static let ingress = BlockSchema([
        Field("tls", "TLS", .block(gatewayTLS)),
        Field(
            "listener", "Listeners",
            .blocks(
                BlockSchema([
                    Field("port", "Port", .int), Field("protocol", "Protocol", .string),
                    Field("service", "Services", .blocks(ingressService)),
                ]))),
    ])

    private static let ingressService = BlockSchema([
        Field("name", "Name", .string), Field("hosts", "Hosts", .strings), Field("tls", "TLS", .block(gatewayTLS)),
        Field("request_headers", "RequestHeaders", .block(headers)),
        Field("response_headers", "ResponseHeaders", .block(headers)),
        Field("max_connections", "MaxConnections", .int),
        Field("max_pending_requests", "MaxPendingRequests", .int),
        Field("max_concurrent_requests", "MaxConcurrentRequests", .int),
    ])

    private static let terminating = BlockSchema([
        Field(
            "service", "Services",
            .blocks(
                BlockSchema([
                    Field("name", "Name", .string), Field("ca_file", "CAFile", .string),
                    Field("cert_file", "CertFile", .string), Field("key_file", "KeyFile", .string),
                    Field("sni", "SNI", .string),
                ])))
    ])
}
