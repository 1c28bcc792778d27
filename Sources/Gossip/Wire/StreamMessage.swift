/// What travels on streams: one message each way at most.
package enum StreamMessage: Equatable, Sendable {
    /// Answered by an ack on the same stream: the fallback of a probe whose packets got lost.
    case ping(Ping)
    case ack(Ack)
    /// Answered by the receiver's own state (anti-entropy, SWIM's join).
    case pushPull(PushPull)
    case user([UInt8])
    /// The peer could not read what it was sent; its own words.
    case error(String)

    /// The type's byte and the body, to be sealed whole when encryption is on.
    package var encoded: [UInt8] {
        switch self {
        case .ping(let ping): return ping.encoded
        case .ack(let ack): return ack.encoded
        case .pushPull(let state): return state.encoded
        case .user(let payload):
            var writer = MessagePackWriter(prefix: [MessageType.user.rawValue])
            writer.writeMap(1)
            writer.field("UserMsgLen", UInt64(payload.count))
            return writer.bytes + payload
        case .error(let text):
            var writer = MessagePackWriter(prefix: [MessageType.error.rawValue])
            writer.writeMap(1)
            writer.field("Error", text)
            return writer.bytes
        }
    }
}

/// One side's whole view, for the other to merge.
package struct PushPull: Equatable, Sendable {
    /// Whether this is a join; otherwise it is the periodic exchange.
    package var isJoin: Bool
    package var nodes: [NodeState]
    /// serf's part, a ``SerfMessage/pushPull(_:)``.
    package var userState: [UInt8]

    /// One node as the sender sees it.
    package struct NodeState: Equatable, Sendable {
        package var name: String
        package var address: GossipAddress
        package var meta: [UInt8]
        package var incarnation: UInt32
        package var standing: Standing
        package var versions: ProtocolVersions?
    }

    /// memberlist's numbers.
    package enum Standing: UInt8, Sendable {
        case alive = 0
        case suspect = 1
        case dead = 2
        case left = 3
    }

    var encoded: [UInt8] {
        var writer = MessagePackWriter(prefix: [MessageType.pushPull.rawValue])
        writer.writeMap(3)
        writer.field("Join", isJoin)
        writer.field("Nodes", UInt64(nodes.count))
        writer.field("UserStateLen", UInt64(userState.count))
        for node in nodes { node.write(to: &writer) }
        return writer.bytes + userState
    }

    /// What precedes the nodes.
    struct Header {
        var isJoin = false
        var nodeCount = 0
        var userStateBytes = 0

        init(from reader: inout MessagePackReader) throws(WireError) {
            var header = (isJoin: false, nodeCount: 0, userStateBytes: 0)
            try reader.readFields { reader, key throws(WireError) in
                switch key {
                case "Join": header.isJoin = try reader.readBool()
                case "Nodes": header.nodeCount = try reader.readInteger()
                case "UserStateLen": header.userStateBytes = try reader.readInteger()
                default: return false
                }
                return true
            }
            guard (0...WireLimits.nodesMax).contains(header.nodeCount) else {
                throw .malformed("a state of \(header.nodeCount) nodes, at most \(WireLimits.nodesMax) are allowed")
            }
            guard (0...WireLimits.streamBytesMax).contains(header.userStateBytes) else {
                throw .malformed("a user state of \(header.userStateBytes) bytes")
            }
            (isJoin, nodeCount, userStateBytes) = header
        }
    }
}

extension PushPull.NodeState {
    func write(to writer: inout MessagePackWriter) {
        writer.writeMap(7)
        writer.field("Addr", address.bytes)
        writer.field("Incarnation", incarnation)
        writer.field("Meta", meta)
        writer.field("Name", name)
        writer.field("Port", address.port)
        writer.field("State", standing.rawValue)
        writer.field("Vsn", versions?.wire ?? [])
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        var (name, meta, incarnation, versions) = ("", [UInt8](), UInt32(0), [UInt8]())
        var (address, standing) = (GossipAddress(bytes: [], port: 0), PushPull.Standing.alive)
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "Name": name = try reader.readName()
            case "Addr": address.bytes = try reader.readIP()
            case "Port": address.port = try reader.readInteger()
            case "Meta": meta = try reader.readBytes(limit: WireLimits.metaBytesMax)
            case "Incarnation": incarnation = try reader.readInteger()
            case "State":
                let code: UInt8 = try reader.readInteger()
                guard let known = PushPull.Standing(rawValue: code) else {
                    throw .malformed("a node in unknown state \(code)")
                }
                standing = known
            case "Vsn": versions = try reader.readBytes(limit: 32)
            default: return false
            }
            return true
        }
        self.init(
            name: name, address: address, meta: meta, incarnation: incarnation, standing: standing,
            versions: ProtocolVersions(wire: versions))
    }
}
