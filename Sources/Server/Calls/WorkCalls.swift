internal import Basics
internal import Broker
internal import Model
internal import RPC
internal import StateStore

// What workers ask of the leader. Those of the leader itself make the same calls, unencoded.

extension TakeEvaluation: Served {
    /// How long a worker may wait.
    private static let waitMax = Duration.seconds(60)

    func serve(on server: ServerAgent, context: CallContext) async throws -> TakeEvaluationReply {
        let borrower = EvaluationQueue.Borrower(server: self.server, incarnation: incarnation)
        let isOwn = self.server == server.settings.id
        if !isOwn { server.queue.takeBack { $0.server == self.server && $0.incarnation != incarnation } }
        let deadline = server.seam.time.uptime + min(wait, Self.waitMax)
        var reply = TakeEvaluationReply()
        let taken = try await server.queue.next(types, for: isOwn ? nil : borrower, until: deadline)
        guard let taken else { return reply }
        reply.evaluation = taken.evaluation
        reply.token = taken.token
        reply.index = server.snapshot.index
        return reply
    }
}

/// A worker hands in what it decided; the answer is what was committed of it, durable and applied on the leader.
struct SubmitPlan: ServerCall {
    typealias Reply = SubmitPlanReply
    static let method = CallMethod.submitPlan

    /// The evaluation, and the proof that the worker holds it.
    var id = ID.none
    var token: UInt64 = 0
    /// Evaluations that must be stored before the plan, as its stops name them.
    var followUps: [Evaluation] = []
    var plan = EncodedPlan()

    /// A plan may wait behind others for the disk.
    var patience: Duration { .seconds(60) }

    mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("EvalID", &id)
        try visitor.field("Token", &token)
        try visitor.field("FollowUps", &followUps)
        try visitor.field("Plan", &plan)
    }
}

extension SubmitPlan: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> SubmitPlanReply {
        guard server.queue.renew(id, token: token) else { throw CallError.evaluationTaken }
        if !followUps.isEmpty {
            try await server.propose(.evaluationsUpdate(followUps, time: server.seam.time.now))
        }
        return SubmitPlanReply(try await server.plans.submit(plan.plan))
    }
}

extension FinishEvaluation: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> IndexReply {
        var index: UInt64 = 0
        if !isDone {
            server.queue.reject(id, token: token)
        } else {
            if !outcome.isEmpty {
                guard server.queue.renew(id, token: token) else { throw CallError.evaluationTaken }
                index = try await server.propose(.evaluationsUpdate(outcome, time: server.seam.time.now)).index
            }
            server.queue.acknowledge(id, token: token)
        }
        return IndexReply(index: index)
    }
}

extension CallError {
    fileprivate static let evaluationTaken = CallError(
        .conflict, "the evaluation went to another worker, another server leads, or the state was restored")
}

struct SubmitPlanReply: Document {
    var result = PlanResult()

    init() {}

    init(_ result: PlanResult) { self.result = result }

    /// A node that had no room any more.
    private struct Rejection: Document {
        var node: NodeRow = 0
        var reason = ""

        mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
            try visitor.field("Node", &node)
            try visitor.field("Reason", &reason)
        }
    }

    mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
        try visitor.field("Index", &result.index)
        try visitor.field("Placed", &result.placed)
        var rejected = result.rejected.sorted { $0.key < $1.key }.map { Rejection(node: $0.key, reason: $0.value) }
        try visitor.field("Rejected", &rejected)
        result.rejected = Dictionary(rejected.map { ($0.node, $0.reason) }) { first, _ in first }
        try visitor.field("QuotaLimitReached", &result.quotaLimitReached)
        try visitor.field("RefreshIndex", &result.refreshIndex)
    }
}

/// A plan in JSON: as in the log, in base64.
struct EncodedPlan: JSONForm, Equatable {
    var plan = Plan()

    init(_ plan: Plan = Plan()) { self.plan = plan }

    func write(to writer: inout JSONWriter) { EncodedBytes(StateEntry.plans([plan]).encoded).write(to: &writer) }

    static func read(_ json: JSON) throws(DocumentError) -> EncodedPlan {
        guard case .plans(let plans)? = try? StateEntry(decoding: EncodedBytes.read(json).bytes), plans.count == 1
        else {
            throw DocumentError(message: "expected one plan in its form in the log")
        }
        return EncodedPlan(plans[0])
    }
}
