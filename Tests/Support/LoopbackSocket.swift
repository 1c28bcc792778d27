internal import Basics
internal import Glibc

/// Bytes sent to a port of this machine, without a protocol.
package enum LoopbackSocket {
    package static func sendDatagram(_ bytes: [UInt8], port: Int) throws {
        try send(bytes, port: port, kind: Int32(SOCK_DGRAM.rawValue))
    }

    package static func sendStream(_ bytes: [UInt8], port: Int) throws {
        try send(bytes, port: port, kind: Int32(SOCK_STREAM.rawValue))
    }

    private static func send(_ bytes: [UInt8], port: Int, kind: Int32) throws {
        let descriptor = socket(AF_INET, kind, 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafeBytes(of: &address) { raw in
            connect(descriptor, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
        }
        guard connected == 0, Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw CallError(.failed, "cannot send to port \(port): errno \(errno)")
        }
    }
}
