internal import Basics
internal import Consensus
internal import Logging
internal import RPC
internal import Raft
internal import StateStore
internal import Synchronization

extension RemoveRaftPeer: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        let expelled = try server.consensus.status.membership.member(id: id, address: address)
        // First the word, then the deed: a server that hears it is out must not come back by itself. With members of a release
        // that has no such word, the deed has to do.
        let word = StateEntry.serverExpel(id: expelled.id.name)
        if word.kindNumber <= server.knownKindMax { try await server.propose(word) }
        try await server.takeOut(expelled.id)
        server.log.info(
            "removed a server from the raft group",
            metadata: ["server.id": "\(expelled.id)", "address": "\(expelled.address)"])
        return IndexReply(index: server.snapshot.index)
    }
}

extension ServerAgent {
    /// Takes a server out of the group, if it is in it; the only voter stays.
    fileprivate func takeOut(_ id: ServerID) async throws {
        try await changeMembership { membership in
            guard membership.contains(id) else { return nil }
            guard membership.voters != [id] else {
                throw CallError(.invalid, "server \(id) is the only voter; a cluster cannot be without one")
            }
            return Membership(members: membership.members.filter { $0.id != id })
        }
    }
}

extension LeaveCluster: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        // It may come back: nothing is noted of it, unlike with one that an operator removes.
        try await server.takeOut(ServerID(id))
        server.log.info("a server left the raft group", metadata: ["server.id": "\(id)"])
        return IndexReply(index: server.snapshot.index)
    }
}

extension TransferLeadership: Served {
    /// How long the new leader may take to win its election.
    private static var electionMax: Duration { .seconds(5) }

    func serve(on server: ServerAgent, context: CallContext) async throws -> TransferReply {
        let membership = server.consensus.status.membership
        let target = try await target(in: membership, server)
        guard membership.isVoter(target) else {
            throw CallError(.invalid, "server \(target) has no vote, so it cannot lead")
        }
        var reply = TransferReply()
        reply.from = server.settings.id
        reply.to = target.name
        let deadline = server.seam.time.uptime + TransferLeadership.electionMax
        server.consensus.transferLeadership(to: target)
        while server.consensus.status.leader != target {
            guard server.seam.time.uptime < deadline else {
                throw CallError(
                    .unavailable, "server \(target) did not take over; see whether it is alive and keeps up")
            }
            try await server.seam.time.sleep(for: .milliseconds(20))
        }
        return reply
    }

    private func target(in membership: Membership, _ server: ServerAgent) async throws -> ServerID {
        guard id.isEmpty, address.isEmpty else { return try membership.member(id: id, address: address).id }
        let others = Set(membership.voters).subtracting([ServerID(server.settings.id)])
        let now = server.seam.time.uptime
        let alive = others.filter { server.directory.isAlive($0.name, now: now) }
        let matches = try await server.consensus.progress().matches
        // One that is silent may have the longest log of a quiet cluster all the same.
        guard let best = (alive.isEmpty ? others : alive).max(by: { (matches[$0] ?? 0, $1) < (matches[$1] ?? 0, $0) })
        else { throw CallError(.invalid, "there is no other voter to hand leadership to") }
        return best
    }
}

extension Membership {
    /// The member with this id, or, when it is empty, at this address.
    fileprivate func member(id: String, address: String) throws -> Member {
        guard !id.isEmpty || !address.isEmpty else { throw CallError(.invalid, "must specify id or address") }
        guard let found = members.first(where: { id.isEmpty ? $0.address == address : $0.id.name == id }) else {
            let what = id.isEmpty ? "address \"\(address)\"" : "id \"\(id)\""
            throw CallError(.notFound, "\(what) was not found in the Raft configuration")
        }
        return found
    }
}
