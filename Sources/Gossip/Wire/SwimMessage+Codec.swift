extension SwimMessage {
    /// The type's byte and the body.
    package var encoded: [UInt8] {
        switch self {
        case .ping(let ping): ping.encoded
        case .indirectPing(let request): request.encoded
        case .ack(let ack): ack.encoded
        case .nack(let sequence): SwimMessage.encodedNack(sequence)
        case .suspect(let accusation): accusation.encoded(.suspect)
        case .alive(let alive): alive.encoded
        case .dead(let accusation): accusation.encoded(.dead)
        case .user(let payload): [MessageType.user.rawValue] + payload
        }
    }

    /// Reads one message of the given type from `body`, which follows the type's byte.
    ///
    /// - Throws: ``WireError`` when the body is cut short or not of that type, or the type does not travel alone in packets.
    package init(_ type: MessageType, body: [UInt8]) throws(WireError) {
        var reader = MessagePackReader(body)
        switch type {
        case .ping: self = .ping(try Ping(from: &reader))
        case .indirectPing: self = .indirectPing(try IndirectPing(from: &reader))
        case .ack: self = .ack(try Ack(from: &reader))
        case .nack: self = .nack(sequence: try Ack(from: &reader).sequence)
        case .suspect: self = .suspect(try Accusation(from: &reader))
        case .alive: self = .alive(try Alive(from: &reader))
        case .dead: self = .dead(try Accusation(from: &reader))
        case .user: self = .user(body)
        default: throw .malformed("a message of type \(type) where a packet's was wanted")
        }
    }

    private static func encodedNack(_ sequence: UInt32) -> [UInt8] {
        var writer = MessagePackWriter(prefix: [MessageType.nack.rawValue])
        writer.writeMap(1)
        writer.field("SeqNo", sequence)
        return writer.bytes
    }
}

extension MessagePackReader {
    mutating func readName() throws(WireError) -> String { try readString(limit: WireLimits.nameBytesMax) }

    /// Bytes of an IP address: none, 4 or 16.
    mutating func readIP() throws(WireError) -> [UInt8] {
        let bytes = try readBytes(limit: 16)
        guard [0, 4, 16].contains(bytes.count) else { throw .malformed("an IP address of \(bytes.count) bytes") }
        return bytes
    }
}

/// The three optional fields that say where a ping came from.
private struct SourceFields {
    var address = GossipAddress(bytes: [], port: 0)
    var node = ""

    mutating func read(_ key: String, from reader: inout MessagePackReader) throws(WireError) -> Bool {
        switch key {
        case "SourceAddr": address.bytes = try reader.readIP()
        case "SourcePort": address.port = try reader.readInteger()
        case "SourceNode": node = try reader.readName()
        default: return false
        }
        return true
    }

    var source: PingSource? { address.isUsable ? PingSource(address: address, node: node) : nil }

    static func write(_ source: PingSource?, to writer: inout MessagePackWriter) {
        guard let source else { return }
        writer.field("SourceAddr", source.address.bytes)
        writer.field("SourceNode", source.node)
        writer.field("SourcePort", source.address.port)
    }
}

extension Ping {
    var encoded: [UInt8] {
        var writer = MessagePackWriter(prefix: [MessageType.ping.rawValue])
        writer.writeMap(source == nil ? 2 : 5)
        writer.field("Node", node)
        writer.field("SeqNo", sequence)
        SourceFields.write(source, to: &writer)
        return writer.bytes
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        var (sequence, node, fields) = (UInt32(0), "", SourceFields())
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "SeqNo": sequence = try reader.readInteger()
            case "Node": node = try reader.readName()
            default: return try fields.read(key, from: &reader)
            }
            return true
        }
        self.init(sequence: sequence, node: node, source: fields.source)
    }
}

extension IndirectPing {
    var encoded: [UInt8] {
        var writer = MessagePackWriter(prefix: [MessageType.indirectPing.rawValue])
        writer.writeMap(source == nil ? 5 : 8)
        writer.field("Nack", wantsNack)
        writer.field("Node", node)
        writer.field("Port", target.port)
        writer.field("SeqNo", sequence)
        SourceFields.write(source, to: &writer)
        writer.field("Target", target.bytes)
        return writer.bytes
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        var (sequence, node, wantsNack, fields) = (UInt32(0), "", false, SourceFields())
        var target = GossipAddress(bytes: [], port: 0)
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "SeqNo": sequence = try reader.readInteger()
            case "Target": target.bytes = try reader.readIP()
            case "Port": target.port = try reader.readInteger()
            case "Node": node = try reader.readName()
            case "Nack": wantsNack = try reader.readBool()
            default: return try fields.read(key, from: &reader)
            }
            return true
        }
        self.init(sequence: sequence, target: target, node: node, wantsNack: wantsNack, source: fields.source)
    }
}

extension Ack {
    var encoded: [UInt8] {
        var writer = MessagePackWriter(prefix: [MessageType.ack.rawValue])
        writer.writeMap(2)
        writer.writeString("Payload")
        if payload.isEmpty { writer.writeNil() } else { writer.writeRaw(payload) }
        writer.field("SeqNo", sequence)
        return writer.bytes
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        var (sequence, payload) = (UInt32(0), [UInt8]())
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "SeqNo": sequence = try reader.readInteger()
            case "Payload": payload = try reader.readBytes(limit: WireLimits.packetBytesMax)
            default: return false
            }
            return true
        }
        self.init(sequence: sequence, payload: payload)
    }
}

extension Accusation {
    func encoded(_ type: MessageType) -> [UInt8] {
        var writer = MessagePackWriter(prefix: [type.rawValue])
        writer.writeMap(3)
        writer.field("From", from)
        writer.field("Incarnation", incarnation)
        writer.field("Node", node)
        return writer.bytes
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        var (incarnation, node, from) = (UInt32(0), "", "")
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "Incarnation": incarnation = try reader.readInteger()
            case "Node": node = try reader.readName()
            case "From": from = try reader.readName()
            default: return false
            }
            return true
        }
        self.init(incarnation: incarnation, node: node, from: from)
    }
}

extension Alive {
    var encoded: [UInt8] {
        var writer = MessagePackWriter(prefix: [MessageType.alive.rawValue])
        writer.writeMap(6)
        writer.field("Addr", address.bytes)
        writer.field("Incarnation", incarnation)
        writer.field("Meta", meta)
        writer.field("Node", node)
        writer.field("Port", address.port)
        writer.field("Vsn", versions?.wire ?? [])
        return writer.bytes
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        var (incarnation, node, meta, versions) = (UInt32(0), "", [UInt8](), [UInt8]())
        var address = GossipAddress(bytes: [], port: 0)
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "Incarnation": incarnation = try reader.readInteger()
            case "Node": node = try reader.readName()
            case "Addr": address.bytes = try reader.readIP()
            case "Port": address.port = try reader.readInteger()
            case "Meta": meta = try reader.readBytes(limit: WireLimits.metaBytesMax)
            case "Vsn": versions = try reader.readBytes(limit: 32)
            default: return false
            }
            return true
        }
        self.init(
            incarnation: incarnation, node: node, address: address, meta: meta,
            versions: ProtocolVersions(wire: versions))
    }
}
