/// The first byte of every message, memberlist's numbers.
package enum MessageType: UInt8, Sendable {
    case ping = 0
    case indirectPing = 1
    case ack = 2
    case suspect = 3
    case alive = 4
    case dead = 5
    case pushPull = 6
    /// Several messages in one packet.
    case compound = 7
    /// Of the layer above: serf's.
    case user = 8
    case compress = 9
    /// A sealed stream; sealed packets carry no such byte.
    case encrypt = 10
    case nack = 11
    /// A checksum and the message it covers.
    case hasCRC = 12
    case error = 13
    /// A label and what it precedes; the outermost layer.
    case hasLabel = 244
}

/// What travels in packets (SWIM §4, Lifeguard §IV); memberlist protocol 5.
package enum SwimMessage: Equatable, Sendable {
    case ping(Ping)
    case indirectPing(IndirectPing)
    case ack(Ack)
    case nack(sequence: UInt32)
    case suspect(Accusation)
    case alive(Alive)
    /// A node that names itself in ``Accusation/from`` has left.
    case dead(Accusation)
    case user([UInt8])
}

/// "Are you there?"
package struct Ping: Equatable, Sendable {
    package var sequence: UInt32
    /// Whom the sender means; another node at that address stays silent. Empty asks whoever is there.
    package var node: String
    /// Where to answer, for older peers nil: then the packet's source.
    package var source: PingSource?
}

/// Where a ping came from.
package struct PingSource: Equatable, Sendable {
    package var address: GossipAddress
    package var node: String
}

/// "Ping that one for me."
package struct IndirectPing: Equatable, Sendable {
    package var sequence: UInt32
    package var target: GossipAddress
    package var node: String
    /// Whether a negative answer is wanted when the target stays silent (Lifeguard §IV.A).
    package var wantsNack: Bool
    package var source: PingSource?
}

package struct Ack: Equatable, Sendable {
    package var sequence: UInt32
    /// serf's network coordinate; Drover sends none.
    package var payload: [UInt8] = []
}

/// "`from` says that `node` is suspect, or dead, in its life `incarnation`."
package struct Accusation: Equatable, Sendable {
    package var incarnation: UInt32
    package var node: String
    package var from: String
}

/// "`node` lives, here, with these tags."
package struct Alive: Equatable, Sendable {
    package var incarnation: UInt32
    package var node: String
    package var address: GossipAddress
    /// Tags as serf encodes them, at most ``WireLimits/metaBytesMax``.
    package var meta: [UInt8]
    package var versions: ProtocolVersions?
}

/// Protocol versions a node understands and speaks: memberlist's, and serf's as "delegate".
package struct ProtocolVersions: Equatable, Hashable, Sendable {
    package var protocolMin: UInt8
    package var protocolMax: UInt8
    package var protocolCurrent: UInt8
    package var delegateMin: UInt8
    package var delegateMax: UInt8
    package var delegateCurrent: UInt8

    /// Understands 1 to 5, speaks 2 (memberlist's default; newer abilities are used by what the peer understands); serf 2 to 5, speaks 5.
    package static let ours = ProtocolVersions([1, 5, 2, 2, 5, 5])

    /// Six bytes in the wire's order: min, max and current of the protocol, then of the delegate; nil when fewer, zeros beyond.
    package init?(wire bytes: [UInt8]) {
        guard bytes.count >= 6 else { return nil }
        self.init(bytes)
    }

    private init(_ bytes: [UInt8]) {
        (protocolMin, protocolMax, protocolCurrent) = (bytes[0], bytes[1], bytes[2])
        (delegateMin, delegateMax, delegateCurrent) = (bytes[3], bytes[4], bytes[5])
    }

    package var wire: [UInt8] {
        [protocolMin, protocolMax, protocolCurrent, delegateMin, delegateMax, delegateCurrent]
    }

    /// Whether the figures can be a real node's.
    var isPlausible: Bool { protocolMin > 0 && protocolMin <= protocolMax }
}

/// An IP address as the wire carries it, 4 or 16 bytes, and a port.
package struct GossipAddress: Hashable, Sendable, CustomStringConvertible {
    package var bytes: [UInt8]
    package var port: UInt16

    package init(bytes: [UInt8], port: UInt16) {
        self.bytes = bytes
        self.port = port
    }

    /// Whether it can be sent to.
    package var isUsable: Bool { (bytes.count == 4 || bytes.count == 16) && port != 0 }

    /// The address without the port: `10.0.0.1`, or eight groups of hexadecimal digits.
    package var host: String {
        if let v4 = fourBytes { return v4.map(String.init).joined(separator: ".") }
        guard bytes.count == 16 else { return "" }
        return stride(from: 0, to: 16, by: 2).map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
            .joined(separator: ":")
    }

    package var description: String { bytes.count == 16 && fourBytes == nil ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The address when it is of IPv4, also in its form within IPv6.
    private var fourBytes: ArraySlice<UInt8>? {
        if bytes.count == 4 { return bytes[...] }
        let isMapped =
            bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
        return isMapped ? bytes[12...] : nil
    }
}

/// Bounds on what a peer may send; a message beyond one is refused.
package enum WireLimits {
    /// Bytes of a node's name.
    package static let nameBytesMax = 255
    /// Bytes of a node's encoded tags, memberlist's own limit.
    package static let metaBytesMax = 512
    /// Bytes a packet may grow to when decompressed.
    package static let packetBytesMax = 65_536
    /// Messages in one packet, counted over all nesting.
    package static let packetMessagesMax = 512
    /// Packets within packets: checksum, compression, compound.
    package static let packetDepthMax = 4
    /// Bytes of one message on a stream, and what it may grow to when decompressed.
    package static let streamBytesMax = 8 << 20
    /// Nodes in one push/pull.
    package static let nodesMax = 8_192
    /// Bytes of an application event's payload; serf's own limit is half of it.
    package static let eventBytesMax = 1_024
    /// Bytes of a query's payload, of one of its filters, and of its answer.
    package static let queryBytesMax = 8_192
}
