internal import Basics
internal import Gossip
internal import NIOCore

extension GossipAddress {
    /// The address of a socket; nil for a Unix domain socket.
    init?(_ socket: SocketAddress) {
        let bytes: [UInt8]
        switch socket {
        // struct sockaddr_in: family, port (two bytes each), address.
        case .v4(let address): bytes = withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
        // struct sockaddr_in6: family, port, flow information (four bytes), address.
        case .v6(let address): bytes = withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
        case .unixDomainSocket: return nil
        }
        self.init(bytes: bytes, port: UInt16(socket.port ?? 0))
    }

    /// Nil for an address that cannot be sent to.
    var socket: SocketAddress? {
        guard isUsable else { return nil }
        return try? SocketAddress(ipAddress: host, port: Int(port))
    }
}

extension NetworkAddress {
    /// Looks the host up when it is a name. Blocks. Throws when there is no such host.
    func resolve() throws -> GossipAddress {
        let socket = try SocketAddress.makeAddressResolvingHost(host, port: port)
        guard let address = GossipAddress(socket), address.isUsable else {
            throw PoolError.configuration("\(self) is no address of a network")
        }
        return address
    }
}
