package import Model

/// The files of name resolution that tasks of a group network see instead of their root's own.
package enum NameFiles {
    /// `resolv.conf` of a group's DNS block; what it does not say is as on the machine, whose file is `machine`.
    package static func resolver(_ dns: DNSConfig, machine: String) -> String {
        func values(_ keyword: String) -> [String] {
            machine.split(separator: "\n").flatMap { line -> [String] in
                let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
                return words.first == keyword ? Array(words.dropFirst()) : []
            }
        }
        let searches = dns.searches.isEmpty ? values("search") : dns.searches
        let servers = dns.servers.isEmpty ? values("nameserver") : dns.servers
        let options = dns.options.isEmpty ? values("options") : dns.options
        var lines: [String] = []
        if !searches.isEmpty { lines.append("search " + searches.joined(separator: " ")) }
        lines += servers.map { "nameserver \($0)" }
        if !options.isEmpty { lines.append("options " + options.joined(separator: " ")) }
        return lines.map { $0 + "\n" }.joined()
    }

    /// `hosts` of a group that has a name of its own.
    package static func hosts(_ name: String, _ status: AllocationNetworkStatus) -> String {
        var lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
        lines += [status.address, status.addressIPv6].filter { !$0.isEmpty }.map { "\($0) \(name)" }
        return lines.map { $0 + "\n" }.joined()
    }
}
