internal import DroverSDK

/// The network of a container.
struct NetworkAttachment: Equatable {
    /// "bridge", "host", "none", "container:NAME", or a network's name.
    var mode: String
    /// Addresses and names in that network; `nil`: none asked for.
    var endpoint: JSON?
}

extension ContainerRequest {
    func network() throws(PluginError) -> NetworkAttachment {
        let wish = try config.text("network_mode")
        let isAlone = task.json["network"]?["mode"]?.string == "none"
        guard !isAlone || wish.isEmpty || wish == "none" else {
            throw PluginError(
                .invalid,
                "\"network_mode\": \"\(wish)\", but the group's network is to be \"none\"; leave one of them out")
        }
        let usual = joinsGroup ? "container:\(NetworkContainer.name(of: text("alloc_id") ?? ""))" : "bridge"
        let mode = isAlone ? "none" : wish.isEmpty ? usual : wish
        var endpoint: [String: JSON] = [:]
        let aliases = try config.texts("network_aliases")
        if !aliases.isEmpty { endpoint["Aliases"] = .array(aliases.map(JSON.string)) }
        let addresses = [
            "IPv4Address": try config.text("ipv4_address"), "IPv6Address": try config.text("ipv6_address"),
        ].filter { !$0.value.isEmpty }
        if !addresses.isEmpty { endpoint["IPAMConfig"] = .object(addresses.mapValues(JSON.string)) }
        let isOwn = !["bridge", "host", "none"].contains(mode) && !mode.hasPrefix("container:")
        guard isOwn || endpoint.isEmpty else {
            throw PluginError(
                .invalid,
                "\"network_aliases\", \"ipv4_address\" and \"ipv6_address\" need a network of the engine's in "
                    + "\"network_mode\", not \"\(mode)\"")
        }
        return NetworkAttachment(mode: mode, endpoint: endpoint.isEmpty ? JSON?.none : .object(endpoint))
    }

    /// Whether the container is in the network of its group (Nomad docs: network_mode, which goes before it).
    var joinsGroup: Bool {
        task.json["network"]?["mode"]?.string == "group" && (config["network_mode"]?.string ?? "").isEmpty
    }

    /// Name servers and hosts.
    func names() throws(PluginError) -> [String: JSON] {
        let lists = [
            "Dns": try config.texts("dns_servers"), "DnsSearch": try config.texts("dns_search_domains"),
            "DnsOptions": try config.texts("dns_options"), "ExtraHosts": try config.texts("extra_hosts"),
        ]
        let given = lists.filter { !$0.value.isEmpty }
        guard !joinsGroup || given.isEmpty else {
            throw PluginError(
                .invalid,
                "\"dns_servers\", \"dns_search_domains\", \"dns_options\" and \"extra_hosts\" cannot be of one task in a "
                    + "group's network; use \"dns\" and \"hostname\" of the group's network block")
        }
        return given.mapValues { .array($0.map(JSON.string)) }
    }
}

/// Which ports of the host lead to which of the container: the keys "ports" (labels of the group's) and "port_map" (label to port
/// of the container).
struct PortBindings: Equatable {
    private(set) var exposed: JSON = .object([:])
    private(set) var bindings: JSON = .object([:])
    /// Ports inside the container, by label.
    private(set) var inside: [String: Int64] = [:]

    /// None.
    init() {}

    /// - Throws: ``PluginError/Code/invalid`` naming the key and the label that the job has no port for.
    init(_ task: TaskDocument) throws(PluginError) {
        let ports = task.json["ports"]?.array ?? []
        let labels = try task.config.texts("ports")
        let map = task.config["port_map"]?.object ?? [:]
        guard labels.isEmpty || map.isEmpty else {
            throw PluginError(.invalid, "\"ports\" and \"port_map\" exclude each other")
        }
        var exposed: [String: JSON] = [:]
        var bindings: [String: [JSON]] = [:]
        for label in labels + map.keys.sorted() {
            let key = map.isEmpty ? "ports" : "port_map"
            guard let port = ports.first(where: { $0["label"]?.string == label }) else {
                throw PluginError(.invalid, "\"\(key)\": the group's network block has no port \"\(label)\"")
            }
            let host = port["host_port"]?.integer ?? 0
            let to = try PortBindings.number(map[label], label) ?? port["to"]?.integer ?? 0
            let inner = to > 0 ? to : host
            inside[label] = inner
            for transport in ["tcp", "udp"] {
                exposed["\(inner)/\(transport)"] = .object([:])
                bindings["\(inner)/\(transport)", default: []].append([
                    "HostIp": .string(port["host_ip"]?.string ?? ""), "HostPort": .string(String(host)),
                ])
            }
        }
        self.exposed = .object(exposed)
        self.bindings = .object(bindings.mapValues(JSON.array))
    }

    private static func number(_ value: JSON?, _ label: String) throws(PluginError) -> Int64? {
        guard let value else { return nil }
        guard let number = value.integer ?? value.string.flatMap({ Int64($0) }), (1...65_535).contains(number) else {
            throw PluginError(.invalid, "\"port_map\": \(label) is no port between 1 and 65535")
        }
        return number
    }
}

/// What the devices of a task bring: nodes, mounts and variables (`drover/device.h`, reserve).
struct DeviceReservations {
    private(set) var nodes: [JSON] = []
    private(set) var mounts: [JSON] = []
    private(set) var environment: [String: String] = [:]

    init(_ task: TaskDocument) throws(PluginError) {
        for device in task.json["devices"]?.array ?? [] {
            guard let reservation = device["reservation"] else { continue }
            mounts += reservation["mounts"]?.array ?? []
            environment.merge((reservation["env"]?.object ?? [:]).compactMapValues(\.string)) { $1 }
            for node in reservation["devices"]?.array ?? [] {
                nodes.append(
                    try DeviceReservations.node(
                        host: node.requiredText("host_path"), task: node.text("task_path"),
                        rights: node.text("permissions")))
            }
        }
    }

    static func node(host: String, task: String, rights: String) throws(PluginError) -> JSON {
        let rights = rights.isEmpty ? "rwm" : rights
        guard rights.allSatisfy({ "rwm".contains($0) }) else {
            throw PluginError(.invalid, "\"devices\": \"cgroup_permissions\" must be of r, w and m, not \"\(rights)\"")
        }
        return [
            "PathOnHost": .string(host), "PathInContainer": .string(task.isEmpty ? host : task),
            "CgroupPermissions": .string(rights),
        ]
    }
}

extension ContainerRequest {
    /// The job's own blocks "devices".
    func configuredDevices() throws(PluginError) -> [JSON] {
        var nodes: [JSON] = []
        for block in config["devices"]?.array ?? [] {
            nodes.append(
                try DeviceReservations.node(
                    host: block.requiredText("host_path"), task: block.text("container_path"),
                    rights: block.text("cgroup_permissions")))
        }
        return nodes
    }
}
