package import Basics

/// One member of a gossip pool: serf's layer of names, tags and intents upon SWIM.
///
/// A value: events and times in, effects out, in order. It reads no clock and does no I/O; equal events, times and seed give equal
/// effects. `Membership` is its shell.
package struct GossipNode: Sendable {
    package let name: String
    let settings: GossipSettings
    package let address: GossipAddress
    var tags: [String: String]
    var swim: Swim

    var members: [String: MemberRecord] = [:]
    var clock = LamportClock()
    var eventClock = LamportClock()
    var queryClock = LamportClock()
    /// The newest intent of each node that is not a member yet.
    var intents: [String: Intent] = [:]
    var recentEvents = RecentMessages<UserEvent>()
    var recentQueries = RecentMessages<UInt32>()

    /// Streams opened to join, and for whom; nil for an attempt of this node's own to reach a failed member.
    var joins: [StreamID: RequestID?] = [:]
    var runningQueries: [UInt32: RunningQuery] = [:]
    /// Key changes asked of the shell, and the query each answers.
    var keyChanges: [UInt64: Query] = [:]
    var lastKeyChange: UInt64 = 0
    var departure = Departure.none
    var nextReap = Uptime(nanoseconds: .max)
    var nextReconnect = Uptime(nanoseconds: .max)
    private var effects: [GossipEffect] = []

    /// A node that has not started.
    ///
    /// - Parameters:
    ///   - name: unique in the pool, at most ``WireLimits/nameBytesMax`` bytes of UTF-8.
    ///   - address: where others reach this node.
    ///   - tags: must fit ``WireLimits/metaBytesMax`` when encoded.
    ///   - settings: the protocol's times and sizes.
    ///   - seed: of all that is left to chance; equal seeds and events give equal effects.
    package init(
        name: String, address: GossipAddress, tags: [String: String], settings: GossipSettings = GossipSettings(),
        seed: UInt64
    ) {
        precondition(address.isUsable, "a member's address is of 4 or 16 bytes and a port, not \(address)")
        self.name = name
        self.address = address
        self.tags = tags
        self.settings = settings
        swim = Swim(name: name, settings: settings, seed: seed)
    }

    // MARK: - What is known

    /// All members listed, in order of name; those that left or failed until they are reaped.
    package var memberList: [Member] { members.values.map(\.member).sorted { $0.name < $1.name } }

    package func member(_ name: String) -> Member? { members[name]?.member }

    /// How well this node keeps up; 0 is best.
    package var healthScore: Int { swim.awareness.score }

    /// When ``GossipEvent/tick`` is next due.
    package var deadline: Uptime {
        var earliest = min(swim.deadline, nextReap, nextReconnect, departure.until)
        for query in runningQueries.values { earliest = min(earliest, query.deadline) }
        return earliest
    }

    // MARK: - Driving

    package mutating func step(_ event: GossipEvent, at now: Uptime) -> [GossipEffect] {
        defer { effects = [] }
        carryOut(event, at: now)
        absorb(at: now)
        advanceDeparture(at: now)
        absorb(at: now)
        return effects
    }

    private mutating func carryOut(_ event: GossipEvent, at now: Uptime) {
        switch event {
        case .start: start(at: now)
        case .tick: tick(at: now)
        case .packet(let bytes, let source): swim.receive(bytes, from: source, at: now)
        case .request(let id, let message, let source): receiveRequest(id, message, from: source, at: now)
        case .response(let id, let message): receiveResponse(id, message, at: now)
        case .streamFailed(let id, let reason): streamFailed(id, reason)
        case .join(let request, let address): join(address, for: request)
        case .setTags(let tags):
            self.tags = tags
            swim.announce(address: address, meta: MemberTags.encode(tags), at: now)
        case .leave: leave(at: now)
        case .forceLeave(let member, let prune): forceLeave(member, prune: prune, at: now)
        case .changeKeys(let request, let operation): changeKeys(operation, for: request, at: now)
        case .keyringChanged(let id, let response): keyringChanged(id, response)
        }
    }

    private mutating func start(at now: Uptime) {
        swim.start(address: address, meta: MemberTags.encode(tags), at: now)
        nextReap = now + settings.reapInterval
        nextReconnect = now + settings.reconnectInterval
    }

    private mutating func tick(at now: Uptime) {
        swim.tick(at: now)
        if nextReap <= now {
            nextReap = now + settings.reapInterval
            reap(at: now)
        }
        if nextReconnect <= now {
            nextReconnect = now + settings.reconnectInterval
            reconnect()
        }
        endQueries(at: now)
    }

    mutating func emit(_ effect: GossipEffect) { effects.append(effect) }

    /// Carries out what SWIM asked for, and what follows from that, until nothing is left.
    mutating func absorb(at now: Uptime) {
        while true {
            let asked = swim.takeEffects()
            guard !asked.isEmpty else { return }
            for effect in asked { carryOut(effect, at: now) }
        }
    }

    private mutating func carryOut(_ effect: SwimEffect, at now: Uptime) {
        switch effect {
        case .send(let packet, let address): emit(.send(packet, to: address))
        case .ping(let id, let bytes, let address, let limit): emit(.open(id, bytes, to: address, within: limit))
        case .exchange(let id, let address): openExchange(id, with: address, isJoin: false)
        case .reply(let id, let bytes): emit(.reply(id, bytes))
        case .replyState(let id, let isJoin):
            let state = swim.state(isJoin: isJoin, userState: SerfMessage.pushPull(serfState).encoded)
            emit(.reply(id, StreamMessage.pushPull(state).encoded))
        case .close(let id): emit(.close(id))
        case .user(let payload): receiveUser(payload, at: now)
        case .arrived(let node): memberArrived(node)
        case .departed(let node): memberDeparted(node, at: now)
        case .changed(let node): memberChanged(node)
        case .note(let note): emit(.note(note))
        }
    }

    // MARK: - Streams

    func openExchangeBytes(isJoin: Bool) -> [UInt8] {
        let state = swim.state(isJoin: isJoin, userState: SerfMessage.pushPull(serfState).encoded)
        return StreamMessage.pushPull(state).encoded
    }

    mutating func openExchange(_ id: StreamID, with address: GossipAddress, isJoin: Bool) {
        emit(.open(id, openExchangeBytes(isJoin: isJoin), to: address, within: settings.streamTimeout))
    }

    private mutating func receiveRequest(
        _ id: StreamID, _ message: StreamMessage, from source: GossipAddress, at now: Uptime
    ) {
        guard let state = swim.receiveRequest(id, message) else { return }
        // The answer goes out before the merge, as the peer's state was taken before it heard ours.
        absorb(at: now)
        if let refusal = merge(state, at: now) { emit(.note(.exchangeFailed(source, refusal))) }
    }

    private mutating func receiveResponse(_ id: StreamID, _ message: StreamMessage, at now: Uptime) {
        switch message {
        case .ack(let ack): swim.receiveStreamAck(id, sequence: ack.sequence)
        case .pushPull(let state):
            let exchange = swim.exchanges.removeValue(forKey: id)
            guard exchange != nil || joins[id] != nil else { return }
            let refusal = merge(state, at: now)
            if let exchange, let refusal { emit(.note(.exchangeFailed(exchange, refusal))) }
            endJoin(id, failure: refusal)
        case .error(let text): streamFailed(id, "the peer answered: \(text)")
        case .ping, .user: streamFailed(id, "the peer answered with a request")
        }
    }

    private mutating func streamFailed(_ id: StreamID, _ reason: String) {
        if let address = swim.exchanges.removeValue(forKey: id) { emit(.note(.exchangeFailed(address, reason))) }
        endJoin(id, failure: reason)
    }

    private mutating func merge(_ state: PushPull, at now: Uptime) -> String? {
        if let refusal = swim.merge(state, at: now) { return refusal }
        absorb(at: now)
        mergeUserState(state.userState, at: now)
        return nil
    }
}

/// A member with what only this node needs to know of it.
struct MemberRecord: Sendable {
    var member: Member
    /// Lamport time of the newest intent that counted.
    var statusTime: UInt64
    /// When it left or failed.
    var gone: Uptime?
    /// When to forget it, if a leave intent asked for that.
    var pruneAt: Uptime?
}

/// An intent of a node that is not a member yet; it counts once the node arrives.
struct Intent: Sendable {
    let isLeave: Bool
    let time: UInt64
    let received: Uptime
}

/// How far this node is in leaving.
///
/// ```
///   none ── leave ──► announcing ── sent often enough ──► parting ── sent ──► lingering ── delay ──► done
/// ```
enum Departure: Sendable {
    case none
    /// The leave intent spreads.
    case announcing(rumour: UInt64, until: Uptime)
    /// SWIM's goodbye spreads.
    case parting(rumour: UInt64, until: Uptime)
    /// Still answering those who have not heard.
    case lingering(until: Uptime)
    case done

    var until: Uptime {
        switch self {
        case .none, .done: Uptime(nanoseconds: .max)
        case .announcing(_, let until), .parting(_, let until), .lingering(let until): until
        }
    }
}
