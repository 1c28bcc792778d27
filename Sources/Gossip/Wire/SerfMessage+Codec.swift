extension SerfMessage {
    /// The kind's byte and the body: the payload of a ``SwimMessage/user(_:)``.
    package var encoded: [UInt8] {
        switch self {
        case .leave(let intent): return intent.encoded
        case .join(let intent): return intent.encoded
        case .pushPull(let state): return state.encoded
        case .userEvent(let event): return event.encoded
        case .query(let query): return query.encoded
        case .queryResponse(let response): return response.encoded
        case .conflictResponse(let response): return ConflictResponse.encoded(response)
        case .keyRequest(let key):
            var writer = MessagePackWriter(prefix: [Kind.keyRequest.rawValue])
            writer.writeMap(1)
            writer.field("Key", key)
            return writer.bytes
        case .keyResponse(let response): return response.encoded
        case .relay(let address, let node, let message):
            var writer = MessagePackWriter(prefix: [Kind.relay.rawValue])
            writer.writeMap(2)
            writer.writeString("DestAddr")
            writer.writeMap(3)
            writer.field("IP", address.bytes)
            writer.field("Port", address.port)
            writer.field("Zone", "")
            writer.field("DestName", node)
            return writer.bytes + message
        }
    }

    /// Reads the payload of a user message.
    package init(_ bytes: [UInt8]) throws(WireError) {
        guard let code = bytes.first else { throw .truncated(needed: 1) }
        guard let kind = Kind(rawValue: code) else { throw .malformed("a serf message of unknown kind \(code)") }
        var reader = MessagePackReader(bytes, from: 1)
        switch kind {
        case .leave: self = .leave(try LeaveIntent(from: &reader))
        case .join: self = .join(try JoinIntent(from: &reader))
        case .pushPull: self = .pushPull(try SerfState(from: &reader))
        case .userEvent: self = .userEvent(try UserEvent(from: &reader))
        case .query: self = .query(try Query(from: &reader))
        case .queryResponse: self = .queryResponse(try QueryResponse(from: &reader))
        case .conflictResponse: self = .conflictResponse(try ConflictResponse.read(from: &reader))
        case .keyRequest: self = .keyRequest(key: try SerfMessage.readKey(from: &reader))
        case .keyResponse: self = .keyResponse(try KeyResponse(from: &reader))
        case .relay: self = try SerfMessage.readRelay(from: &reader)
        }
    }

    /// The message in `bytes`, nil when there is none.
    static func readable(_ bytes: [UInt8]) -> SerfMessage? { try? SerfMessage(bytes) }

    private static func readKey(from reader: inout MessagePackReader) throws(WireError) -> [UInt8] {
        var key: [UInt8] = []
        try reader.readFields { reader, name throws(WireError) in
            guard name == "Key" else { return false }
            key = try reader.readBytes(limit: 64)
            return true
        }
        return key
    }

    private static func readRelay(from reader: inout MessagePackReader) throws(WireError) -> SerfMessage {
        var (address, node) = (GossipAddress(bytes: [], port: 0), "")
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "DestName": node = try reader.readName()
            case "DestAddr":
                try reader.readFields { reader, key throws(WireError) in
                    switch key {
                    case "IP": address.bytes = try reader.readIP()
                    case "Port": address.port = try reader.readInteger()
                    default: return false
                    }
                    return true
                }
            default: return false
            }
            return true
        }
        return .relay(to: address, node: node, message: reader.rest)
    }
}

extension LeaveIntent {
    var encoded: [UInt8] {
        var writer = MessagePackWriter(prefix: [SerfMessage.Kind.leave.rawValue])
        writer.writeMap(3)
        writer.field("LTime", time)
        writer.field("Node", node)
        writer.field("Prune", prune)
        return writer.bytes
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        var (time, node, prune) = (UInt64(0), "", false)
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "LTime": time = try reader.readInteger()
            case "Node": node = try reader.readName()
            case "Prune": prune = try reader.readBool()
            default: return false
            }
            return true
        }
        self.init(time: time, node: node, prune: prune)
    }
}

extension JoinIntent {
    var encoded: [UInt8] {
        var writer = MessagePackWriter(prefix: [SerfMessage.Kind.join.rawValue])
        writer.writeMap(2)
        writer.field("LTime", time)
        writer.field("Node", node)
        return writer.bytes
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        let intent = try LeaveIntent(from: &reader)
        self.init(time: intent.time, node: intent.node)
    }
}

