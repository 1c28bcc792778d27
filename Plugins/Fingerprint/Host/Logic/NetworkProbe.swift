internal import DroverSDK

/// Interfaces with addresses, hardware address and speed; the first is the one that tasks' ports are on. Loopback is listed where it
/// is that one only: nobody reaches another's.
enum NetworkProbe {
    /// Used when the driver of an interface tells no speed, as virtual ones do.
    static let defaultMbits: Int64 = 1000

    static func run(_ machine: Machine, wanted: String?, _ fingerprint: inout Fingerprint) {
        let addresses = machine.system.addresses().filter { $0.isUp && !isLinkLocal($0) }
        guard let primary = primary(addresses, wanted: wanted, machine) else { return }
        var interfaces = [primary]
        for address in addresses where !address.isLoopback && !interfaces.contains(address.interface) {
            interfaces.append(address.interface)
        }
        let networks = interfaces.map { name in
            network(name, addresses.filter { $0.interface == name }, machine)
        }
        fingerprint.resources["networks"] = .array(networks)
        let own = addresses.filter { $0.interface == primary }
        fingerprint.attributes["unique.network.ip-address"] = (own.first { !$0.isIPv6 } ?? own.first)?.ip
        fingerprint.attributes["unique.network.ipv6-address"] = own.first(where: \.isIPv6)?.ip
        fingerprint.attributes["unique.network.interface"] = primary
    }

    private static func network(_ name: String, _ addresses: [InterfaceAddress], _ machine: Machine) -> JSON {
        let main = addresses.first { !$0.isIPv6 } ?? addresses.first
        // /sys/class/net/<name>/speed: Mbit/s, -1 when unknown.
        let speed = machine.integer("/sys/class/net/\(name)/speed").flatMap { $0 > 0 ? $0 : nil }
        return [
            "device": .string(name), "mode": "host", "ip": .string(main?.ip ?? ""),
            "cidr": .string(main.map { "\($0.ip)/\($0.prefixLength)" } ?? ""),
            "mbits": .integer(speed ?? defaultMbits), "mac": .string(hardwareAddress(name, machine)),
            "addresses": .array(
                addresses.map { ["ip": .string($0.ip), "family": $0.isIPv6 ? "ipv6" : "ipv4"] }),
        ]
    }

    /// `/sys/class/net/<name>/address`, such as "52:54:00:12:34:56"; empty for interfaces without one, where the kernel says zeros.
    private static func hardwareAddress(_ name: String, _ machine: Machine) -> String {
        let text = machine.line("/sys/class/net/\(name)/address") ?? ""
        return text.contains { $0 != "0" && $0 != ":" } ? text : ""
    }

    /// The interface the operator wants, else that of the default route, else the first that is no loopback, else lo.
    private static func primary(_ addresses: [InterfaceAddress], wanted: String?, _ machine: Machine) -> String? {
        let candidates = [wanted, defaultRoute(machine)].compactMap { $0 }
        let found = candidates.first { name in addresses.contains { $0.interface == name } }
        return found ?? (addresses.first { !$0.isLoopback } ?? addresses.first)?.interface
    }

    /// The interface of the default route with the lowest metric, of /proc/net/route: name, destination, ..., metric.
    private static func defaultRoute(_ machine: Machine) -> String? {
        var best: (metric: Int, interface: String)?
        for line in (machine.text("/proc/net/route") ?? "").split(separator: "\n").dropFirst() {
            let fields = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard fields.count >= 8, fields[1] == "00000000", fields[7] == "00000000" else { continue }
            let metric = Int(fields[6]) ?? .max
            if metric < best?.metric ?? .max || best == nil { best = (metric, fields[0]) }
        }
        return best?.interface
    }

    private static func isLinkLocal(_ address: InterfaceAddress) -> Bool {
        address.isIPv6 ? address.ip.hasPrefix("fe80:") : address.ip.hasPrefix("169.254.")
    }
}
