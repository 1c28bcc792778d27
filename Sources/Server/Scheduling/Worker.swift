internal import Basics
internal import Broker
internal import Logging
internal import Model
internal import RPC
internal import Scheduling
internal import StateStore

/// Takes one evaluation after the other and brings it to its end: reconcile, ask a scheduler, submit the plan, go on from
/// what was committed.
///
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

    private let server: ServerAgent
    private let desk: Desk

    init(server: ServerAgent, desk: Desk) {
        self.server = server
        self.desk = desk
    }

    /// Works until cancelled.
    func run() async {
        while let delivery = await server.queue.next(JobType.all) {
            do {
                try await process(delivery)
                server.queue.acknowledge(delivery)
            } catch {
                // Without leadership the queues are emptied anyway; everything else is tried again after a delay.
                server.log.warning(
                    "evaluation was not finished and comes again",
                    metadata: ["eval.id": "\(delivery.evaluation.id)", "error": "\(error)"])
                server.queue.reject(delivery)
            }
        }
    }

    private func process(_ delivery: EvalBroker.Delivery) async throws {
        let evaluation = delivery.evaluation
        var minimumIndex = max(evaluation.modifyIndex, evaluation.snapshotIndex)
        var attempt = 0
        var isFirst = true
        while true {
            attempt += 1
            let deadline = server.seam.time.uptime + .seconds(10)
            guard let snapshot = await server.state.feed.snapshot(at: minimumIndex, until: deadline) else {
                throw CallError(.deadline, "the state did not reach index \(minimumIndex) within 10 s")
            }
            let (decision, result) = try await decideAndCommit(delivery, on: snapshot)
            // As long as something of each plan is committed the evaluation gets on.
            if result?.placed ?? 0 > 0 { attempt = 0 }
            if isFirst { server.shadow.offer(decision, of: evaluation) }
            isFirst = false
            switch decision.outcome.settle(result, attempt: attempt) {
            case .done(let evaluations):
                guard !evaluations.isEmpty else { return }
                guard server.queue.renew(delivery) else {
                    throw CallError(.conflict, "the evaluation went to another worker, or the state was restored")
                }
                _ = try await server.propose(.evaluationsUpdate(evaluations, time: server.seam.time.now))
                return
            case .retry(let index): minimumIndex = index
            }
        }
    }

    private func decideAndCommit(
        _ delivery: EvalBroker.Delivery, on snapshot: Snapshot
    ) async throws -> (Decision, PlanResult?) {
        let isLarge = snapshot.missing(delivery.evaluation) > Self.smallPlanMax
        if isLarge { await server.largePlans.enter() }
        defer { if isLarge { server.largePlans.leave() } }
        // It may have waited for its turn.
        let newest = isLarge ? server.snapshot : snapshot
        let decision = try await decide(delivery.evaluation, on: newest)
        guard server.queue.renew(delivery) else {
            throw CallError(.conflict, "the evaluation went to another worker")
        }
        return (decision, try await commit(decision.outcome))
    }

    /// Stores what has to be there before the plan, then submits it.
    private func commit(_ outcome: EvaluationOutcome) async throws -> PlanResult? {
        if !outcome.followUps.isEmpty {
            _ = try await server.propose(.evaluationsUpdate(outcome.followUps, time: server.seam.time.now))
        }
        return outcome.plan.isEmpty ? nil : try await server.plans.submit(outcome.endingPlan)
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
        guard let record = jobRecord(evaluation.namespace, evaluation.jobID), let job = record.current?.job else {
            return 0
        }
        guard !job.type.isEachNode else { return Int(nodeRowLimit) }
        return job.taskGroups.reduce(0) { $0 + ($1.count ?? 1) } - record.liveCount
    }
}
