package import Basics

/// A CNI network configuration list: which plug-ins make a network, in order (CNI specification 1.0, section 1).
package struct CNINetwork: Equatable, Sendable {
    package let name: String
    /// Of the protocol, such as "1.0.0".
    package let version: String
    /// One object a plug-in, each with "type".
    package let plugins: [JSON]

    /// Reads a list, or the configuration of a single plug-in.
    ///
    /// - Throws: ``CNIError`` with what is wrong.
    package init(_ bytes: [UInt8]) throws {
        let json: JSON
        do {
            json = try JSONParser.parse(bytes)
        } catch {
            throw CNIError("is not JSON: \(error)")
        }
        try self.init(json)
    }

    package init(_ json: JSON) throws(CNIError) {
        guard let name = json["name"]?.string, !name.isEmpty else { throw CNIError("\"name\" is missing") }
        let list = json["plugins"]?.array ?? (json["type"] == nil ? [] : [json])
        guard !list.isEmpty else { throw CNIError("has neither \"plugins\" nor \"type\"") }
        for plugin in list {
            guard let type = plugin["type"]?.string, !type.isEmpty, !type.contains("/"), type != "..", type != "."
            else {
                throw CNIError("a plug-in's \"type\" is not the name of a program")
            }
        }
        self.name = name
        version = json["cniVersion"]?.string ?? "0.3.1"
        plugins = list
    }

    /// The network of `mode = "bridge"`: a bridge on this machine whose allocations reach each other, and the world by the machine's
    /// address (Nomad docs: CNI, the bridge network's configuration).
    package static func bridge(_ settings: BridgeSettings) -> CNINetwork {
        var ranges: [JSON] = []
        var routes: [JSON] = []
        for (subnet, everywhere) in [(settings.subnet, "0.0.0.0/0"), (settings.subnetIPv6, "::/0")]
        where !subnet.isEmpty {
            ranges.append(.array([.object([("subnet", .string(subnet))])]))
            routes.append(.object([("dst", .string(everywhere))]))
        }
        return CNINetwork(
            name: "nomad", version: "1.0.0",
            plugins: [
                .object([("type", .string("loopback"))]),
                .object([
                    ("type", .string("bridge")), ("bridge", .string(settings.name)), ("ipMasq", .bool(true)),
                    ("isGateway", .bool(true)), ("forceAddress", .bool(true)),
                    ("hairpinMode", .bool(settings.isHairpin)),
                    (
                        "ipam",
                        .object([
                            ("type", .string("host-local")), ("ranges", .array(ranges)), ("routes", .array(routes)),
                        ])
                    ),
                ]),
                .object([
                    ("type", .string("firewall")), ("backend", .string("iptables")),
                    ("iptablesAdminChainName", .string("NOMAD-ADMIN")),
                ]),
                .object([
                    ("type", .string("portmap")), ("capabilities", .object([("portMappings", .bool(true))])),
                    ("snat", .bool(true)),
                ]),
            ])
    }

    /// The programs that ``bridge(_:)`` needs, also those that plug-ins call.
    package static let bridgePrograms = ["bridge", "firewall", "host-local", "loopback", "portmap"]

    private init(name: String, version: String, plugins: [JSON]) {
        self.name = name
        self.version = version
        self.plugins = plugins
    }

    package var json: JSON {
        .object([("cniVersion", .string(version)), ("name", .string(name)), ("plugins", .array(plugins))])
    }
}

/// The bridge that allocations of `mode = "bridge"` are on.
package struct BridgeSettings: Equatable, Sendable {
    /// Of the interface; "nomad".
    package var name = "nomad"
    package var subnet = "172.26.64.0/20"
    /// Empty: IPv4 alone.
    package var subnetIPv6 = ""
    /// Whether an allocation reaches itself by the machine's address.
    package var isHairpin = false

    package init() {}
}

/// What is wrong with a configuration, or what a plug-in said.
package struct CNIError: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
