internal import Basics

/// serf's messages: what comes in user messages and in exchanges, and queries.
extension GossipNode {
    // MARK: - Receiving

    mutating func receiveUser(_ payload: [UInt8], at now: Uptime) {
        do throws(WireError) {
            receive(try SerfMessage(payload), encoded: payload, at: now)
        } catch {
            emit(.note(.unreadableUser(error)))
        }
    }

    private mutating func receive(_ message: SerfMessage, encoded payload: [UInt8], at now: Uptime) {
        switch message {
        case .leave(let intent): if receive(intent, at: now) { swim.userRumours[0].add(payload) }
        case .join(let intent): if receive(intent, at: now) { swim.userRumours[0].add(payload) }
        case .query(let query): if receive(query) { swim.userRumours[1].add(payload) }
        case .userEvent(let event): if receive(event) { swim.userRumours[2].add(payload) }
        case .queryResponse(let response): receive(response)
        case .relay(let address, let node, let inner):
            guard address.isUsable, !inner.isEmpty else { return }
            sendUser(inner, to: address, node: node)
        case .pushPull, .conflictResponse, .keyRequest, .keyResponse: return
        }
    }

    private mutating func receive(_ event: UserEvent) -> Bool {
        eventClock.witness(event.time)
        guard recentEvents.insert(event, at: event.time, clock: eventClock.time) else { return false }
        emit(.userEvent(event))
        return true
    }

    private mutating func sendUser(_ payload: [UInt8], to address: GossipAddress, node: String) {
        swim.sendPacket([[MessageType.user.rawValue] + payload], to: address, node: node)
    }

    // MARK: - Exchanges

    /// This node's part of an exchange.
    var serfState: SerfState {
        SerfState(
            time: clock.time, statusTimes: members.mapValues(\.statusTime),
            leftMembers: memberList.filter { $0.status == .left }.map(\.name), eventTime: eventClock.time,
            events: recentEvents.all.flatMap { $0.keys.sorted { $0.name < $1.name } }, queryTime: queryClock.time)
    }

    mutating func mergeUserState(_ bytes: [UInt8], at now: Uptime) {
        guard !bytes.isEmpty else { return }
        guard case .pushPull(let state)? = SerfMessage.readable(bytes) else { return }
        // The peer has not used its clock's present time yet.
        if state.time > 0 { clock.witness(state.time - 1) }
        if state.eventTime > 0 { eventClock.witness(state.eventTime - 1) }
        if state.queryTime > 0 { queryClock.witness(state.queryTime - 1) }
        // The time of their leave did not travel; it came after the one that did.
        let left = Set(state.leftMembers)
        for name in state.leftMembers {
            let time = state.statusTimes[name] ?? 0
            _ = receive(LeaveIntent(time: time == .max ? .max : time + 1, node: name, prune: false), at: now)
        }
        for (name, time) in state.statusTimes.sorted(by: { $0.key < $1.key }) where !left.contains(name) {
            _ = receive(JoinIntent(time: time, node: name), at: now)
        }
        for event in state.events { _ = receive(event) }
    }

    // MARK: - Queries of others

    /// True when it is to be passed on.
    private mutating func receive(_ query: Query) -> Bool {
        queryClock.witness(query.time)
        guard recentQueries.insert(query.id, at: query.time, clock: queryClock.time) else { return false }
        guard query.filters.allSatisfy(matches) else { return query.isBroadcast }
        if query.wantsAck {
            respond(QueryResponse(time: query.time, id: query.id, from: name, flags: Query.ackFlag), to: query)
        }
        answer(query)
        return query.isBroadcast
    }

    /// serf's own queries; an application's find nobody here who could answer.
    private mutating func answer(_ query: Query) {
        if query.name == "_serf_conflict" {
            guard let asked = String(validating: query.payload, as: UTF8.self), asked != name else { return }
            let response = member(asked).map { ConflictResponse(member: $0) }
            respond(with: SerfMessage.conflictResponse(response).encoded, to: query)
        } else if let operation = KeyOperation(query) {
            // A forger of queries must hold a key of the pool already; even so few are under way at once.
            guard keyChanges.count < 64 else { return }
            lastKeyChange += 1
            keyChanges[lastKeyChange] = query
            emit(.changeKeyring(KeyChangeID(number: lastKeyChange), operation))
        }
    }

