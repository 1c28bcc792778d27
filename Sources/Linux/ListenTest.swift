public import Basics
internal import Glibc

/// Whether this process could listen at an address.
public enum ListenTest {
    /// Binds a TCP socket there and lets it go; with SO_REUSEADDR, as listeners have it, so that connections of an earlier
    /// process which linger do no harm. Port 0 always works. A host that does not resolve is left to who listens.
    ///
    /// - Throws: ``LinuxError`` of `bind`: EADDRINUSE when another socket listens, EADDRNOTAVAIL when no interface has the
    ///   address, EACCES for a port that needs privileges.
    public static func run(_ address: NetworkAddress) throws(LinuxError) {
        guard address.port > 0 else { return }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, "\(address.port)", &hints, &list) == 0, let first = list else { return }
        defer { freeaddrinfo(first) }
        let info = first.pointee
        let descriptor = try systemCall("socket", address.description) {
            socket(info.ai_family, info.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), info.ai_protocol)
        }
        defer { close(descriptor) }
        var isOn: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
        try systemCall("bind", address.description) { bind(descriptor, info.ai_addr, info.ai_addrlen) }
    }
}
