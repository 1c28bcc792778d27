internal import Basics

/// What is said of nodes, by packets and in exchanges, and what this node makes of it (SWIM §4.2).
extension Swim {
    // MARK: - Of this node

    /// Enters this node, or tells the pool of its new address or tags.
    mutating func announce(address: GossipAddress, meta: [UInt8], at now: Uptime) {
        let isNew = nodes[name] == nil
        let node = SwimNode(
            name: name, address: address, meta: meta, versions: .ours, incarnation: raiseIncarnation(),
            standing: .alive, changed: nodes[name]?.changed ?? now)
        nodes[name] = node
        if isNew { ring.append(name) }
        spread(node)
        emit(isNew ? .arrived(name) : .changed(name))
    }

    /// Says goodbye: a death that the node itself announces.
    mutating func leave(at now: Uptime) -> UInt64? {
        guard !hasLeft, let own = nodes[name] else { return nil }
        hasLeft = true
        probe = nil
        let goodbye = Accusation(incarnation: own.incarnation, node: name, from: name)
        let number = rumours.add(SwimMessage.dead(goodbye).encoded, about: name)
        nodes[name]?.standing = .left
        nodes[name]?.changed = now
        emit(.departed(name))
        return number
    }

    /// Objects to what was said of this node in its life `accused`.
    private mutating func refute(_ accused: UInt32, accuser: String) {
        guard var own = nodes[name] else { return }
        own.incarnation = raiseIncarnation(above: accused)
        nodes[name] = own
        awareness.add(1)
        emit(.note(.refuted(accuser: accuser)))
        spread(own)
    }

    /// Who accuses this node of an incarnation it has long left behind has missed the objection, and would go on until it takes
    /// the node for dead: memberlist leaves that to the next exchange of whole states.
    private mutating func repeatObjection(to accusation: Accusation) {
        guard accusation.node == name, !hasLeft, let own = nodes[name] else { return }
        spread(own)
    }

    private mutating func spread(_ node: SwimNode) {
        let alive = Alive(
            incarnation: node.incarnation, node: node.name, address: node.address, meta: node.meta,
            versions: node.versions)
        rumours.add(alive.encoded, about: node.name)
    }

    // MARK: - Alive

    mutating func hear(_ alive: Alive, at now: Uptime) {
        guard !alive.node.isEmpty, alive.address.isUsable else { return }
        if let versions = alive.versions, !versions.isPlausible {
            emit(.note(.versionsRefused(alive.node)))
            return
        }
        guard alive.node != name else {
            hearOfSelf(alive)
            return
        }
        guard let known = nodes[alive.node] else {
            admit(alive, at: now)
            return
        }
        var isMoved = false
        if known.address != alive.address {
            // Only who left may come back elsewhere; otherwise two nodes claim one name.
            guard case .left = known.standing else {
                emit(.note(.nameConflict(alive.node, known: known.address, other: alive.address)))
                return
            }
            isMoved = true
        }
        guard alive.incarnation > known.incarnation || isMoved else { return }
        update(known, to: alive, at: now)
    }

    private mutating func hearOfSelf(_ alive: Alive) {
        guard !hasLeft, let own = nodes[name] else { return }
        guard own.address == alive.address else {
            emit(.note(.nameConflict(name, known: own.address, other: alive.address)))
            return
        }
        // An earlier life of this node may be remembered with the same number and other tags.
        let isSame = alive.incarnation == own.incarnation && alive.meta == own.meta && alive.versions == own.versions
        guard alive.incarnation >= own.incarnation, !isSame else { return }
        refute(alive.incarnation, accuser: name)
    }

    private mutating func admit(_ alive: Alive, at now: Uptime) {
        guard nodes.count < settings.nodesMax else {
            emit(.note(.poolFull(alive.node)))
            return
        }
        nodes[alive.node] = SwimNode(
            name: alive.node, address: alive.address, meta: alive.meta, versions: alive.versions,
            incarnation: alive.incarnation, standing: .alive, changed: now)
        // At a random place of this round, so that the time to the first probe is the same for all on average (SWIM §4.3).
        ring.append(alive.node)
        ring.swapAt(Int.random(in: 0..<ring.count, using: &generator), ring.count - 1)
        rumours.add(alive.encoded, about: alive.node)
        emit(.arrived(alive.node))
    }

    private mutating func update(_ known: SwimNode, to alive: Alive, at now: Uptime) {
        var node = known
        node.incarnation = alive.incarnation
        node.address = alive.address
        node.meta = alive.meta
        node.versions = alive.versions ?? known.versions
        if !known.isAlive {
            node.standing = .alive
            node.changed = now
        }
        nodes[node.name] = node
        rumours.add(alive.encoded, about: node.name)
        if known.isGone {
            emit(.arrived(node.name))
        } else if known.meta != node.meta || known.versions != node.versions {
            emit(.changed(node.name))
        }
    }

    // MARK: - Suspect and dead

    mutating func suspect(_ accusation: Accusation, at now: Uptime) {
        guard let node = nodes[accusation.node] else { return }
        guard accusation.incarnation >= node.incarnation else { return repeatObjection(to: accusation) }
        switch node.standing {
        case .suspect(var suspicion):
            guard suspicion.confirm(from: accusation.from) else { return }
            nodes[node.name]?.standing = .suspect(suspicion)
            rumours.add(accusation.encoded(.suspect), about: node.name)
        case .alive where node.name == name:
            refute(accusation.incarnation, accuser: accusation.from)
        case .alive:
            rumours.add(accusation.encoded(.suspect), about: node.name)
            var suspected = node
            suspected.incarnation = accusation.incarnation
            suspected.standing = .suspect(newSuspicion(from: accusation.from, at: now))
            suspected.changed = now
            nodes[node.name] = suspected
        case .dead, .left: return
        }
    }

    private func newSuspicion(from accuser: String, at now: Uptime) -> Suspicion {
        // This node and the suspect cannot confirm.
        let wanted = nodes.count - 2 < settings.suspicionMultiplier - 2 ? 0 : settings.suspicionMultiplier - 2
        let shortest = Scaling.suspicionMin(
            multiplier: settings.suspicionMultiplier, nodes: nodes.count, interval: settings.probeInterval)
        return Suspicion(
            from: accuser, wanted: wanted, min: shortest, max: shortest * settings.suspicionMaxMultiplier, at: now)
    }

    mutating func expireSuspicions(at now: Uptime) {
        for suspect in ring {
            guard let node = nodes[suspect], case .suspect(let suspicion) = node.standing, suspicion.deadline <= now
            else { continue }
            emit(.note(.failed(suspect, confirmations: suspicion.confirmations)))
            bury(Accusation(incarnation: node.incarnation, node: suspect, from: name), at: now)
        }
    }

    mutating func bury(_ accusation: Accusation, at now: Uptime) {
        guard let node = nodes[accusation.node], !node.isGone else { return }
        guard accusation.incarnation >= node.incarnation else { return repeatObjection(to: accusation) }
        guard node.name != name else {
            if !hasLeft { refute(accusation.incarnation, accuser: accusation.from) }
            return
        }
        rumours.add(accusation.encoded(.dead), about: node.name)
        nodes[node.name]?.incarnation = accusation.incarnation
        nodes[node.name]?.standing = accusation.from == node.name ? .left : .dead
        nodes[node.name]?.changed = now
        emit(.departed(node.name))
    }
}
