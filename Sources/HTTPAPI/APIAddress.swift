package import Basics
internal import Glibc
internal import HummingbirdCore

/// Where the API listens.
package enum APIAddress: Sendable, Hashable, CustomStringConvertible {
    case tcp(NetworkAddress)
    /// TCP under TLS; needs ``APIConfiguration/security``.
    case tls(NetworkAddress)
    /// A socket file; an old one of that name is replaced.
    case unix(path: String)

    package var description: String {
        switch self {
        case .tcp(let address): "http://\(address)"
        case .tls(let address): "https://\(address)"
        case .unix(let path): "unix://\(path)"
        }
    }

    var bindAddress: BindAddress {
        switch self {
        case .tcp(let address), .tls(let address): .hostname(address.host, port: address.port)
        case .unix(let path): .unixDomainSocket(path: path)
        }
    }

    func withPort(_ port: Int?) -> APIAddress {
        switch (self, port) {
        case (.tcp(let address), let port?): .tcp(NetworkAddress(host: address.host, port: port))
        case (.tls(let address), let port?): .tls(NetworkAddress(host: address.host, port: port))
        default: self
        }
    }
}

/// An address the API cannot listen on: which, why, and what to do.
package struct APIBindError: Error, Equatable, CustomStringConvertible {
    package let address: APIAddress
    /// The `errno` of the failed call.
    package let code: Int32

    package var description: String { "cannot serve the HTTP API at \(address): \(reason)" }

    private var reason: String {
        switch code {
        case EADDRINUSE:
            "the address is in use, perhaps by another agent; stop that one, or set ports.http or addresses.http"
        case EADDRNOTAVAIL: "no network interface of this machine has it; check bind_addr and addresses.http"
        case EACCES: "permission denied; ports below 1024 and folders of other users need privileges"
        default: String(cString: strerror(code))
        }
    }
}
