internal import Basics

/// SWIM with Lifeguard's extensions, in memberlist's terms: who is in the pool, and who of them lives.
///
/// A value: every call passes the time, randomness comes from a seeded generator, and what to do is left in ``takeEffects()``.
/// References: Das, Gupta, Motivala: SWIM (2002); Dadgar, Phillips, Currey: Lifeguard (2018).
struct Swim: Sendable {
    let name: String
    let settings: GossipSettings
    var nodes: [String: SwimNode] = [:]
    /// The order of probing; reshuffled after every round, so that each node is probed once a round (SWIM §4.3).
    var ring: [String] = []
    var ringIndex = 0
    var generator: SeededGenerator
    var awareness: Awareness
    var incarnation: UInt32 = 0
    var hasLeft = false

    var probe: Probe?
    /// Probes on behalf of others, by the sequence number this node used.
    var relays: [UInt32: Relay] = [:]
    private var sequence: UInt32
    private var streams: Int64 = 0
    /// Periodic exchanges under way, and with whom.
    var exchanges: [StreamID: GossipAddress] = [:]

    /// Rumours about nodes, one a node.
    var rumours: BroadcastQueue
    /// Rumours of the layer above, most urgent queue first.
    var userRumours: [BroadcastQueue]

    private var nextProbe = Uptime(nanoseconds: .max)
    private var nextGossip = Uptime(nanoseconds: .max)
    private var nextExchange = Uptime(nanoseconds: .max)
    private var effects: [SwimEffect] = []

    init(name: String, settings: GossipSettings, seed: UInt64) {
        self.name = name
        self.settings = settings
        generator = SeededGenerator(seed: seed)
        awareness = Awareness(limit: settings.awarenessMax)
        rumours = BroadcastQueue(itemsMax: settings.rumoursMax)
        userRumours = (0..<3).map { _ in BroadcastQueue(itemsMax: settings.rumoursMax) }
        // Numbers of an earlier life must not be taken for this one's.
        sequence = UInt32.random(in: 0..<1 << 31, using: &generator)
    }

    // MARK: - Driving

    /// Enters the pool, of which this node is the only known member; timers start at random offsets so that nodes do not beat in step.
    mutating func start(address: GossipAddress, meta: [UInt8], at now: Uptime) {
        announce(address: address, meta: meta, at: now)
        nextProbe = now + stagger(settings.probeInterval)
        nextGossip = now + stagger(settings.gossipInterval)
        nextExchange = now + stagger(settings.exchangeInterval)
    }

    /// Carries out all that is due.
    mutating func tick(at now: Uptime) {
        expireSuspicions(at: now)
        advanceProbe(at: now)
        expireRelays(at: now)
        if nextProbe <= now {
            nextProbe = now + settings.probeInterval
            if probe == nil, !hasLeft { startProbe(at: now) }
        }
        if nextGossip <= now {
            nextGossip = now + settings.gossipInterval
            gossip(at: now)
        }
        if nextExchange <= now {
            nextExchange = now + Scaling.exchangeInterval(settings.exchangeInterval, nodes: nodes.count)
            if !hasLeft { exchangeWithOne() }
        }
    }

    /// When ``tick(at:)`` next has something to do.
    var deadline: Uptime {
        var earliest = min(nextProbe, nextGossip, nextExchange)
        if let probe { earliest = min(earliest, probe.nextStep) }
        for relay in relays.values { earliest = min(earliest, relay.deadline) }
        for node in nodes.values {
            if case .suspect(let suspicion) = node.standing { earliest = min(earliest, suspicion.deadline) }
        }
        return earliest
    }

    /// What was asked for since the last call, in order.
    mutating func takeEffects() -> [SwimEffect] {
        defer { effects = [] }
        return effects
    }

    mutating func emit(_ effect: SwimEffect) { effects.append(effect) }

    // MARK: - Packets

    mutating func receive(_ packet: [UInt8], from source: GossipAddress, at now: Uptime) {
        let (messages, failures) = Packet.read(packet)
        for failure in failures { emit(.note(.unreadable(from: source, failure))) }
        for message in messages { receive(message, from: source, at: now) }
    }

