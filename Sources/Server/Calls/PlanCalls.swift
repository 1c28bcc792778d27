internal import Basics
internal import Model
internal import RPC
internal import Scheduling
internal import StateStore

extension PlanJob: Served {
    /// Runs the whole of an evaluation but its commit: what `job run` would do on the state as it is now.
    func serve(on server: ServerAgent, context: CallContext) async throws -> PlanJobReply {
        let snapshot = server.snapshot
        var (job, warnings) = try server.admit(job, context, snapshot)
        let present = snapshot.job(job.namespace, job.id)
        job.version = (present?.version ?? 0) + (present == nil ? 0 : 1)
        job.createIndex = present?.createIndex ?? snapshot.index
        if let present, present.hasSameSpecification(as: job) { job.version = present.version }
        var evaluation = Evaluation()
        evaluation.id = server.seam.random.id()
        evaluation.namespace = job.namespace
        evaluation.jobID = job.id
        evaluation.type = job.type
        evaluation.priority = job.priority
        evaluation.triggeredBy = .jobRegister
        evaluation.status = .pending
        let planned = (evaluation, job)
        let outcome = try await server.seam.blocking.run {
            try server.decide(planned.0, on: snapshot, job: planned.1, with: EvaluationProcessor()).outcome
        }
        var reply = PlanJobReply()
        reply.index = snapshot.index
        reply.jobModifyIndex = present?.jobModifyIndex ?? 0
        reply.warnings = warnings
        reply.failedTGAllocs = outcome.failed
        reply.createdEvals = outcome.followUps
        reply.annotations = .object([
            ("DesiredTGUpdates", .object(outcome.desired.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) })),
            ("PreemptedAllocs", .null),
        ])
        if diff {
            reply.diff = JobDiff.json(old: present, new: job, updates: reply.annotations["DesiredTGUpdates"] ?? .null)
        }
        return reply
    }
}
