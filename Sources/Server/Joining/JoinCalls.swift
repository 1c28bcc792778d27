internal import Basics
internal import Consensus
internal import Logging
internal import RPC
internal import Raft
internal import StateStore
internal import Synchronization

extension IntroduceServer: Served {
    var place: AnswerPlace { .anywhere }

    func serve(on server: ServerAgent, context: CallContext) async throws -> IntroduceReply {
        var reply = IntroduceReply()
        reply.server = server.introduction()
        // A server that greets itself learns so from the answer.
        guard self.server.incarnation != server.incarnation else { return reply }
        guard !server.isExpelled.load(ordering: .relaxed) else { throw CallError(.undone, ServerAgent.expelledText) }
        try server.refuseConflict(with: self.server)
        try await server.learn(self.server, alsoKnown: known)
        let now = server.seam.time.uptime
        reply.known = server.directory.all.filter { $0.isAlive(now) && $0.record.id != self.server.id }.map(\.record)
        return reply
    }
}

extension PromiseFounding: Served {
    var place: AnswerPlace { .anywhere }

    func serve(on server: ServerAgent, context: CallContext) async throws -> PromiseReply {
        try server.refuseConflict(with: candidate)
        var reply = PromiseReply()
        let refusal = try await server.allegiance.promise(
            to: candidate.id, ballot: candidate.ballot, version: candidate.version)
        reply.isGranted = refusal == nil
        reply.reason = refusal ?? ""
        return reply
    }
}

extension JoinCluster: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> JoinReply {
        try server.refuseConflict(with: self.server)
        guard let cluster = server.allegiance.cluster else { throw CallError(.undone, "No cluster leader") }
        try await server.learn(self.server)
        let id = ServerID(self.server.id)
        let address = self.server.address
        let isMember = server.consensus.status.membership.contains(id)
        guard isMember || !server.snapshot.isExpelled(server: id.name) else {
            throw CallError(.permission, ServerAgent.expelledText)
        }
        try await server.changeMembership { membership in
            let known = membership.members.first { $0.id == id }
            guard known?.address != address else { return nil }
            let member = Membership.Member(id: id, address: address, isVoter: known?.isVoter ?? false)
            return Membership(members: membership.members.filter { $0.id != id } + [member])
        }
        var reply = JoinReply()
        reply.cluster = cluster
        return reply
    }
}

extension ServerAgent {
    /// Throws, and tells this server's operator too, when a server cannot be in the pool.
    func refuseConflict(with other: ServerRecord) throws {
        guard let conflict = conflict(with: other) else { return }
        let isNews = introductions.withLock { $0.failures.updateValue(.conflict, forKey: other.address) != .conflict }
        if isNews { log.error("refused a server", metadata: ["address": "\(other.address)", "error": "\(conflict)"]) }
        throw CallError(.conflict, conflict)
    }

    /// Changes the membership, one change after the other; `change` returns nil when there is nothing to do.
    ///
    /// - Throws: ``CallError``: `undone` when it cannot be made now, and what `change` throws.
    func changeMembership(_ change: @Sendable (Membership) throws -> Membership?) async throws {
        await membershipChanges.enter()
        defer { membershipChanges.leave() }
        guard let wanted = try change(consensus.status.membership) else { return }
        do {
            _ = try await consensus.changeMembership(to: wanted)
        } catch let error as ConsensusError {
            throw CallError(error)
        }
    }
}
