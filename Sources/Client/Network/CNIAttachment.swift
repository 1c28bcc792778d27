package import Basics
package import Model

/// One allocation on one network: what its plug-ins are told and what they answer (CNI specification 1.0, sections 2 to 5).
package struct CNIAttachment: Equatable, Sendable {
    package enum Command: String, Sendable {
        case add = "ADD"
        case delete = "DEL"
    }

    /// The name of the interface in the allocation.
    package static let interface = "eth0"

    package var network: CNINetwork
    package var allocation: String
    /// Where the allocation's network is held; empty when it is no more, which only ``Command/delete`` takes.
    package var path: String
    /// Ports of the machine and where they lead.
    package var ports: [JSON] = []
    /// `CNI_ARGS`.
    package var arguments: [(String, String)] = []
    /// Folders of plug-ins.
    package var folders: [String] = []

    package init(_ network: CNINetwork, allocation: String, path: String) {
        self.network = network
        self.allocation = allocation
        self.path = path
    }

    package static func == (left: CNIAttachment, right: CNIAttachment) -> Bool {
        left.network == right.network && left.environment(.add) == right.environment(.add) && left.ports == right.ports
    }

    /// `CNI_*`, and where programs are that plug-ins call, such as iptables.
    package func environment(_ command: Command) -> [String] {
        let pairs = [("IgnoreUnknown", "true")] + arguments
        // A semicolon ends an argument, so what holds one is left out (Nomad docs: CNI).
        let texts = pairs.filter { !"\($0.0)\($0.1)".contains(";") }.map { "\($0.0)=\($0.1)" }
        return [
            "CNI_COMMAND=\(command.rawValue)", "CNI_CONTAINERID=\(allocation)", "CNI_NETNS=\(path)",
            "CNI_IFNAME=\(CNIAttachment.interface)", "CNI_ARGS=\(texts.joined(separator: ";"))",
            "CNI_PATH=\(folders.joined(separator: ":"))",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]
    }

    /// What plug-in `index` reads; `previous` is the latest answer to ``Command/add``.
    package func input(_ index: Int, previous: JSON) -> [UInt8] {
        var members = network.plugins[index].object ?? JSONObject()
        members["cniVersion"] = .string(network.version)
        members["name"] = .string(network.name)
        if members["capabilities"]?["portMappings"]?.bool == true, !ports.isEmpty {
            members["runtimeConfig"] = .object([("portMappings", .array(ports))])
        }
        members["capabilities"] = nil
        if !previous.isNull { members["prevResult"] = previous }
        return JSON.object(members).bytes
    }

    /// What a plug-in answered.
    ///
    /// - Throws: ``CNIError`` with its message.
    package static func result(_ type: String, _ answer: ProgramAnswer) throws(CNIError) -> JSON {
        let json = try? JSONParser.parse(answer.output)
        guard answer.exitCode == 0 else {
            let texts = [json?["msg"]?.string, json?["details"]?.string].compactMap(\.self).filter { !$0.isEmpty }
            let said =
                texts.isEmpty
                ? String(decoding: answer.error.suffix(1_000), as: UTF8.self) : texts.joined(separator: ": ")
            throw CNIError("CNI plug-in \"\(type)\" failed with \(answer.exitCode): \(said)")
        }
        return json ?? .null
    }

    /// The ports of a group as the capability "portMappings" has them: what comes to the machine's goes to the allocation's.
    package static func mappings(_ ports: [PortMapping]) -> [JSON] {
        ports.flatMap { port in
            ["tcp", "udp"].map { transport -> JSON in
                var members: [(String, JSON)] = [
                    ("hostPort", .integer(Int64(port.value))),
                    ("containerPort", .integer(Int64(port.to > 0 ? port.to : port.value))),
                    ("protocol", .string(transport)),
                ]
                // Absent: any address of the machine.
                if !port.hostIP.isEmpty { members.append(("hostIP", .string(port.hostIP))) }
                return .object(members)
            }
        }
    }
}

/// How a program ended and what it wrote.
package struct ProgramAnswer: Equatable, Sendable {
    package var exitCode: Int32
    package var output: [UInt8]
    package var error: [UInt8]

    package init(exitCode: Int32, output: [UInt8], error: [UInt8] = []) {
        self.exitCode = exitCode
        self.output = output
        self.error = error
    }
}

extension AllocationNetworkStatus {
    /// From the last plug-in's result: the first interface inside the allocation that has an address.
    ///
    /// - Throws: ``CNIError`` when no plug-in gave one.
    package init(cni result: JSON) throws(CNIError) {
        self.init()
        let interfaces = result["interfaces"]?.array ?? []
        let inside = interfaces.indices.filter { interfaces[$0]["sandbox"]?.string?.isEmpty == false }
        let addresses = result["ips"]?.array ?? []
        // An address without an interface is the one asked for (CNI specification 1.0, section 5: ips).
        func belong(_ index: Int?) -> [String] {
            addresses.filter { $0["interface"]?.integer == index.map { Int64($0) } }.compactMap { entry in
                entry["address"]?.string.map { String($0.prefix { $0 != "/" }) }
            }
        }
        let found = inside.first { !belong($0).isEmpty }
        let own = found.map(belong) ?? belong(nil)
        guard !own.isEmpty else { throw CNIError("the network's plug-ins gave the allocation no address") }
        interfaceName = found.flatMap { interfaces[$0]["name"]?.string } ?? CNIAttachment.interface
        address = own.first { !$0.contains(":") } ?? own[0]
        addressIPv6 = own.first { $0.contains(":") } ?? ""
        func texts(_ key: String) -> [String] { result["dns"]?[key]?.array?.compactMap(\.string) ?? [] }
        var names = DNSConfig()
        names.servers = texts("nameservers")
        names.searches = texts("search")
        names.options = texts("options")
        if names != DNSConfig() { dns = names }
    }
}
