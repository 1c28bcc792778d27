internal import Basics
internal import Consensus
internal import Gossip
internal import Logging
internal import RPC
internal import Raft
internal import StateStore
internal import Synchronization

/// What a server takes from the gossip pool: whom to greet, where other regions are, and who has left.
extension ServerAgent {
    /// The Drover servers in the pool, of all regions.
    var poolServers: [PoolServer] { pool?.members.compactMap(PoolServer.init) ?? [] }

    /// RPC addresses of the others of this region that live.
    var poolAddresses: [String] {
        poolServers.filter { $0.region == settings.region && $0.status == .alive && $0.id != settings.id }
            .map(\.address.description)
    }

    /// The names of the regions that can be reached, this one's among them, in order.
    var regions: [String] {
        Set(poolServers.filter { $0.status == .alive }.map(\.region)).union([settings.region]).sorted()
    }

    /// Makes a call through a server of another region; one after the other is asked as long as each says that it did nothing.
    ///
    /// - Throws: ``CallError``: `failed` when no server of that region is alive; `undone` when none of them answered.
    func forward<Call: Served>(_ call: Call, toRegion region: String, _ context: CallContext) async throws -> Call.Reply
    {
        let servers = poolServers.filter { $0.region == region && $0.status == .alive }
        guard !servers.isEmpty else {
            throw CallError(
                .failed,
                "No path to region \"\(region)\": none of its servers is alive in the gossip pool; regions known here: "
                    + regions.joined(separator: ", "))
        }
        guard context.hops < ServerAgent.hopsMax else { throw CallError(.undone, "No cluster leader") }
        var context = context
        context.hops += 1
        // Calls spread over the region's servers.
        let first = regionTurn.wrappingAdd(1, ordering: .relaxed).newValue % servers.count
        var failure = CallError(.undone, "No path to region \"\(region)\"")
        for server in servers[first...] + servers[..<first] {
            do {
                return try await RemoteCaller(peer: seam.network.peer(at: server.address, region: region)).call(
                    call, context: context, deadline: call.patience)
            } catch let error as CallError where error.code == .undone {
                failure = error
            }
        }
        throw failure
    }

    /// Takes servers that have left the pool out of the Raft group; on the leader.
    ///
    /// One that is alive under another name has not left, nor has one that greets: it is back, and the pool is yet to hear of it.
    func removeDeparted() async throws {
        let servers = poolServers.filter { $0.region == settings.region }
        let living = Set(servers.filter { $0.status != .left }.map(\.id)).union([settings.id])
        let now = seam.time.uptime
        for server in servers
        where server.status == .left && !living.contains(server.id) && !directory.isAlive(server.id, now: now) {
            let id = ServerID(server.id)
            guard consensus.status.membership.contains(id) else { continue }
            try await changeMembership { membership in
                guard membership.contains(id), membership.voters != [id] else { return nil }
                return Membership(members: membership.members.filter { $0.id != id })
            }
            log.info("a server left the cluster", metadata: ["server.id": "\(id)", "member": "\(server.name)"])
        }
    }

    /// Before this server stops, another one takes its place as the leader, if it is one and another can: writes go on without
    /// waiting for an election.
    package func handLeadershipOn() async {
        let membership = consensus.status.membership
        guard consensus.isLeader, membership.voters != [ServerID(settings.id)] else { return }
        do {
            let reply = try await call(TransferLeadership(), context: serverContext)
            log.info("handed leadership on", metadata: ["server.id": "\(reply.to)"])
        } catch {
            log.warning("leadership could not be handed on", metadata: ["error": "\(error)"])
        }
    }

    /// Leaves the Raft group in good order: hands leadership on and has the leader take this server out. Started again, it asks
    /// to be a member again. One that is alone stays what it is.
    ///
    /// - Throws: ``CallError`` when the others could not agree to it in time.
    package func leave() async throws {
        let own = ServerID(settings.id)
        let membership = consensus.status.membership
        guard allegiance.cluster != nil, membership.contains(own), membership.voters != [own] else { return }
        // The new leader takes this one out; when there is none in time, this one does so itself.
        await handLeadershipOn()
        var goodbye = LeaveCluster()
        goodbye.id = settings.id
        _ = try await call(goodbye, context: serverContext)
        try await allegiance.leave()
        log.info("left the cluster")
    }
}