    private mutating func respond(with payload: [UInt8], to query: Query) {
        respond(QueryResponse(time: query.time, id: query.id, from: name, payload: payload), to: query)
    }

    private mutating func respond(_ response: QueryResponse, to query: Query) {
        guard query.sourceNode != name else {
            receive(response)
            return
        }
        guard query.source.isUsable else { return }
        let message = SerfMessage.queryResponse(response).encoded
        sendUser(message, to: query.source, node: query.sourceNode)
        let relays = swim.someNodes(Int(query.relayFactor)) { $0.isAlive && $0.name != query.sourceNode }
        for relay in relays {
            let wrapped = SerfMessage.relay(to: query.source, node: query.sourceNode, message: message).encoded
            sendUser(wrapped, to: relay.address, node: relay.name)
        }
    }

    /// Node filters by name; tag filters by a plain text, with `^` and `$` as anchors. Any other expression matches nobody here.
    private func matches(_ filter: QueryFilter) -> Bool {
        switch filter {
        case .nodes(let names): return names.contains(name)
        case .tag(let tag, var expression):
            guard let value = tags[tag] else { return false }
            let (isFromStart, isToEnd) = (expression.hasPrefix("^"), expression.hasSuffix("$"))
            if isFromStart { expression.removeFirst() }
            if isToEnd { expression.removeLast() }
            guard !expression.contains(where: { "\\.+*?()|[]{}^$".contains($0) }) else { return false }
            switch (isFromStart, isToEnd) {
            case (true, true): return value == expression
            case (true, false): return value.hasPrefix(expression)
            case (false, true): return value.hasSuffix(expression)
            case (false, false): return expression.isEmpty || value.contains(expression)
            }
        case .unknown: return false
        }
    }

    // MARK: - Key queries of this node

    mutating func changeKeys(_ operation: KeyOperation, for request: RequestID, at now: Uptime) {
        let id = UInt32.random(in: 0...UInt32.max, using: &swim.generator)
        let living = members.values.count { $0.member.status == .alive }
        let timeout = settings.gossipInterval * 16 * Scaling.transmitLimit(multiplier: 1, nodes: living)
        let query = Query(
            time: queryClock.time, id: id, source: address, sourceNode: name, timeout: timeout.nanosecondCount,
            name: operation.queryName, payload: operation.queryPayload)
        queryClock.advance()
        runningQueries[id] = RunningQuery(request: request, asked: living, deadline: now + timeout)
        swim.userRumours[1].add(SerfMessage.query(query).encoded)
        _ = receive(query)
    }

    mutating func keyringChanged(_ id: KeyChangeID, _ response: KeyResponse) {
        guard let query = keyChanges.removeValue(forKey: id.number) else { return }
        respond(with: SerfMessage.keyResponse(fitting(response)).encoded, to: query)
    }

    /// As many keys of the list as one packet carries, and a word that they are not all.
    private func fitting(_ response: KeyResponse) -> KeyResponse {
        var fitted = response
        while SerfMessage.keyResponse(fitted).encoded.count > 900, !fitted.keys.isEmpty {
            fitted.keys.removeLast()
            fitted.message =
                "truncated key list response, showing first \(fitted.keys.count) of \(response.keys.count) keys"
        }
        return fitted
    }

    private mutating func receive(_ response: QueryResponse) {
        guard !response.isAck, var running = runningQueries[response.id] else { return }
        guard case .keyResponse(let answer)? = SerfMessage.readable(response.payload) else { return }
        running.answers[response.from] = answer
        runningQueries[response.id] = running
        if running.answers.count >= running.asked { endQuery(response.id) }
    }

    mutating func endQueries(at now: Uptime) {
        for id in runningQueries.filter({ $0.value.deadline <= now }).keys.sorted() { endQuery(id) }
    }

    private mutating func endQuery(_ id: UInt32) {
        guard let running = runningQueries.removeValue(forKey: id) else { return }
        emit(.keysEnded(running.request, answers: running.answers, asked: running.asked))
    }
}

/// A query of this node under way.
struct RunningQuery: Sendable {
    let request: RequestID
    /// Members alive when it was asked; all of them answering ends it early.
    let asked: Int
    let deadline: Uptime
    var answers: [String: KeyResponse] = [:]
}
