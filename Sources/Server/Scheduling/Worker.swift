internal import Basics
internal import Broker
internal import Consensus
internal import Logging
internal import Model
internal import RPC
internal import Scheduling
internal import StateStore

/// Takes one evaluation after the other and brings it to its end: reconcile, ask a scheduler, submit the plan, go on from
/// what was committed.
///
/// It works on the state of its own server, whichever server leads: evaluations come from the leader, and plans go there, by calls.
/// Deciding takes a desk: a lane that computes and calls plug-ins, with a cluster view of its own. Several workers share one, as
/// most of an evaluation's life is waiting for the log.
struct Worker: Sendable {
    /// One a core is enough; a view is moved forward by every evaluation decided on it.
    struct Desk: Sendable {
        let lane: BlockingLane
        let processor = EvaluationProcessor()

        init(number: Int) { lane = BlockingLane("worker.\(number)") }
    }

    /// Evaluations between two waits for the log at once, for each desk.
    static let perDesk = 8
    /// Plans of more placements are made one a desk: two of them, made on the same snapshot, want the same best nodes, and
    /// what the second is refused has to be decided again.
    private static let smallPlanMax = 32
    /// How long it waits for an evaluation before it asks again.
    private static let waitMax = Duration.seconds(30)
    /// How long it rests when the leader cannot be asked.
    private static let pause = Duration.milliseconds(500)
    /// How long its state may take to reach what the leader's had.
    private static let catchUpMax = Duration.seconds(10)

    private let server: ServerAgent
    private let desk: Desk

    init(server: ServerAgent, desk: Desk) {
        self.server = server
        self.desk = desk
    }

    /// Works until cancelled. A leader of a release that knows no workers of other servers is not asked again.
    func run() async {
        while !Task.isCancelled {
            let status = server.consensus.status
            do {
                try await server.waitForAnyLeader()
                let taken = try await take()
                if let evaluation = taken.evaluation { await bringToEnd(evaluation, taken) }
            } catch let error as CallError where error.code == .unsupported {
                try? await server.waitForSuccession(of: status)
            } catch {
                server.log.debug("no evaluation could be taken", metadata: ["error": "\(error)"])
                try? await server.seam.time.sleep(for: Self.pause)
            }
        }
    }

    private func take() async throws -> TakeEvaluationReply {
        var call = TakeEvaluation()
        call.types = server.settings.schedulers
        call.wait = Self.waitMax
        call.server = server.settings.id
        call.incarnation = server.incarnation
        return try await ask(call)
    }

    private func bringToEnd(_ evaluation: Evaluation, _ taken: TakeEvaluationReply) async {
        var end = FinishEvaluation()
        (end.id, end.token) = (evaluation.id, taken.token)
        do {
            end.outcome = try await process(evaluation, taken)
            _ = try await ask(end)
        } catch {
            // Without leadership the queues are emptied anyway; everything else is tried again after a delay.
            server.log.warning(
                "evaluation was not finished and comes again",
                metadata: ["eval.id": "\(evaluation.id)", "error": "\(error)"])
            (end.isDone, end.outcome) = (false, [])
            _ = try? await ask(end)
        }
    }

    private func ask<Call: Served>(_ call: Call) async throws -> Call.Reply {
        try await server.answer(call, server.serverContext)
    }

    /// Returns what remains to be stored.
    private func process(_ evaluation: Evaluation, _ taken: TakeEvaluationReply) async throws -> [Evaluation] {
        var minimumIndex = max(evaluation.modifyIndex, evaluation.snapshotIndex, taken.index)
        var attempt = 0
        var isFirst = true
        while true {
            attempt += 1
            let deadline = server.seam.time.uptime + Self.catchUpMax
            guard let snapshot = await server.state.feed.snapshot(at: minimumIndex, until: deadline) else {
                throw CallError(.deadline, "the state did not reach index \(minimumIndex) within \(Self.catchUpMax)")
            }
            let (decision, result) = try await decideAndCommit(evaluation, taken.token, on: snapshot)
            // As long as something of each plan is committed the evaluation gets on.
            if result?.placed ?? 0 > 0 { attempt = 0 }
            // The leader's is the shadow that is shown.
            if isFirst, server.isLeader { server.shadow.offer(decision, of: evaluation) }
            isFirst = false
            switch decision.outcome.settle(result, attempt: attempt) {
            case .done(let evaluations): return (result == nil ? decision.outcome.followUps : []) + evaluations
            case .retry(let index): minimumIndex = index
            }
        }
    }

    private func decideAndCommit(
        _ evaluation: Evaluation, _ token: UInt64, on snapshot: Snapshot
    ) async throws -> (Decision, PlanResult?) {
        let isLarge = snapshot.missing(evaluation) > Self.smallPlanMax
        if isLarge { await server.largePlans.enter() }
        defer { if isLarge { server.largePlans.leave() } }
        // It may have waited for its turn.
        let newest = isLarge ? server.snapshot : snapshot
        let decision = try await decide(evaluation, on: newest)
        guard !decision.outcome.plan.isEmpty else { return (decision, nil) }
        var call = SubmitPlan()
        (call.id, call.token) = (evaluation.id, token)
        call.followUps = decision.outcome.followUps
        call.plan = EncodedPlan(decision.outcome.endingPlan)
        return (decision, try await ask(call).result)
    }

    private func decide(_ evaluation: Evaluation, on snapshot: Snapshot) async throws -> Decision {
        try await server.seam.blocking.run(lane: desk.lane) { [server, processor = desk.processor] in
            try server.decide(evaluation, on: snapshot, with: processor)
        }
    }
}

extension Snapshot {
    /// About how many instances the evaluation's job lacks.
    fileprivate func missing(_ evaluation: Evaluation) -> Int {
        guard let record = jobRecord(evaluation.namespace, evaluation.jobID), let current = record.current else {
            return 0
        }
        guard !current.job.type.isEachNode else { return Int(nodeRowLimit) }
        let groups = current.job.taskGroups
        return groups.indices.reduce(0) { $0 + (groups[$1].count ?? 1) } - record.liveCount
    }
}
