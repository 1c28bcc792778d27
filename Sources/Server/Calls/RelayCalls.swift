internal import Basics
internal import Consensus
internal import Model
internal import RPC
internal import Raft
internal import StateStore

extension OpenRelay: Served {
    /// The one that answers the clients' watches.
    var place: AnswerPlace { .leader }

    func serve(on server: ServerAgent, context: CallContext) async throws -> RelayEnd {
        let (node, inNamespace) = try server.node(of: command.allocation, context)
        try server.authorize(.allocationExec, inNamespace)
        var command = command
        command.mayReachNode = server.accessControl.allows(.allocationNodeExec, inNamespace)
        return try server.relay(to: node) { [command] in RelayTicket(end: $0, command: command) }
    }
}

extension AskNode: Served {
    var place: AnswerPlace { .leader }

    func serve(on server: ServerAgent, context: CallContext) async throws -> RelayEnd {
        var (node, context) = (node, context)
        guard request.kind != .unknown else {
            throw CallError(
                .unsupported, "this server's release does not know this request to nodes; update the server")
        }
        if !request.kind.isOfNode { (node, context) = try server.node(of: request.allocation, context) }
        try server.authorize(request.kind.capability, context)
        return try server.relay(to: node) { RelayTicket(end: $0, request: request) }
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

    /// The node of an allocation, and the caller in the allocation's namespace.
    fileprivate func node(of id: ID, _ context: CallContext) throws -> (ID, CallContext) {
        guard let allocation = snapshot.allocation(id) else {
            throw CallError(.notFound, "Unknown allocation \"\(id)\"")
        }
        var context = context
        context.namespace = allocation.namespace
        return (allocation.nodeID, context)
    }

    /// Makes a relay to a node whose client can be expected to answer.
    fileprivate func relay(to id: ID, _ ticket: (RelayEnd) -> RelayTicket) throws -> RelayEnd {
        guard let node = snapshot.node(id) else { throw CallError(.notFound, "Unknown node \"\(id)\"") }
        guard node.status != .down, node.status != .disconnected else {
            throw CallError(
                .unavailable, "No path to node: \(id) is \(node.status.rawValue), so its client cannot be asked")
        }
        let ids = (seam.random.id(), seam.random.id())
        let end = try relays.open(
            node: id, server: self.id, ids: ids, now: seam.time.uptime, ticket: ticket)
        state.feed.wake([.node(id)])
        return end
    }

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
