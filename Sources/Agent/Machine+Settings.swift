internal import AgentConfiguration
internal import Basics
internal import Glibc
internal import Linux

/// What settings take from the machine the agent starts on.
extension AgentSettings {
    /// The path as seen from the root; relative ones start at the working folder.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard getcwd(&buffer, buffer.count) != nil else { return "/" + path }
        let folder = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return folder + "/" + path
    }

    /// Addresses of the machine's interfaces that are up, for templates and for what others are told.
    static func interfaces() -> [AddressTemplate.Interface] {
        let all = (try? NetworkInterface.all()) ?? []
        return all.filter(\.isUp).flatMap { interface in
            interface.addresses.map { address in
                AddressTemplate.Interface(
                    name: interface.name, address: address, isPrivate: isPrivate(address),
                    isLoopback: interface.isLoopback)
            }
        }
    }

    /// RFC 1918, RFC 6598 and RFC 4193.
    private static func isPrivate(_ address: String) -> Bool {
        let parts = address.split(separator: ".").compactMap { Int($0) }
        guard parts.count == 4 else { return address.hasPrefix("fc") || address.hasPrefix("fd") }
        switch (parts[0], parts[1]) {
        case (10, _), (192, 168), (172, 16...31), (100, 64...127): return true
        default: return false
        }
    }

    static func environment() -> [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let pointer = entry.pointee {
            let text = String(cString: pointer)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            entry += 1
        }
        return variables
    }
}