    private mutating func receive(_ message: SwimMessage, from source: GossipAddress, at now: Uptime) {
        switch message {
        case .ping(let ping): answer(ping, from: source)
        case .indirectPing(let request): relay(request, from: source, at: now)
        case .ack(let ack): receiveAck(ack.sequence, at: now)
        case .nack(let sequence): receiveNack(sequence)
        case .suspect(let accusation): suspect(accusation, at: now)
        case .alive(let alive): hear(alive, at: now)
        case .dead(let accusation): bury(accusation, at: now)
        case .user(let payload): emit(.user(payload))
        }
    }

    /// Sends `message` to `address`, with as many rumours as fit beside it.
    mutating func send(_ message: [UInt8], to address: GossipAddress, node: String) {
        let room = packetRoom - message.count - Packet.compoundBytesPerMessage
        sendPacket([message] + takeRumours(bytes: room, count: 254), to: address, node: node)
    }

    mutating func sendPacket(_ messages: [[UInt8]], to address: GossipAddress, node: String) {
        let withChecksum = nodes[node]?.understands(5) ?? false
        emit(.send(Packet.join(messages, withChecksum: withChecksum), to: address))
    }

    /// Bytes for the messages of one packet and their lengths.
    var packetRoom: Int {
        settings.packetBytesMax - settings.envelopeBytes - Packet.compoundBytes - Packet.checksumBytes
    }

    mutating func takeRumours(bytes: Int, count: Int) -> [[UInt8]] {
        let limit = Scaling.transmitLimit(multiplier: settings.retransmitMultiplier, nodes: nodes.count)
        let overhead = Packet.compoundBytesPerMessage
        var taken = rumours.take(bytes: bytes, overhead: overhead, count: count, limit: limit)
        for index in userRumours.indices {
            let used = taken.reduce(0) { $0 + $1.count + overhead }
            // One more byte: the type before the payload.
            let more = userRumours[index].take(
                bytes: bytes - used, overhead: overhead + 1, count: count - taken.count, limit: limit)
            taken += more.map { [MessageType.user.rawValue] + $0 }
        }
        return taken
    }

    /// Sends rumours to a few random nodes, the recently dead among them so that they can object (Lifeguard §IV.B).
    private mutating func gossip(at now: Uptime) {
        guard !rumours.isEmpty || userRumours.contains(where: { !$0.isEmpty }) else { return }
        let heardUntil = settings.gossipToTheDeadTime
        let targets = someNodes(settings.gossipNodes) { node in
            switch node.standing {
            case .alive, .suspect: true
            case .dead: now - node.changed <= heardUntil
            case .left: false
            }
        }
        for target in targets {
            let messages = takeRumours(bytes: packetRoom, count: 255)
            guard !messages.isEmpty else { return }
            sendPacket(messages, to: target.address, node: target.name)
        }
    }

    // MARK: - Choosing

    /// Up to `count` other nodes for which `isWanted` holds, at random.
    mutating func someNodes(_ count: Int, where isWanted: (SwimNode) -> Bool) -> [SwimNode] {
        // The ring's order is the same on every run; a dictionary's is not.
        var candidates = ring.compactMap { nodes[$0] }.filter { $0.name != name && isWanted($0) }
        let wanted = min(count, candidates.count)
        for index in 0..<wanted {
            candidates.swapAt(index, Int.random(in: index..<candidates.count, using: &generator))
        }
        return Array(candidates[..<wanted])
    }

    private mutating func stagger(_ interval: Duration) -> Duration {
        .nanoseconds(Int64.random(in: 0..<max(1, interval.nanosecondCount), using: &generator))
    }

    mutating func nextSequence() -> UInt32 {
        sequence &+= 1
        return sequence
    }

    mutating func nextStream() -> StreamID {
        streams += 1
        return StreamID(streams)
    }

    /// Raises this node's incarnation above all that was said of it. Stops at the largest, which only a forger reaches.
    mutating func raiseIncarnation(above accused: UInt32 = 0) -> UInt32 {
        let base = max(incarnation, accused)
        incarnation = base == .max ? .max : base + 1
        return incarnation
    }
}
