internal import Basics
internal import Consensus
internal import Model
internal import RPC
internal import Raft
internal import StateStore

extension OpenRelay: Served {
    /// The one that answers the clients' watches.
    var place: AnswerPlace { .confirmedLeader }

    func serve(on server: ServerAgent, context: CallContext) async throws -> RelayEnd {
        let snapshot = server.snapshot
        guard let allocation = snapshot.allocation(command.allocation) else {
            throw CallError(.notFound, "Unknown allocation \"\(command.allocation)\"")
        }
        guard let node = snapshot.node(allocation.nodeID), node.status != .down, node.status != .disconnected else {
            throw CallError(.unavailable, "node \(allocation.nodeID) of the allocation is down or out of touch")
        }
        var command = command
        var inNamespace = context
        inNamespace.namespace = allocation.namespace
        try server.authorize(.allocationExec, inNamespace)
        command.mayReachNode = server.accessControl.allows(.allocationNodeExec, inNamespace)
        let ids = (server.seam.random.id(), server.seam.random.id())
        let end = try server.relays.open(
            command, node: node.id, server: server.id, ids: ids, now: server.seam.time.uptime)
        server.state.feed.wake([.node(node.id)])
        return end
    }
}

extension SendRelayed: Served {
    var place: AnswerPlace { .anywhere }

    func serve(on server: ServerAgent, context: CallContext) async throws -> SendRelayedReply {
        guard end.server == server.id else { return try await server.pass(self, to: end.server, context) }
        let now = server.seam.time.uptime
        let deadline = now + ServerAgent.relayWait
        let isTaken = try await server.relays.send(frames, from: end.id, now: now, until: deadline)
        return SendRelayedReply(isTaken: isTaken)
    }
}

extension ReceiveRelayed: Served {
    var place: AnswerPlace { .anywhere }

    func serve(on server: ServerAgent, context: CallContext) async throws -> ReceiveRelayedReply {
        guard end.server == server.id else { return try await server.pass(self, to: end.server, context) }
        let now = server.seam.time.uptime
        let deadline = now + ServerAgent.relayWait
        let received = try await server.relays.receive(at: end.id, now: now, until: deadline)
        var reply = ReceiveRelayedReply()
        reply.frames = received.frames
        reply.isOver = received.closing != nil
        reply.code = received.closing?.code ?? 0
        reply.message = received.closing?.message ?? ""
        return reply
    }
}

extension CloseRelay: Served {
    var place: AnswerPlace { .anywhere }

    func serve(on server: ServerAgent, context: CallContext) async throws -> SendRelayedReply {
        guard end.server == server.id else { return try await server.pass(self, to: end.server, context) }
        server.relays.close(end.id, RelayHub.Closing(code: code, message: message))
        return SendRelayedReply(isTaken: true)
    }
}

extension ServerAgent {
    /// How long a call to a relay waits; below ``ServerCall/patience``, 20 s.
    static let relayWait = Duration.seconds(20)

    /// Passes a call on to the server that it names.
    fileprivate func pass<Call: Served>(_ call: Call, to id: String, _ context: CallContext) async throws -> Call.Reply
    {
        let member = consensus.status.membership.members.first { $0.id.name == id }
        guard context.hops < ServerAgent.hopsMax, let member,
            let address = NetworkAddress(member.address, defaultPort: 4647)
        else { throw CallError(.notFound, "the server that had the connection, \(id), is gone") }
        var context = context
        context.hops += 1
        return try await RemoteCaller(peer: seam.network.peer(at: address)).call(
            call, context: context, deadline: call.patience)
    }
}
