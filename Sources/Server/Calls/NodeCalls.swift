internal import Basics
internal import Consensus
internal import Linux
internal import Model
internal import RPC
internal import Raft
internal import StateStore

extension RegisterNode: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> RegisterNodeReply {
        try check(against: server.snapshot)
        let registration = NodeRegistration(node: node, schemas: schemas, time: server.seam.time.now)
        let outcome = try await server.propose(.nodeRegister(registration))
        var reply = server.reply(index: outcome.index)
        reply.heartbeatTTL = server.heartbeats.beat(node.id)
        return reply
    }

    private func check(against snapshot: Snapshot) throws {
        guard !node.id.isNone else { throw CallError(.invalid, "missing node ID for client registration") }
        guard !node.secretID.isNone else { throw CallError(.invalid, "missing node secret ID for client registration") }
        guard !node.datacenter.isEmpty else { throw CallError(.invalid, "missing datacenter for client registration") }
        guard !node.name.isEmpty else { throw CallError(.invalid, "missing node name for client registration") }
        guard schemas.count <= DriverSchema.countMax,
            schemas.allSatisfy({ $0.value.bytes.count <= DriverSchema.bytesMax })
        else {
            throw CallError(
                .tooLarge,
                "node \(node.id) reports more than \(DriverSchema.countMax) schemas of drivers, or one beyond \(DriverSchema.bytesMax) bytes"
            )
        }
        if let known = snapshot.node(node.id), known.secretID != node.secretID {
            throw CallError(
                .permission,
                "node ID \(node.id) is registered with another secret; two clients must not share one state folder")
        }
    }
}

extension Heartbeat: Served {
    /// Servers that do not lead pass them on together.
    var place: AnswerPlace { .anywhere }

    func serve(on server: ServerAgent, context: CallContext) async throws -> RegisterNodeReply {
        guard server.consensus.isLeader else { return try await server.heartbeatLine.pass(self).get() }
        let reply = try await server.call(HeartbeatBatch([self]), context: server.serverContext)
        guard let result = reply.results.first else { throw CallError(.failed, "a heartbeat was not answered") }
        return try result.get()
    }
}

extension HeartbeatBatch: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> HeartbeatBatchReply {
        guard beats.count <= Self.beatsMax else {
            throw CallError(.tooLarge, "\(beats.count) heartbeats in one call; at most \(Self.beatsMax)")
        }
        var reply = HeartbeatBatchReply()
        var changed: [NodeStatus: [ID]] = [:]
        reply.answers = beats.map { beat in
            do throws(CallError) {
                let node = try server.node(beat.nodeID, secret: beat.secretID)
                if node.status != beat.status { changed[beat.status, default: []].append(beat.nodeID) }
                return HeartbeatBatchReply.Answer()
            } catch {
                return HeartbeatBatchReply.Answer(error)
            }
        }
        var index = server.snapshot.index
        for (status, nodes) in changed.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let message = status == .ready ? "Node reregistered by heartbeat" : "Node status is \(status.rawValue)"
            let change = NodeStatusChange(nodes: nodes, status: status, message: message, time: server.seam.time.now)
            index = try await server.propose(.nodeStatus(change)).index
        }
        for position in beats.indices where reply.answers[position].code == 0 {
            reply.answers[position].heartbeatTTL = server.heartbeats.beat(beats[position].nodeID)
        }
        reply.common = server.reply(index: index)
        return reply
    }
}

extension WatchAllocations: Served {
    var place: AnswerPlace { .confirmedLeader }

    func serve(on server: ServerAgent, context: CallContext) async throws -> WatchAllocationsReply {
        _ = try server.node(nodeID, secret: secretID)
        guard let row = server.snapshot.nodeRow(nodeID) else { throw CallError(.notFound, "node not found") }
        let deadline = server.seam.time.uptime + min(wait, .seconds(300))
        let minIndex = minIndex
        let feed = server.state.feed
        if minIndex > 0, resume.isNone {
            _ = await feed.wait(for: [.clientOf(row), .node(nodeID)], until: deadline) {
                feed.snapshot.nodeServerIndex(row) > minIndex || minIndex < feed.snapshot.restoredIndex
                    || server.relays.hasTickets(nodeID)
            }
        }
        let snapshot = feed.snapshot
        // Collected while it waited, its row may be another node's by now.
        guard snapshot.nodeRow(nodeID) == row else { throw CallError(.notFound, "node not found") }
        var reply = reply(from: snapshot, row)
        reply.tickets = server.relays.takeTickets(nodeID)
        return reply
    }

