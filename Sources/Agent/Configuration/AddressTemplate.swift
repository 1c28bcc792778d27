/// Fills in the address templates allowed in `bind_addr`, `addresses` and `advertise`.
///
/// The functions are those in common use of HashiCorp's go-sockaddr: `GetPrivateIP`, `GetPublicIP`, `GetPrivateIPs`,
/// `GetPublicIPs`, `GetAllInterfaceIPs` and `GetInterfaceIP "name"`; several addresses are separated by spaces.
package struct AddressTemplate {
    /// One address of one network interface, as text without prefix length.
    package struct Interface: Sendable, Equatable {
        package let name: String
        package let address: String
        /// In a range for private networks (RFC 1918, RFC 6598, RFC 4193).
        package let isPrivate: Bool
        package let isLoopback: Bool

        package init(name: String, address: String, isPrivate: Bool, isLoopback: Bool) {
            self.name = name
            self.address = address
            self.isPrivate = isPrivate
            self.isLoopback = isLoopback
        }
    }

    /// Why a template has no value.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// `text` with every `{{ … }}` replaced; text without templates comes back as it is.
    package static func resolve(_ text: String, interfaces: [Interface]) throws(Failure) -> String {
        var out = ""
        var rest = text[...]
        while let open = rest.firstRange(of: "{{") {
            out += rest[..<open.lowerBound]
            let inner = rest[open.upperBound...]
            guard let close = inner.firstRange(of: "}}") else {
                throw Failure(description: "\"\(text)\": {{ is not closed by }}")
            }
            out += try value(of: inner[..<close.lowerBound], in: text, interfaces)
            rest = inner[close.upperBound...]
        }
        return out + rest
    }

    private static func value(
        of call: Substring, in text: String, _ interfaces: [Interface]
    ) throws(Failure) -> String {
        let words = call.split(whereSeparator: \.isWhitespace)
        let outside = interfaces.filter { !$0.isLoopback }
        let found: [Interface]
        switch (words.first ?? "", words.count) {
        case ("GetPrivateIP", 1): found = Array(outside.filter(\.isPrivate).prefix(1))
        case ("GetPrivateIPs", 1): found = outside.filter(\.isPrivate)
        case ("GetPublicIP", 1): found = Array(outside.filter { !$0.isPrivate }.prefix(1))
        case ("GetPublicIPs", 1): found = outside.filter { !$0.isPrivate }
        case ("GetAllInterfaceIPs", 1): found = interfaces
        case ("GetInterfaceIP", 2):
            let name = words[1].filter { $0 != "\"" && $0 != "`" && $0 != "'" }
            found = Array(interfaces.filter { $0.name == name }.prefix(1))
        default:
            throw Failure(
                description: "\"\(text)\": \(call.prefix(80)) is not known; use GetPrivateIP, GetPublicIP, "
                    + "GetPrivateIPs, GetPublicIPs, GetAllInterfaceIPs or GetInterfaceIP \"name\"")
        }
        guard !found.isEmpty else {
            let names = Set(interfaces.map(\.name)).sorted().joined(separator: ", ")
            throw Failure(description: "\"\(text)\": no address fits\(call); interfaces are \(names)")
        }
        return found.map(\.address).joined(separator: " ")
    }
}
