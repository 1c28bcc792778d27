import Basics
import Model

extension State {
    /// The most events a node keeps.
    static let nodeEventCountMax = 10

    mutating func register(_ registration: NodeRegistration, _ outcome: inout ApplyOutcome) {
        var node = registration.node
        let row = nodeRow(node.id)
        let existing = row.flatMap { nodes[Int($0)]?.node }
        if node.datacenter.isEmpty { node.datacenter = "dc1" }
        if node.nodePool.isEmpty { node.nodePool = "default" }
        if addNodePool(node.nodePool, index: outcome.index) { outcome.tables.insert(.nodePools) }
        node.createIndex = existing?.createIndex ?? outcome.index
        node.computedClass = ComputedClass.of(node)
        if let existing {
            node.schedulingEligibility = existing.schedulingEligibility
            node.drain = existing.drain
            node.drainStrategy = existing.drainStrategy
            node.events = existing.events
        }
        if existing?.status != node.status || node.statusUpdatedAt == 0 {
            node.statusUpdatedAt = outcome.time.seconds
        }
        // A changed attribute is no event: notes of those would push out all others.
        if existing == nil { node.note("Node registered", &outcome) }
        if existing?.status.isAway == true { node.note("Node re-registered", &outcome) }
        let target = row ?? addNode(node.id)
        store(node, row: target, &outcome)
        driverSchemas.learn(registration.schemas, of: node)
        follow(from: existing, to: node, row: target, &outcome)
    }

    private mutating func addNode(_ id: ID) -> UInt32 {
        let row = freeNodeRows.popLast() ?? UInt32(nodes.limit)
        while nodeLoads.count <= Int(row) { nodeLoads.append(NodeLoad()) }
        // The row must hold the node before the index asks for its id.
        var placeholder = Node()
        placeholder.id = id
        nodes[Int(row)] = NodeRecord(node: placeholder, row: row)
        let table = nodes
        nodeIndex.insert(id, row: row) { table[Int($0)]?.node.id ?? .none }
        return row
    }

    private mutating func store(_ node: Node, row: UInt32, _ outcome: inout ApplyOutcome) {
        var node = node
        node.modifyIndex = outcome.index
        driverSchemas.count(from: nodes[Int(row)]?.node, to: node)
        nodes[Int(row)] = NodeRecord(node: node, row: row)
        touched.append(row, index: outcome.index)
        outcome.nodes.append(node.id)
        outcome.tables.insert(.nodes)
    }

    mutating func change(_ change: NodeStatusChange, _ outcome: inout ApplyOutcome) {
        var transitions: [(old: Node, new: Node, row: UInt32)] = []
        for id in change.nodes {
            guard let row = nodeRow(id), let old = nodes[Int(row)]?.node, old.status != change.status else { continue }
            var node = old
            node.status = change.status
            node.statusUpdatedAt = outcome.time.seconds
            node.note(change.message, &outcome)
            store(node, row: row, &outcome)
            transitions.append((old, node, row))
        }
        follow(transitions, &outcome)
    }

    mutating func change(_ change: NodeEligibilityChange, _ outcome: inout ApplyOutcome) {
        guard let row = nodeRow(change.node), let old = nodes[Int(row)]?.node else {
            return outcome.refuse(.notFound, "node \"\(change.node)\" not found")
        }
        if old.drainStrategy != nil, change.eligibility == .eligible {
            return outcome.refuse(
                .invalid, "can not set node's scheduling eligibility to eligible while it is draining")
        }
        guard old.schedulingEligibility != change.eligibility else { return }
        var node = old
        node.schedulingEligibility = change.eligibility
        let isEligible = change.eligibility == .eligible
        node.note("Node marked as \(isEligible ? "eligible" : "ineligible") for scheduling", &outcome)
        store(node, row: row, &outcome)
        follow(from: old, to: node, row: row, &outcome)
    }

    private mutating func follow(from old: Node?, to new: Node, row: UInt32, _ outcome: inout ApplyOutcome) {
        var absent = Node()
        absent.status = .initializing
        follow([(old ?? absent, new, row)], &outcome)
    }

    /// Makes the evaluations that follow from nodes going up, down or changing: one a job, whatever the number of nodes.
    private mutating func follow(_ transitions: [(old: Node, new: Node, row: UInt32)], _ outcome: inout ApplyOutcome) {
        var concerned: [JobKey: ID] = [:]
        for (old, new, row) in transitions {
            let becomesReady = new.isReady && (!old.isReady || old.computedClass != new.computedClass)
            let goesAway = !old.status.isAway && new.status.isAway
            let comesBack = old.status.isAway && !new.status.isAway
            // More room is told to who waits for it; it makes no evaluation, which other releases would not make.
            if becomesReady || new.isReady && new.maySuitMore(than: old) {
                outcome.freedNodes.insert(row)
            }
            if new.isReady, !becomesReady { outcome.changedTraits.formUnion(NodeTrait.changed(from: old, to: new)) }
            guard becomesReady || goesAway || comesBack || old.status != .down && new.status == .down else { continue }
            var keys = comesBack && !becomesReady ? [] : jobsOfEachNode
            if comesBack {
                keys.formUnion(jobs(onNode: row) { !$0.isTerminal })
            } else if !becomesReady {
                keys.formUnion(jobs(onNode: row) { !$0.clientStatus.isTerminal })
            }
            for key in keys where concerned[key] == nil { concerned[key] = new.id }
        }
        let index = outcome.index
        for (key, node) in concerned.sorted(by: { $0.key < $1.key }) {
            guard let job = jobs[key]?.body.versions.first?.version.job else { continue }
            addEvaluation(&outcome) {
                $0.fill(from: job, trigger: .nodeUpdate)
                $0.nodeID = node
                $0.nodeModifyIndex = index
            }
        }
    }

    private var jobsOfEachNode: Set<JobKey> {
        var keys: Set<JobKey> = []
        eachNodeJobs.scan { key, _ in
            keys.insert(key)
            return true
        }
        return keys
    }

    /// Jobs with such allocations on a node.
    private func jobs(onNode row: UInt32, _ isConcerned: (HotRow) -> Bool) -> Set<JobKey> {
        var keys: Set<JobKey> = []
        var seen: Set<UInt32> = []
        allocations(ofNode: row).forEach { row in
            let hot = allocations.hot[Int(row)]
            guard isConcerned(hot), seen.insert(hot.version).inserted else { return }
            keys.insert(jobVersion(hot.version).key)
        }
        return keys
    }
}

extension Node {
    /// Whether it may suit work for which it was not good enough: it has more of something, or what its class does not tell -
    /// its name, all that is `unique.` - reads otherwise.
    fileprivate func maySuitMore(than earlier: Node) -> Bool {
        nodeResources.offersMore(than: earlier.nodeResources) || reservedResources != earlier.reservedResources
            || name != earlier.name || attributes != earlier.attributes || meta != earlier.meta
    }

    fileprivate mutating func note(_ message: String, _ outcome: inout ApplyOutcome) {
        var event = NodeEvent()
        event.message = message
        event.subsystem = "Cluster"
        event.timestamp = TimeText(outcome.time)
        event.createIndex = outcome.index
        events.append(event)
        if events.count > State.nodeEventCountMax { events.removeFirst(events.count - State.nodeEventCountMax) }
    }
}

extension JobVersion {
    var key: JobKey { JobKey(namespace: job.namespace, id: job.id) }
}
