internal import Basics
internal import Model
internal import PluginHost
internal import RPC
internal import Scheduling
internal import StateStore

extension ExplainPlacement: Served {
    var place: AnswerPlace { .confirmedLeader }

    func serve(on server: ServerAgent, context: CallContext) async throws -> PlacementReply {
        let snapshot = server.snapshot
        guard let evaluation = snapshot.evaluation(evaluationID) else {
            throw CallError(.notFound, "eval not found")
        }
        let rows = try nodes.map { try snapshot.nodeRow(named: $0) }
        var reply = PlacementReply()
        reply.index = snapshot.index
        reply.explanation = try await server.seam.blocking.run {
            try server.explain(evaluation, on: snapshot, nodes: rows, with: EvaluationProcessor())
        }
        return reply
    }
}

extension ServerAgent {
    /// Looks at nodes on behalf of an evaluation's job; blocks the calling thread. `job` and `outcome` are a plan's, for
    /// `job plan`. Throws when the job is gone or no scheduler answers.
    func explain(
        _ evaluation: Evaluation, on snapshot: Snapshot, nodes: [NodeRow], job candidate: Job? = nil,
        outcome: EvaluationOutcome? = nil, with processor: EvaluationProcessor
    ) throws -> PlacementExplanation {
        guard let job = candidate ?? snapshot.job(evaluation.namespace, evaluation.jobID) else {
            throw CallError(.notFound, "job \"\(evaluation.jobID)\" of the evaluation is gone")
        }
        var explanation = PlacementExplanation()
        explanation.evalID = evaluation.id
        explanation.namespace = job.namespace
        explanation.jobID = job.id
        explanation.index = snapshot.index
        explanation.groups = try job.taskGroups.indices.map { position in
            let inquiry = processor.inquire(evaluation, job, group: position, snapshot: snapshot)
            return try answer(about: job, snapshot, processor).withUnsafeBytes {
                processor.explain(inquiry, nodes: nodes, answer: $0, outcome: outcome)
            }
        }
        return explanation
    }

    /// What the first scheduler says that answers to the processor's problem.
    private func answer(
        about job: Job, _ snapshot: Snapshot, _ processor: EvaluationProcessor
    ) throws(CallError) -> [UInt8] {
        let configuration = snapshot.schedulerConfiguration(nodePool: job.nodePool)
        for name in schedulerNames(for: job.type, nodePool: job.nodePool, configuration) {
            let deadline = seam.time.uptime + configuration.schedulerDeadline
            if let answer = try? placers.scheduler(named: name)?.place(processor, until: deadline) { return answer }
        }
        throw CallError(.unavailable, "no scheduler for jobs of type \"\(job.type)\" answers")
    }
}

extension Snapshot {
    /// The row of a node given by its ID, the beginning of it, or its name.
    func nodeRow(named text: String) throws(CallError) -> NodeRow {
        var found: [NodeRow] = []
        forEachNode { record in
            if record.node.name == text || record.node.id.description.hasPrefix(text.lowercased()) {
                found.append(record.row)
            }
            return found.count < 2
        }
        guard let row = found.first, !text.isEmpty else { throw CallError(.notFound, "node \"\(text)\" not found") }
        guard found.count == 1 else {
            throw CallError(.invalid, "\"\(text)\" names more than one node; give more of the ID")
        }
        return row
    }
}
