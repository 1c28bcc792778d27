internal import Basics
internal import Model
internal import RPC
internal import Scheduling
internal import StateStore

extension PlanJob: Served {
    var place: AnswerPlace { .confirmedLeader }

    /// Runs the whole of an evaluation but its commit: what `job run` would do on the state as it is now.
    func serve(on server: ServerAgent, context: CallContext) async throws -> PlanJobReply {
        let snapshot = server.snapshot
        var (job, warnings) = try server.admit(job, context, snapshot, notes: notes)
        let present = snapshot.job(job.namespace, job.id)
        job.version = (present?.version ?? 0) + (present == nil ? 0 : 1)
        job.createIndex = present?.createIndex ?? snapshot.index
        if let present, present.hasSameSpecification(as: job) { job.version = present.version }
        let evaluation = Evaluation(of: job, .jobRegister, id: server.seam.random.id(), at: server.seam.time.now)
        let planned = (evaluation, job)
        let nodes = try nodes.map { try snapshot.nodeRow(named: $0) }
        let (outcome, placement) = try await server.seam.blocking.run {
            let processor = EvaluationProcessor()
            let outcome = try server.decide(planned.0, on: snapshot, job: planned.1, with: processor).outcome
            let placement = try server.explain(
                planned.0, on: snapshot, nodes: nodes, job: planned.1, outcome: outcome, with: processor)
            return (outcome, placement)
        }
        var reply = PlanJobReply()
        reply.placement = placement
        reply.index = snapshot.index
        reply.jobModifyIndex = present?.jobModifyIndex ?? 0
        reply.warnings = warnings
        reply.failedTGAllocs = outcome.failed
        reply.createdEvals = outcome.followUps + (outcome.blocked.map { [$0] } ?? [])
        let preempted = outcome.plan.stops.filter { $0.desiredStatus == .evict }.compactMap { stop in
            snapshot.allocationRow(stop.id).map { snapshot.allocation($0, withJob: false).json }
        }
        reply.annotations = .object([
            ("DesiredTGUpdates", .object(outcome.desired.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) })),
            ("PreemptedAllocs", preempted.isEmpty ? .null : .array(preempted)),
        ])
        if diff {
            reply.diff = JobDiff.json(old: present, new: job, updates: reply.annotations["DesiredTGUpdates"] ?? .null)
        }
        return reply
    }
}
