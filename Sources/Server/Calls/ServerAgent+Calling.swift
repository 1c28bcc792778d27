package import Basics
internal import Consensus
package import RPC
internal import Raft
internal import StateStore
internal import Synchronization

/// A call this server answers. One file a subject in `Calls/` makes the calls conform.
protocol Served: ServerCall {
    /// Which server answers it.
    var place: AnswerPlace { get }

    func serve(on server: ServerAgent, context: CallContext) async throws -> Reply
}

extension Served {
    var place: AnswerPlace { .leader }
}

/// Which server answers a call.
enum AnswerPlace: Sendable {
    /// Any, from what it knows; a server that lags answers with what was.
    case anywhere
    /// The leader, once it is sure that it still leads: a read. Asked again it does no harm.
    case confirmedLeader
    /// The leader: a write, never repeated once it may have been carried out.
    case leader
}

extension ServerAgent: Caller {
    /// Answers a call made in the same process, unencoded.
    package func call<Call: ServerCall>(
        _ call: Call, context: CallContext, deadline: Duration
    ) async throws -> Call.Reply {
        guard let served = call as? any Served, let reply = try await answer(served, context) as? Call.Reply else {
            throw CallError(.unsupported, "this server does not answer \(Call.method)")
        }
        return reply
    }

    /// The same for a call whose kind is known.
    func answer<Call: Served>(_ call: Call, _ context: CallContext) async throws -> Call.Reply {
        let isForeign = !context.region.isEmpty && context.region != settings.region
        // Another region's servers say themselves who may do what there.
        if !isForeign { try authorize((call as? Query)?.kind.capability ?? Call.method.capability, context) }
        guard isForeign || call.place != .anywhere else { return try await call.serve(on: self, context: context) }
        let deadline = seam.time.uptime + ServerAgent.leaderWaitMax
        while true {
            do {
                guard !isForeign else { return try await forward(call, toRegion: context.region, context) }
                guard consensus.isLeader else { return try await forward(call, context) }
                try await waitForLeadership(isConfirmed: call.place == .confirmedLeader)
                return try await call.serve(on: self, context: context)
            } catch let error as CallError {
                // A server that was only passed the call leaves the waiting to the one that was asked first.
                let mayAskAgain = error.code == .undone || call.place == .confirmedLeader && error.code == .unavailable
                guard mayAskAgain, context.hops == 0, seam.time.uptime < deadline else { throw error }
                try await seam.time.sleep(for: ServerAgent.leaderPollInterval)
            }
        }
    }

    /// How long a call waits for a leader; 5 s, and how often it looks.
    private static let leaderWaitMax = Duration.seconds(5)
    private static let leaderPollInterval = Duration.milliseconds(25)
    /// Servers a call is passed on by; 2.
    static let hopsMax = 2

    /// Passes a call on to the leader.
    func forward<Call: Served>(_ call: Call, _ context: CallContext) async throws -> Call.Reply {
        let status = consensus.status
        let leader = status.membership.members.first { $0.id == status.leader && $0.id.name != settings.id }
        guard context.hops < ServerAgent.hopsMax, let leader,
            let address = NetworkAddress(leader.address, defaultPort: 4647)
        else {
            let isOut = isExpelled.load(ordering: .relaxed)
            throw isOut ? CallError(.unavailable, ServerAgent.expelledText) : CallError(.undone, "No cluster leader")
        }
        var next = context
        next.hops += 1
        let (passed, remote) = (next, RemoteCaller(peer: seam.network.peer(at: address)))
        return try await withThrowingTaskGroup(of: Call.Reply?.self) { group in
            group.addTask { try await remote.call(call, context: passed, deadline: call.patience) }
            group.addTask {
                try await self.waitForSuccessor(of: status)
                return nil
            }
            defer { group.cancelAll() }
            if let reply = try await group.next() ?? nil { return reply }
            throw CallError(
                .unavailable,
                "server \(leader.id) led when it was given the call, and another one leads now: the call may have been "
                    + "carried out or not; read back before trying again")
        }
    }

    /// Returns when this server knows of a leader, be it itself.
    func waitForAnyLeader() async throws {
        while consensus.status.leader == nil {
            _ = await successions.wait(for: [true], until: seam.time.uptime + .seconds(3_600)) {
                consensus.status.leader != nil
            }
            try Task.checkCancellation()
        }
    }

    /// What a leader that was deposed may take to answer the calls it was given; 500 ms.
    private static let farewellMax = Duration.milliseconds(500)

    /// Returns when another server has led for a moment: a leader that hangs holds the calls passed to it for as long as it
    /// keeps its connections.
    private func waitForSuccessor(of old: RaftStatus) async throws {
        try await waitForSuccession(of: old)
        try await seam.time.sleep(for: ServerAgent.farewellMax)
    }

    /// Returns when another leader is known than that of `old`, or the same one in another term.
    func waitForSuccession(of old: RaftStatus) async throws {
        @Sendable func isSucceeded() -> Bool {
            let now = consensus.status
            return now.leader != nil && (now.leader != old.leader || now.term != old.term)
        }
        while !isSucceeded() {
            _ = await successions.wait(for: [true], until: seam.time.uptime + .seconds(3_600)) { isSucceeded() }
            try Task.checkCancellation()
        }
    }

