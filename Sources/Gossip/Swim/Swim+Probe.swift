internal import Basics

/// One probe of one node (SWIM §3.1): direct, then through others and over a stream, then suspicion.
struct Probe: Sendable {
    let target: String
    let sequence: UInt32
    let incarnation: UInt32
    /// The end of the probe: no answer by then raises suspicion.
    let deadline: Uptime
    var stage: Stage

    enum Stage: Sendable {
        /// Waiting for a direct ack until then.
        case direct(until: Uptime)
        /// Waiting for an ack by whatever way.
        case indirect(nacksWanted: Int, nacks: Int, stream: StreamID?, isReachedByStream: Bool)
    }

    var nextStep: Uptime {
        switch stage {
        case .direct(let until): min(until, deadline)
        case .indirect: deadline
        }
    }
}

/// A probe on behalf of another node.
struct Relay: Sendable {
    /// Whom to answer, and with which number.
    let requester: GossipAddress
    let requesterName: String
    let sequence: UInt32
    let wantsNack: Bool
    let deadline: Uptime
}

extension Swim {
    /// Probes on behalf of others at once; more are ignored, and the askers take the silence for packet loss.
    private static let relaysMax = 1_024

    // MARK: - Asking

    /// Probes the next living node of the ring; at its end the dead are forgotten and the order is drawn anew.
    mutating func startProbe(at now: Uptime) {
        for _ in 0...ring.count {
            if ringIndex >= ring.count { startRound(at: now) }
            guard ringIndex < ring.count else { return }
            let candidate = ring[ringIndex]
            ringIndex += 1
            guard candidate != name, let node = nodes[candidate], !node.isGone else { continue }
            startProbe(of: node, at: now)
            return
        }
    }

    private mutating func startProbe(of node: SwimNode, at now: Uptime) {
        let deadline = now + awareness.scale(settings.probeInterval)
        let started = Probe(
            target: node.name, sequence: nextSequence(), incarnation: node.incarnation, deadline: deadline,
            stage: .direct(until: now + settings.probeTimeout))
        probe = started
        let ping = Ping(sequence: started.sequence, node: node.name, source: ownSource).encoded
        if node.isAlive {
            send(ping, to: node.address, node: node.name)
        } else {
            // Tells the suspect first of all, so that it can object at once (Lifeguard §IV.C, buddy system).
            let accusation = Accusation(incarnation: node.incarnation, node: node.name, from: name)
            sendPacket([ping, SwimMessage.suspect(accusation).encoded], to: node.address, node: node.name)
        }
    }

    private mutating func startRound(at now: Uptime) {
        let heardUntil = settings.gossipToTheDeadTime
        ring.removeAll { candidate in
            guard let node = nodes[candidate] else { return true }
            return node.isGone && node.name != name && now - node.changed > heardUntil
        }
        let known = Set(ring)
        nodes = nodes.filter { known.contains($0.key) }
        ring.shuffle(using: &generator)
        ringIndex = 0
    }

    /// Goes on with the probe under way when its time has come.
    mutating func advanceProbe(at now: Uptime) {
        guard let current = probe else { return }
        guard let node = nodes[current.target], !node.isGone else {
            probe = nil
            return
        }
        if case .direct(let until) = current.stage, until <= now, current.deadline > now {
            probeIndirectly(node, current, at: now)
        } else if current.deadline <= now {
            endProbe(current, of: node, at: now)
        }
    }

    private mutating func probeIndirectly(_ node: SwimNode, _ current: Probe, at now: Uptime) {
        let helpers = someNodes(settings.indirectChecks) { $0.isAlive && $0.name != node.name }
        for helper in helpers {
            let request = IndirectPing(
                sequence: current.sequence, target: node.address, node: node.name, wantsNack: helper.understands(4),
                source: ownSource)
            send(request.encoded, to: helper.address, node: helper.name)
        }
        var stream: StreamID?
        if node.understands(3) {
            let id = nextStream()
            let ping = Ping(sequence: current.sequence, node: node.name, source: ownSource)
            emit(.ping(id, ping.encoded, to: node.address, within: current.deadline - now))
            stream = id
        }
        let nacksWanted = helpers.count { $0.understands(4) }
        probe?.stage = .indirect(nacksWanted: nacksWanted, nacks: 0, stream: stream, isReachedByStream: false)
    }

