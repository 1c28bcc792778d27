internal import Basics

/// Exchanges of the whole state over streams, and pings over them.
extension Swim {
    /// This node's view, with the layer above's part in it.
    func state(isJoin: Bool, userState: [UInt8]) -> PushPull {
        let states = ring.compactMap { nodes[$0] }.map { node in
            PushPull.NodeState(
                name: node.name, address: node.address, meta: node.meta, incarnation: node.incarnation,
                standing: node.wireStanding, versions: node.versions)
        }
        return PushPull(isJoin: isJoin, nodes: states, userState: userState)
    }

    /// The periodic exchange with one living node.
    mutating func exchangeWithOne() {
        guard let node = someNodes(1, where: \.isAlive).first else { return }
        let id = nextStream()
        exchanges[id] = node.address
        emit(.exchange(id, with: node.address))
    }

    /// A peer opened a stream and sent `message`. Returns its state when it is one; merge it after answering.
    mutating func receiveRequest(_ id: StreamID, _ message: StreamMessage) -> PushPull? {
        switch message {
        case .ping(let ping) where ping.node.isEmpty || ping.node == name:
            emit(.reply(id, Ack(sequence: ping.sequence).encoded))
        case .pushPull(let state):
            emit(.replyState(id, isJoin: state.isJoin))
            return state
        case .user(let payload):
            emit(.user(payload))
            emit(.close(id))
        case .ping, .ack, .error: emit(.close(id))
        }
        return nil
    }

    /// Takes in what another node knows.
    ///
    /// - Returns: why not, for people, when its versions do not fit the pool's; then nothing is taken.
    mutating func merge(_ state: PushPull, at now: Uptime) -> String? {
        if let refusal = refusal(of: state) { return refusal }
        for node in state.nodes {
            switch node.standing {
            case .alive:
                hear(
                    Alive(
                        incarnation: node.incarnation, node: node.name, address: node.address, meta: node.meta,
                        versions: node.versions), at: now)
            case .left:
                bury(Accusation(incarnation: node.incarnation, node: node.name, from: node.name), at: now)
            case .dead, .suspect:
                // Whom another holds for dead gets the chance to object here too.
                suspect(Accusation(incarnation: node.incarnation, node: node.name, from: name), at: now)
            }
        }
        return nil
    }

    /// Why the two pools cannot be one: some node speaks a version that another does not understand.
    private func refusal(of state: PushPull) -> String? {
        let theirs = state.nodes.filter { $0.standing == .alive }.compactMap { node in
            node.versions.map { (node.name, $0) }
        }
        let ours = ring.compactMap { nodes[$0] }.filter(\.isAlive).compactMap { node in
            node.versions.map { (node.name, $0) }
        }
        let all = theirs + ours
        return unfit(all.map { ($0, $1.protocolMin, $1.protocolMax, $1.protocolCurrent) }, "gossip")
            ?? unfit(all.map { ($0, $1.delegateMin, $1.delegateMax, $1.delegateCurrent) }, "serf")
    }

    /// Everyone's current version must lie between the largest min and the smallest max.
    private func unfit(_ nodes: [(name: String, low: UInt8, high: UInt8, current: UInt8)], _ kind: String) -> String? {
        let (lowest, highest) = (nodes.map(\.low).max() ?? 0, nodes.map(\.high).min() ?? 0)
        return nodes.first { $0.current < lowest || $0.current > highest }.map { node in
            """
            node \(node.name) speaks version \(node.current) of the \(kind) protocol, \
            what all understand is \(lowest) to \(highest)
            """
        }
    }
}