    /// Whether the caller's token grants what the call needs. While access control is off, everybody may do everything; client
    /// agents are still held to their own node by its secret.
    func authorize(_ capability: Capability, _ context: CallContext) throws {
        guard accessControl.allows(capability, context) else {
            throw CallError(.permission, "Permission denied")
        }
    }
}

extension ServerAgent: CallHandler {
    /// The calls that may arrive over the network.
    private static let served: [CallMethod: any Served.Type] = [
        .query: Query.self,
        .registerJob: RegisterJob.self,
        .dispatchJob: DispatchJob.self,
        .deregisterJob: DeregisterJob.self,
        .planJob: PlanJob.self,
        .validateJob: ValidateJob.self,
        .explainPlacement: ExplainPlacement.self,
        .evaluateJob: EvaluateJob.self,
        .stopAllocation: StopAllocation.self,
        .setSchedulerConfiguration: SetSchedulerConfiguration.self,
        .collectGarbage: CollectGarbage.self,
        .setNodeEligibility: SetNodeEligibility.self,
        .upsertNamespace: UpsertNamespace.self,
        .deleteNamespace: DeleteNamespace.self,
        .upsertQuota: UpsertQuota.self,
        .deleteQuota: DeleteQuota.self,
        .upsertNodePool: UpsertNodePool.self,
        .deleteNodePool: DeleteNodePool.self,
        .registerNode: RegisterNode.self,
        .heartbeat: Heartbeat.self,
        .heartbeatBatch: HeartbeatBatch.self,
        .watchAllocations: WatchAllocations.self,
        .updateAllocations: UpdateAllocations.self,
        .openRelay: OpenRelay.self,
        .sendRelayed: SendRelayed.self,
        .receiveRelayed: ReceiveRelayed.self,
        .closeRelay: CloseRelay.self,
        .askNode: AskNode.self,
        .introduceServer: IntroduceServer.self,
        .promiseFounding: PromiseFounding.self,
        .joinCluster: JoinCluster.self,
        .leaveCluster: LeaveCluster.self,
        .removeRaftPeer: RemoveRaftPeer.self,
        .transferLeadership: TransferLeadership.self,
        .putVariable: PutVariable.self,
        .deleteVariable: DeleteVariable.self,
        .keepVariableLock: KeepVariableLock.self,
        .rotateRootKey: RotateRootKey.self,
        .deleteRootKey: DeleteRootKey.self,
        .storeRootKey: StoreRootKey.self,
        .fetchRootKey: FetchRootKey.self,
        .saveSnapshot: SaveSnapshot.self,
        .readSnapshot: ReadSnapshot.self,
        .restoreSnapshot: RestoreSnapshot.self,
        .setAutopilotConfiguration: SetAutopilotConfiguration.self,
        .autopilotHealth: GetAutopilotHealth.self,
        .takeEvaluation: TakeEvaluation.self,
        .submitPlan: SubmitPlan.self,
        .finishEvaluation: FinishEvaluation.self,
    ]

    /// Answers a call that came over the network.
    package func handle(_ method: UInt16, _ body: [UInt8], from caller: CallOrigin) async throws -> [UInt8] {
        let known = CallMethod(rawValue: method)
        guard known?.capability != .server || caller.isServer else {
            throw CallError(.permission, "Permission denied: only servers may make this call")
        }
        try refuseForeigner(caller, known)
        if known == .raftMessages || known == .snapshotPart {
            try authorize(.server, serverContext)
            if known == .raftMessages { try receiveMessages(body) } else { try await receiveSnapshot(body) }
            return []
        }
        guard let known, let served = ServerAgent.served[known] else {
            throw CallError(.unsupported, "this server knows no call number \(method)")
        }
        return try await handle(served, body)
    }

    /// Throws when a server of another region, which passes calls on, makes one that only this cluster's own servers make.
    private func refuseForeigner(_ caller: CallOrigin, _ method: CallMethod?) throws {
        guard method?.capability == .server, let region = caller.region, region != settings.region else { return }
        throw CallError(
            .permission,
            "the caller's certificate is for a server of region \"\(region)\", which is no member of a cluster in region "
                + "\"\(settings.region)\"")
    }

    private func handle<Call: Served>(_ type: Call.Type, _ body: [UInt8]) async throws -> [UInt8] {
        let envelope: Envelope<Call>
        do {
            envelope = try Envelope<Call>(json: body)
        } catch {
            throw CallError(.invalid, "the call \(Call.method) cannot be read: \(error)")
        }
        var writer = JSONWriter(capacity: 1024, isTerse: true)
        try await answer(envelope.call, envelope.context).write(to: &writer)
        return writer.bytes
    }

    package func handleStream(
        _ method: UInt16, _ body: [UInt8], from caller: CallOrigin, to sink: any ItemSink
    ) async throws {
        throw CallError(.unsupported, "this server streams no call number \(method)")
    }
}

/// Who may do what.
///
/// Every call and route names its capability and carries token, namespace and region, so that a policy decides in one place.
/// This one is for clusters whose `acl` block is off.
struct AccessControl: Sendable {
    func allows(_ capability: Capability, _ context: CallContext) -> Bool { true }

    /// Whether the caller manages the cluster, for whom no lock holds. Without tokens nobody can be told to (Nomad docs:
    /// scheduler configuration, RejectJobRegistration).
    func isManager(_ context: CallContext) -> Bool { false }
}