extension SerfState {
    var encoded: [UInt8] {
        var writer = MessagePackWriter(prefix: [SerfMessage.Kind.pushPull.rawValue])
        writer.writeMap(6)
        writer.field("EventLTime", eventTime)
        writer.writeString("Events")
        writer.writeArray(events.count)
        for event in events {
            writer.writeMap(2)
            writer.writeString("Events")
            writer.writeArray(1)
            writer.writeMap(2)
            writer.field("Name", event.name)
            writer.field("Payload", event.payload)
            writer.field("LTime", event.time)
        }
        writer.field("LTime", time)
        writer.writeString("LeftMembers")
        writer.writeArray(leftMembers.count)
        for name in leftMembers { writer.writeString(name) }
        writer.field("QueryLTime", queryTime)
        writer.writeString("StatusLTimes")
        writer.writeMap(statusTimes.count)
        for (name, time) in statusTimes.sorted(by: { $0.key < $1.key }) { writer.field(name, time) }
        return writer.bytes
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        var state = SerfState()
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "LTime": state.time = try reader.readInteger()
            case "StatusLTimes":
                try reader.readFields { reader, name throws(WireError) in
                    state.statusTimes[name] = try reader.readInteger()
                    return true
                }
            case "LeftMembers":
                try reader.readArray(limit: WireLimits.nodesMax) { reader throws(WireError) in
                    state.leftMembers.append(try reader.readName())
                }
            case "EventLTime": state.eventTime = try reader.readInteger()
            case "Events":
                try reader.readArray(limit: WireLimits.nodesMax) { reader throws(WireError) in
                    state.events += try UserEvent.readList(from: &reader)
                }
            case "QueryLTime": state.queryTime = try reader.readInteger()
            default: return false
            }
            return true
        }
        self = state
    }
}

extension UserEvent {
    var encoded: [UInt8] {
        var writer = MessagePackWriter(prefix: [SerfMessage.Kind.userEvent.rawValue])
        writer.writeMap(4)
        writer.field("CC", canCoalesce)
        writer.field("LTime", time)
        writer.field("Name", name)
        writer.field("Payload", payload)
        return writer.bytes
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        var event = UserEvent(time: 0, name: "", payload: [])
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "LTime": event.time = try reader.readInteger()
            case "Name": event.name = try reader.readName()
            case "Payload": event.payload = try reader.readBytes(limit: WireLimits.eventBytesMax)
            case "CC": event.canCoalesce = try reader.readBool()
            default: return false
            }
            return true
        }
        self = event
    }

    /// The events of one Lamport time, as a push/pull lists them.
    static func readList(from reader: inout MessagePackReader) throws(WireError) -> [UserEvent] {
        var (time, events) = (UInt64(0), [UserEvent]())
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "LTime": time = try reader.readInteger()
            case "Events":
                try reader.readArray(limit: 1_024) { reader throws(WireError) in
                    events.append(try UserEvent(from: &reader))
                }
            default: return false
            }
            return true
        }
        for index in events.indices { events[index].time = time }
        return events
    }
}

extension Query {
    var encoded: [UInt8] {
        var writer = MessagePackWriter(prefix: [SerfMessage.Kind.query.rawValue])
        writer.writeMap(11)
        writer.field("Addr", source.bytes)
        writer.writeString("Filters")
        writer.writeArray(filters.count)
        for filter in filters { writer.writeRaw(filter.encoded) }
        writer.field("Flags", flags)
        writer.field("ID", id)
        writer.field("LTime", time)
        writer.field("Name", name)
        writer.field("Payload", payload)
        writer.field("Port", source.port)
        writer.field("RelayFactor", relayFactor)
        writer.field("SourceNode", sourceNode)
        writer.field("Timeout", UInt64(max(0, timeout)))
        return writer.bytes
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        var query = Query(
            time: 0, id: 0, source: GossipAddress(bytes: [], port: 0), sourceNode: "", timeout: 0, name: "")
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "LTime": query.time = try reader.readInteger()
            case "ID": query.id = try reader.readInteger()
            case "Addr": query.source.bytes = try reader.readIP()
            case "Port": query.source.port = try reader.readInteger()
            case "SourceNode": query.sourceNode = try reader.readName()
            case "Filters":
                try reader.readArray(limit: 64) { reader throws(WireError) in
                    let raw = try reader.readBytes(limit: WireLimits.queryBytesMax)
                    query.filters.append(try QueryFilter(raw))
                }
            case "Flags": query.flags = try reader.readInteger()
            case "RelayFactor": query.relayFactor = try reader.readInteger()
            case "Timeout": query.timeout = try reader.readInteger()
            case "Name": query.name = try reader.readName()
            case "Payload": query.payload = try reader.readBytes(limit: WireLimits.queryBytesMax)
            default: return false
            }
            return true
        }
        self = query
    }
}

extension QueryFilter {
    var encoded: [UInt8] {
        switch self {
        case .nodes(let names):
            var writer = MessagePackWriter(prefix: [0])
            writer.writeArray(names.count)
            for name in names { writer.writeString(name) }
            return writer.bytes
        case .tag(let tag, let expression):
            var writer = MessagePackWriter(prefix: [1])
            writer.writeMap(2)
            writer.field("Expr", expression)
            writer.field("Tag", tag)
            return writer.bytes
        case .unknown(let bytes): return bytes
        }
    }