    private func reply(from snapshot: Snapshot, _ row: NodeRow) -> WatchAllocationsReply {
        let all = snapshot.allocations(ofNode: row)
        // What a client knew before the state was restored is not what is there now.
        let isStale = minIndex > 0 && resume.isNone && minIndex < snapshot.restoredIndex
        let wanted = all.filter {
            isStale || $0.allocModifyIndex > minIndex
                || $0.allocModifyIndex == minIndex && !resume.isNone && $0.id > resume
        }.sorted { ($0.allocModifyIndex, $0.id) < ($1.allocModifyIndex, $1.id) }
        let sent = wanted.prefix(sendable(wanted, snapshot))
        var reply = WatchAllocationsReply()
        reply.changed = sent.map { snapshot.allocation($0, withJob: true, withMetrics: false) }
        if let last = sent.last, sent.count < wanted.count {
            reply.index = last.allocModifyIndex
            reply.resume = last.id
        } else {
            reply.index = max(1, snapshot.nodeServerIndex(row), snapshot.restoredIndex)
            reply.present.reserveCapacity(all.count)
            for allocation in all { reply.present[allocation.id.description] = allocation.allocModifyIndex }
        }
        return reply
    }

    /// How many of the allocations, from the first, go into one reply.
    private func sendable(_ wanted: [AllocationRow], _ snapshot: Snapshot) -> Int {
        var versions: Set<ObjectIdentifier> = []
        for (count, row) in wanted.prefix(WatchAllocationsReply.changedMax).enumerated() {
            versions.insert(ObjectIdentifier(snapshot.jobVersion(of: row)))
            if versions.count > WatchAllocationsReply.jobsMax { return count }
        }
        return min(wanted.count, WatchAllocationsReply.changedMax)
    }
}

extension UpdateAllocations: Served {
    /// Reports of one call at most.
    private static var updatesMax: Int { 10_000 }

    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        _ = try server.node(nodeID, secret: secretID)
        guard reports.reports.count <= Self.updatesMax else {
            let count = reports.reports.count
            throw CallError(.tooLarge, "\(count) allocation updates in one call; at most \(Self.updatesMax)")
        }
        // The client may have heard of them from a server that is ahead of what the leader, on a slow disk, has applied.
        if reports.reports.contains(where: { server.snapshot.allocationRow($0.id) == nil }) {
            try await server.waitForLeadership(isConfirmed: true)
        }
        let snapshot = server.snapshot
        guard let row = snapshot.nodeRow(nodeID) else { throw CallError(.notFound, "node not found") }
        // Those collected meanwhile are of no interest; those of other nodes are not this client's to report.
        let own = reports.reports.filter { snapshot.allocationRow($0.id)?.node == row }
        guard !own.isEmpty else { return IndexReply(index: snapshot.index) }
        let reports = AllocationReports(reports: own, time: server.seam.time.now)
        FaultPoint.after(.clientReport)
        let outcome = try await server.propose(.allocationUpdates(reports))
        FaultPoint.before(.serverAcknowledgement)
        return IndexReply(index: outcome.index)
    }
}

extension SetNodeEligibility: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> NodeUpdateReply {
        guard server.snapshot.node(nodeID) != nil else { throw CallError(.notFound, "node not found") }
        let change = NodeEligibilityChange(node: nodeID, eligibility: eligibility, time: server.seam.time.now)
        let outcome = try await server.propose(.nodeEligibility(change))
        var reply = NodeUpdateReply()
        reply.index = outcome.index
        reply.nodeModifyIndex = server.snapshot.node(nodeID)?.modifyIndex ?? outcome.index
        reply.evalIDs = outcome.evaluations.map(\.id)
        reply.evalCreateIndex = outcome.evaluations.isEmpty ? 0 : outcome.index
        return reply
    }
}

extension ServerAgent {
    /// The node, if the caller knows its secret.
    fileprivate func node(_ id: ID, secret: ID) throws(CallError) -> Node {
        guard let node = snapshot.node(id) else { throw CallError(.notFound, "node not found") }
        guard node.secretID == secret else { throw CallError(.permission, "node secret ID does not match") }
        return node
    }

    /// What every node is told that registers or heartbeats.
    fileprivate func reply(index: UInt64) -> RegisterNodeReply {
        var reply = RegisterNodeReply()
        reply.index = index
        reply.nodeCount = heartbeats.count
        reply.servers = consensus.status.membership.members.map(\.address)
        return reply
    }
}
