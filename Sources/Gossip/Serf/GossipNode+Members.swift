internal import Basics

/// Members, their intents, and what becomes of those that are gone (serf's rules).
extension GossipNode {
    /// Intents kept of nodes not known; more are dropped.
    private static let intentsMax = 8_192

    // MARK: - From SWIM

    mutating func memberArrived(_ node: String) {
        guard let fresh = freshMember(node) else { return }
        var record = members[node] ?? MemberRecord(member: fresh, statusTime: 0)
        if members[node] == nil, let intent = intents.removeValue(forKey: node) {
            record.statusTime = intent.time
            if intent.isLeave { record.member.status = .leaving }
        } else {
            record.member = fresh
        }
        record.gone = nil
        record.pruneAt = nil
        members[node] = record
        emit(.report(.joined(record.member)))
    }

    mutating func memberDeparted(_ node: String, at now: Uptime) {
        guard var record = members[node] else { return }
        switch record.member.status {
        case .leaving: record.member.status = .left
        case .alive: record.member.status = swim.nodes[node].isLeft ? .left : .failed
        case .none, .left, .failed: return
        }
        record.gone = now
        members[node] = record
        emit(.report(record.member.status == .left ? .left(record.member) : .failed(record.member)))
    }

    mutating func memberChanged(_ node: String) {
        guard let fresh = freshMember(node), var record = members[node] else { return }
        record.member = fresh
        record.member.status = members[node]?.member.status ?? fresh.status
        members[node] = record
        emit(.report(.updated(record.member)))
    }

    private func freshMember(_ name: String) -> Member? {
        guard let node = swim.nodes[name] else { return nil }
        return Member(
            name: name, address: node.address, tags: MemberTags.decode(node.meta), status: .alive,
            versions: node.versions ?? .ours)
    }

    // MARK: - Intents

    /// True when it is news, to be passed on.
    mutating func receive(_ intent: LeaveIntent, at now: Uptime) -> Bool {
        clock.witness(intent.time)
        guard var record = members[intent.node] else { return keep(intent.node, isLeave: true, intent.time, at: now) }
        guard intent.time > record.statusTime else { return false }
        if intent.node == name, case .none = departure {
            // A leave of an earlier life, or forced by someone: this member is here.
            broadcastJoin(at: now)
            return false
        }
        record.statusTime = intent.time
        switch record.member.status {
        case .alive: record.member.status = .leaving
        case .failed:
            record.member.status = .left
            emit(.report(.left(record.member)))
        case .leaving, .left, .none: break
        }
        if intent.prune {
            let wait = settings.broadcastTimeout + settings.leavePropagateDelay
            record.pruneAt = record.member.status == .leaving ? now + wait : now
        }
        members[intent.node] = record
        if intent.prune, record.member.status == .left { reap(at: now) }
        return true
    }

    /// True when it is news, to be passed on.
    mutating func receive(_ intent: JoinIntent, at now: Uptime) -> Bool {
        clock.witness(intent.time)
        guard let record = members[intent.node] else { return keep(intent.node, isLeave: false, intent.time, at: now) }
        guard intent.time > record.statusTime else { return false }
        members[intent.node]?.statusTime = intent.time
        if record.member.status == .leaving {
            members[intent.node]?.member.status = .alive
            members[intent.node]?.pruneAt = nil
        }
        return true
    }

    private mutating func keep(_ node: String, isLeave: Bool, _ time: UInt64, at now: Uptime) -> Bool {
        if let known = intents[node], known.time >= time { return false }
        guard intents[node] != nil || intents.count < GossipNode.intentsMax else { return false }
        intents[node] = Intent(isLeave: isLeave, time: time, received: now)
        return true
    }

    /// Tells the pool that this member is here, at the clock's present time.
    mutating func broadcastJoin(at now: Uptime) {
        let intent = JoinIntent(time: clock.time, node: name)
        _ = receive(intent, at: now)
        broadcast(.join(intent))
    }

