internal import Basics

/// Where an agent's HTTP API is.
public enum AgentAddress: Sendable, Hashable, CustomStringConvertible {
    case http(host: String, port: Int)
    case https(host: String, port: Int)
    case unix(path: String)

    /// Used when nothing else is given.
    public static let defaultText = "http://127.0.0.1:4646"

    /// Reads `http://host:port`, `https://host:port`, `unix:///path/to/api.sock`, or `host:port` alone.
    public init(_ text: String) throws(AgentAddressError) {
        if let path = AgentAddress.rest(of: text, after: "unix://") {
            guard path.hasPrefix("/") else {
                throw AgentAddressError(text: text, reason: "a socket's path must begin with /")
            }
            self = .unix(path: path)
            return
        }
        let secure = AgentAddress.rest(of: text, after: "https://")
        let plain = AgentAddress.rest(of: text, after: "http://")
        var host = secure ?? plain ?? text
        if host.hasSuffix("/") { host.removeLast() }
        guard !host.contains("/"), !host.isEmpty,
            let address = NetworkAddress(host, defaultPort: secure != nil ? 443 : plain != nil ? 80 : 4646)
        else {
            throw AgentAddressError(
                text: text,
                reason: "it must look like \(AgentAddress.defaultText), https://host:4646 or unix:///path/api.sock")
        }
        self =
            secure != nil
            ? .https(host: address.host, port: address.port) : .http(host: address.host, port: address.port)
    }

    private static func rest(of text: String, after prefix: String) -> String? {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
    }

    public var description: String {
        switch self {
        case .http(let host, let port): "http://\(NetworkAddress(host: host, port: port))"
        case .https(let host, let port): "https://\(NetworkAddress(host: host, port: port))"
        case .unix(let path): "unix://\(path)"
        }
    }
}

/// Text that is no agent's address.
public struct AgentAddressError: Error, Equatable, Sendable, CustomStringConvertible {
    public let text: String
    public let reason: String

    public var description: String { "invalid address \"\(text)\": \(reason)" }
}
