internal import Glibc

/// One network interface of the host and its addresses.
package struct NetworkInterface: Equatable, Sendable {
    package var name: String
    package var isUp: Bool
    package var isLoopback: Bool
    /// Text form, IPv4 first, in the kernel's order; link-local ones included.
    package var addresses: [String]
    /// Megabits a second, from sysfs; nil when the driver does not say.
    package var speedMbit: Int?

    /// All interfaces of the host, in the kernel's order.
    package static func all() throws(LinuxError) -> [NetworkInterface] {
        var first: UnsafeMutablePointer<ifaddrs>?
        try systemCall("getifaddrs") { getifaddrs(&first) }
        defer { freeifaddrs(first) }
        var found: [NetworkInterface] = []
        var next = first
        while let entry = next?.pointee {
            next = entry.ifa_next
            let name = String(cString: entry.ifa_name)
            if !found.contains(where: { $0.name == name }) {
                let up = entry.ifa_flags & UInt32(IFF_UP) != 0
                let loopback = entry.ifa_flags & UInt32(IFF_LOOPBACK) != 0
                found.append(
                    NetworkInterface(
                        name: name, isUp: up, isLoopback: loopback, addresses: [], speedMbit: speed(of: name)))
            }
            if let address = entry.ifa_addr, let text = textForm(address),
                let position = found.firstIndex(where: { $0.name == name })
            {
                found[position].addresses.append(text)
            }
        }
        for position in found.indices { found[position].addresses.sort { !$0.contains(":") && $1.contains(":") } }
        return found
    }

    private static func speed(of name: String) -> Int? {
        guard let text = SmallFile.text("/sys/class/net/\(name)/speed"), let speed = Int(text), speed > 0 else {
            return nil
        }
        return speed
    }

    private static func textForm(_ address: UnsafeMutablePointer<sockaddr>) -> String? {
        let length: socklen_t
        switch Int32(address.pointee.sa_family) {
        case AF_INET: length = socklen_t(MemoryLayout<sockaddr_in>.size)
        case AF_INET6: length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        default: return nil
        }
        var host = [CChar](repeating: 0, count: 128)
        guard getnameinfo(address, length, &host, 128, nil, 0, NI_NUMERICHOST) == 0 else { return nil }
        let text = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(separator: "%").first.map(String.init)
    }
}