    @discardableResult
    mutating func broadcast(_ message: SerfMessage) -> UInt64 { swim.userRumours[0].add(message.encoded) }

    // MARK: - Joining

    mutating func join(_ address: GossipAddress, for request: RequestID?) {
        guard case .none = departure else {
            if let request { emit(.joinEnded(request, failure: "this member has left the pool")) }
            return
        }
        let id = swim.nextStream()
        joins[id] = .some(request)
        openExchange(id, with: address, isJoin: true)
    }

    mutating func endJoin(_ id: StreamID, failure: String?) {
        guard let request = joins.removeValue(forKey: id) else { return }
        if failure == nil { broadcast(.join(JoinIntent(time: clock.time, node: name))) }
        if let request { emit(.joinEnded(request, failure: failure)) }
    }

    // MARK: - Leaving

    mutating func leave(at now: Uptime) {
        switch departure {
        case .none: break
        case .done:
            emit(.left)
            return
        case .announcing, .parting, .lingering: return
        }
        let intent = LeaveIntent(time: clock.time, node: name, prune: false)
        clock.advance()
        let hasPeers = members.values.contains { $0.member.name != name && $0.member.status == .alive }
        let rumour = hasPeers ? broadcast(.leave(intent)) : 0
        departure = .announcing(rumour: rumour, until: now + settings.broadcastTimeout)
        _ = receive(intent, at: now)
    }

    mutating func advanceDeparture(at now: Uptime) {
        if case .announcing(let rumour, let until) = departure, !swim.userRumours[0].holds(rumour) || until <= now {
            let hadPeers = rumour != 0
            let goodbye = swim.leave(at: now) ?? 0
            departure = .parting(rumour: hadPeers ? goodbye : 0, until: now + settings.broadcastTimeout)
            if !hadPeers {
                // Nobody to tell.
                departure = .lingering(until: now)
            }
        }
        if case .parting(let rumour, let until) = departure, !swim.rumours.holds(rumour) || until <= now {
            departure = .lingering(until: now + settings.leavePropagateDelay)
        }
        if case .lingering(let until) = departure, until <= now {
            departure = .done
            emit(.left)
        }
    }

    mutating func forceLeave(_ member: String, prune: Bool, at now: Uptime) {
        let intent = LeaveIntent(time: clock.time, node: member, prune: prune)
        clock.advance()
        _ = receive(intent, at: now)
        broadcast(.leave(intent))
    }

    // MARK: - Upkeep

    /// Forgets members gone for long, and intents that never came to anything.
    mutating func reap(at now: Uptime) {
        for (name, record) in members.sorted(by: { $0.key < $1.key }) where name != self.name {
            let limit: Duration? =
                switch record.member.status {
                case .failed: settings.reconnectTimeout
                case .left: settings.tombstoneTimeout
                case .none, .alive, .leaving: nil
                }
            let isOld = limit.map { limit in record.gone.map { now - $0 > limit } ?? false } ?? false
            guard isOld || record.pruneAt.map({ $0 <= now }) ?? false else { continue }
            members[name] = nil
            emit(.report(.reaped(record.member)))
        }
        intents = intents.filter { now - $0.value.received <= settings.intentTimeout }
    }

    /// Tries a random failed member again; the more of the living there are, the less often each of them tries, so that together they
    /// try each once an interval.
    mutating func reconnect() {
        guard case .none = departure else { return }
        let failed = memberList.filter { $0.status == .failed }
        let living = memberList.count { $0.status == .alive || $0.status == .leaving }
        guard !failed.isEmpty else { return }
        let probability = Double(failed.count) / Double(max(1, living))
        guard Double.random(in: 0..<1, using: &swim.generator) <= probability else { return }
        let chosen = failed[Int.random(in: failed.indices, using: &swim.generator)]
        join(chosen.address, for: nil)
    }
}

extension SwimNode? {
    /// Whether it said goodbye itself.
    fileprivate var isLeft: Bool { if case .left = self?.standing { true } else { false } }
}
