internal import DroverSDK
internal import Glibc

/// Where the engine listens: `unix:///run/docker.sock`, `tcp://host:2376`, `http://host:port` or `https://host:port`.
enum Endpoint: Equatable, Sendable {
    case unix(path: String)
    /// `isSecure`: over TLS whatever the settings say.
    case tcp(host: String, port: UInt16, isSecure: Bool)

    /// What an operator who says nothing gets (Docker's own default).
    static let usual = "unix:///var/run/docker.sock"

    /// - Throws: ``PluginError/Code/invalid`` naming the setting "endpoint".
    init(_ text: String) throws(PluginError) {
        let wrong = PluginError(
            .invalid,
            "\"endpoint\": \"\(text)\" must be \"unix:///path\", \"tcp://host:port\" or \"https://host:port\"")
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2, parts[1].hasPrefix("//") else { throw wrong }
        let rest = String(parts[1].dropFirst(2))
        if parts[0] == "unix" {
            guard rest.hasPrefix("/"), rest.utf8.count < 108 else { throw wrong }
            self = .unix(path: rest)
            return
        }
        guard ["tcp", "http", "https"].contains(parts[0]) else { throw wrong }
        let isSecure = parts[0] == "https"
        let address = rest.hasSuffix("/") ? String(rest.dropLast()) : rest
        let (host, port) = Endpoint.split(address)
        let number = port.isEmpty ? (isSecure ? 2376 : 2375) : UInt16(port)
        guard let number, number > 0, !host.isEmpty, !host.contains("/") else { throw wrong }
        self = .tcp(host: host, port: number, isSecure: isSecure)
    }

    /// "[::1]:2375" and "name:2375" in two parts, without the brackets.
    private static func split(_ address: String) -> (host: String, port: String) {
        if address.hasPrefix("["), let end = address.firstIndex(of: "]") {
            let port = address[address.index(after: end)...].drop { $0 == ":" }
            return (String(address[address.index(after: address.startIndex)..<end]), String(port))
        }
        guard let colon = address.lastIndex(of: ":") else { return (address, "") }
        return (String(address[..<colon]), String(address[address.index(after: colon)...]))
    }

    /// For messages.
    var text: String {
        switch self {
        case .unix(let path): "unix://\(path)"
        case .tcp(let host, let port, let isSecure): "\(isSecure ? "https" : "tcp")://\(host):\(port)"
        }
    }

    /// The value of the "Host" header.
    var host: String {
        switch self {
        case .unix: "docker"
        case .tcp(let host, let port, _): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    /// A connected socket that does not block.
    ///
    /// A name is looked up on the plug-in's own thread; operators name hosts in /etc/hosts or by address.
    /// - Throws: ``PluginError/Code/retry`` when nobody listens there.
    func connect(on loop: EventLoop) async throws -> SocketStream {
        var reason: Int32 = ENOENT
        for address in addresses() {
            let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
            let descriptor = socket(address.family, kind, 0)
            guard descriptor >= 0 else { throw SystemError.make("socket", text) }
            do {
                reason = try await address.connect(descriptor, on: loop)
            } catch {
                close(descriptor)
                throw error
            }
            if reason == 0 { return SocketStream(descriptor: descriptor, loop: loop) }
            close(descriptor)
        }
        throw PluginError(
            .retry,
            "cannot reach the container engine at \(text): \(String(cString: strerror(reason))); is it running?")
    }

    private func addresses() -> [SocketAddress] {
        switch self {
        case .unix(let path): [SocketAddress(path: path)]
        case .tcp(let host, let port, _): SocketAddress.look(up: host, port: port)
        }
    }
}

/// The bytes of a `sockaddr`.
struct SocketAddress: Sendable {
    private let bytes: [UInt8]

    var family: Int32 { Int32(bytes.withUnsafeBytes { $0.loadUnaligned(as: sa_family_t.self) }) }

    /// A UNIX socket; `path` is shorter than 108 bytes.
    init(path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        bytes = withUnsafeBytes(of: address) { Array($0) }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    static func look(up host: String, port: UInt16) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = list
        while let entry = next {
            if let address = entry.pointee.ai_addr {
                let buffer = UnsafeRawBufferPointer(start: address, count: Int(entry.pointee.ai_addrlen))
                found.append(SocketAddress(bytes: Array(buffer)))
            }
            next = entry.pointee.ai_next
        }
        return found
    }

    /// Connects a socket that does not block; 0, or the reason why it could not.
    func connect(_ descriptor: Int32, on loop: EventLoop) async throws -> Int32 {
        let code = bytes.withUnsafeBytes { buffer in
            buffer.baseAddress.map {
                Glibc.connect(descriptor, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(buffer.count))
            } ?? -1
        }
        if code == 0 { return 0 }
        guard errno == EINPROGRESS else { return errno }
        try await loop.ready(descriptor, .output)
        var reason: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &reason, &length)
        return reason
    }
}