    init(_ bytes: [UInt8]) throws(WireError) {
        var reader = MessagePackReader(bytes, from: 1)
        switch bytes.first {
        case 0:
            var names: [String] = []
            try reader.readArray(limit: WireLimits.nodesMax) { reader throws(WireError) in
                names.append(try reader.readName())
            }
            self = .nodes(names)
        case 1:
            var (tag, expression) = ("", "")
            try reader.readFields { reader, key throws(WireError) in
                switch key {
                case "Tag": tag = try reader.readName()
                case "Expr": expression = try reader.readString(limit: 1_024)
                default: return false
                }
                return true
            }
            self = .tag(tag, expression: expression)
        default: self = .unknown(bytes)
        }
    }
}

extension QueryResponse {
    var encoded: [UInt8] {
        var writer = MessagePackWriter(prefix: [SerfMessage.Kind.queryResponse.rawValue])
        writer.writeMap(5)
        writer.field("Flags", flags)
        writer.field("From", from)
        writer.field("ID", id)
        writer.field("LTime", time)
        writer.writeString("Payload")
        if payload.isEmpty { writer.writeNil() } else { writer.writeRaw(payload) }
        return writer.bytes
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        var response = QueryResponse(time: 0, id: 0, from: "")
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "LTime": response.time = try reader.readInteger()
            case "ID": response.id = try reader.readInteger()
            case "From": response.from = try reader.readName()
            case "Flags": response.flags = try reader.readInteger()
            case "Payload": response.payload = try reader.readBytes(limit: WireLimits.queryBytesMax)
            default: return false
            }
            return true
        }
        self = response
    }
}

extension ConflictResponse {
    static func encoded(_ response: ConflictResponse?) -> [UInt8] {
        var writer = MessagePackWriter(prefix: [SerfMessage.Kind.conflictResponse.rawValue])
        guard let member = response?.member else {
            writer.writeNil()
            return writer.bytes
        }
        writer.writeMap(11)
        writer.field("Addr", member.address.bytes)
        writer.field("DelegateCur", member.versions.delegateCurrent)
        writer.field("DelegateMax", member.versions.delegateMax)
        writer.field("DelegateMin", member.versions.delegateMin)
        writer.field("Name", member.name)
        writer.field("Port", member.address.port)
        writer.field("ProtocolCur", member.versions.protocolCurrent)
        writer.field("ProtocolMax", member.versions.protocolMax)
        writer.field("ProtocolMin", member.versions.protocolMin)
        writer.field("Status", UInt64(member.status.rawValue))
        writer.writeString("Tags")
        writer.writeMap(member.tags.count)
        for (key, value) in member.tags.sorted(by: { $0.key < $1.key }) { writer.field(key, value) }
        return writer.bytes
    }

    /// Nil when the answering node knows nobody of that name.
    static func read(from reader: inout MessagePackReader) throws(WireError) -> ConflictResponse? {
        var member = Member(
            name: "", address: GossipAddress(bytes: [], port: 0), tags: [:], status: .none, versions: .ours)
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "Name": member.name = try reader.readName()
            case "Addr": member.address.bytes = try reader.readIP()
            case "Port": member.address.port = try reader.readInteger()
            case "Tags":
                try reader.readFields { reader, tag throws(WireError) in
                    member.tags[tag] = try reader.readString(limit: WireLimits.metaBytesMax)
                    return true
                }
            case "Status":
                member.status = MemberStatus(rawValue: try reader.readInteger()) ?? .none
            default: return false
            }
            return true
        }
        return member.name.isEmpty ? nil : ConflictResponse(member: member)
    }
}

extension KeyResponse {
    var encoded: [UInt8] {
        var writer = MessagePackWriter(prefix: [SerfMessage.Kind.keyResponse.rawValue])
        writer.writeMap(4)
        writer.writeString("Keys")
        writer.writeArray(keys.count)
        for key in keys { writer.writeString(key) }
        writer.field("Message", message)
        writer.field("PrimaryKey", primaryKey)
        writer.field("Result", isDone)
        return writer.bytes
    }

    init(from reader: inout MessagePackReader) throws(WireError) {
        var response = KeyResponse(isDone: false)
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "Result": response.isDone = try reader.readBool()
            case "Message": response.message = try reader.readString(limit: 4_096)
            case "Keys":
                try reader.readArray(limit: 256) { reader throws(WireError) in
                    response.keys.append(try reader.readString(limit: 64))
                }
            case "PrimaryKey": response.primaryKey = try reader.readString(limit: 64)
            default: return false
            }
            return true
        }
        self = response
    }
}