    private mutating func endProbe(_ current: Probe, of node: SwimNode, at now: Uptime) {
        probe = nil
        guard case .indirect(let nacksWanted, let nacks, _, let isReachedByStream) = current.stage else {
            // The clock jumped past the whole probe: nothing was learnt of the node, something of ourselves.
            awareness.add(1)
            return
        }
        if isReachedByStream {
            awareness.add(-1)
            emit(.note(.onlyStreams(node.name)))
            return
        }
        // Helpers that stay silent too say that the fault is here (Lifeguard §IV.A).
        awareness.add(nacksWanted > 0 ? max(0, nacksWanted - nacks) : 1)
        emit(.note(.suspected(node.name)))
        suspect(Accusation(incarnation: current.incarnation, node: node.name, from: name), at: now)
    }

    // MARK: - Answers

    mutating func receiveAck(_ sequence: UInt32, at now: Uptime) {
        if probe?.sequence == sequence {
            probe = nil
            awareness.add(-1)
        } else if let relay = relays.removeValue(forKey: sequence) {
            send(Ack(sequence: relay.sequence).encoded, to: relay.requester, node: relay.requesterName)
        }
    }

    mutating func receiveNack(_ sequence: UInt32) {
        guard let current = probe, current.sequence == sequence,
            case .indirect(let wanted, let nacks, let stream, let isReached) = current.stage
        else { return }
        probe?.stage = .indirect(
            nacksWanted: wanted, nacks: min(nacks + 1, wanted), stream: stream, isReachedByStream: isReached)
    }

    /// The stream of a probe brought the ack of that number.
    mutating func receiveStreamAck(_ id: StreamID, sequence: UInt32) {
        guard let current = probe, current.sequence == sequence,
            case .indirect(let wanted, let nacks, let stream, _) = current.stage, stream == id
        else { return }
        // Packets may still come; that only streams pass is worth knowing at the probe's end.
        probe?.stage = .indirect(nacksWanted: wanted, nacks: nacks, stream: stream, isReachedByStream: true)
    }

    // MARK: - Asked

    mutating func answer(_ ping: Ping, from source: GossipAddress) {
        guard ping.node.isEmpty || ping.node == name else {
            emit(.note(.pingForOther(ping.node, from: source)))
            return
        }
        send(Ack(sequence: ping.sequence).encoded, to: ping.source?.address ?? source, node: ping.source?.node ?? "")
    }

    mutating func relay(_ request: IndirectPing, from source: GossipAddress, at now: Uptime) {
        guard request.target.isUsable, relays.count < Swim.relaysMax else { return }
        let number = nextSequence()
        relays[number] = Relay(
            requester: request.source?.address ?? source, requesterName: request.source?.node ?? "",
            sequence: request.sequence, wantsNack: request.wantsNack, deadline: now + settings.probeTimeout)
        let ping = Ping(sequence: number, node: request.node, source: ownSource)
        send(ping.encoded, to: request.target, node: request.node)
    }

    mutating func expireRelays(at now: Uptime) {
        for number in relays.filter({ $0.value.deadline <= now }).keys.sorted() {
            guard let relay = relays.removeValue(forKey: number), relay.wantsNack else { continue }
            send(SwimMessage.nack(sequence: relay.sequence).encoded, to: relay.requester, node: relay.requesterName)
        }
    }

    private var ownSource: PingSource? { nodes[name].map { PingSource(address: $0.address, node: name) } }
}
