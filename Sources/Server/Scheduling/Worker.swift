internal import Basics
internal import Broker
internal import Logging
internal import Model
internal import PluginHost
internal import RPC
internal import Scheduling
internal import StateStore

/// Takes one evaluation after the other and brings it to its end: reconcile, ask a scheduler, submit the plan, go on from
/// what was committed.
///
/// Owns one cluster view. Everything that computes or calls a plug-in runs on the worker's own blocking lane.
struct Worker: Sendable {
    private let server: ServerAgent
    private let lane: BlockingLane
    private let processor = EvaluationProcessor()

    init(server: ServerAgent, number: Int) {
        self.server = server
        lane = BlockingLane("worker.\(number)")
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
        while true {
            attempt += 1
            let deadline = server.seam.time.uptime + .seconds(10)
            guard let snapshot = await server.state.feed.snapshot(at: minimumIndex, until: deadline) else {
                throw CallError(.deadline, "the state did not reach index \(minimumIndex) within 10 s")
            }
            let outcome = try await decide(evaluation, on: snapshot)
            guard server.queue.renew(delivery) else {
                throw CallError(.conflict, "the evaluation went to another worker")
            }
            let result = try await commit(outcome)
            switch outcome.settle(result, attempt: attempt) {
            case .done(let evaluations):
                _ = try await server.propose(.evaluationsUpdate(evaluations, time: server.seam.time.now))
                return
            case .retry(let index): minimumIndex = index
            }
        }
    }

    /// Stores what has to be there before the plan, then submits it.
    private func commit(_ outcome: EvaluationOutcome) async throws -> PlanResult? {
        if !outcome.followUps.isEmpty {
            _ = try await server.propose(.evaluationsUpdate(outcome.followUps, time: server.seam.time.now))
        }
        return outcome.plan.isEmpty ? nil : try await server.plans.submit(outcome.plan)
    }

    private func decide(_ evaluation: Evaluation, on snapshot: Snapshot) async throws -> EvaluationOutcome {
        try await server.seam.blocking.run(lane: lane) { [server, processor] in
            try server.decide(evaluation, on: snapshot, with: processor)
        }
    }
}

extension ServerAgent {
    /// Longest time a scheduler gets for one evaluation.
    static let placementTimeout = Duration.seconds(30)

    /// Reconciles an evaluation and has its placements chosen; blocks the calling thread.
    ///
    /// A scheduler that fails, overruns or answers nonsense is reported, and the stock one of the job's type asked instead.
    /// `job` is what to reconcile in place of the registered job, for `job plan`. Throws when no scheduler gave an answer
    /// that can be used.
    func decide(
        _ evaluation: Evaluation, on snapshot: Snapshot, job: Job? = nil, with processor: EvaluationProcessor
    ) throws -> EvaluationOutcome {
        var generator = seam.random.generator()
        var prepared = processor.prepare(
            evaluation, snapshot: snapshot, now: seam.time.now, job: job, generator: &generator)
        guard prepared.problem != nil else {
            return try processor.finish(
                prepared, answer: UnsafeRawBufferPointer(start: nil, count: 0), generator: &generator)
        }
        var failure: any Error = CallError(
            .unavailable, "no scheduler places jobs of type \"\(evaluation.type)\"; see drover plugin status")
        for name in schedulerNames(for: evaluation.type, snapshot.schedulerConfiguration) {
            guard let scheduler = placers.scheduler(named: name) else { continue }
            do {
                let outcome = try ask(scheduler, prepared, processor, &generator)
                guard processor.mayPreempt(prepared, outcome), processor.offerCandidates(&prepared) else {
                    return outcome
                }
                return try ask(scheduler, prepared, processor, &generator)
            } catch {
                log.error(
                    "scheduler failed; asking the next one",
                    metadata: ["scheduler": "\(name)", "eval.id": "\(evaluation.id)", "error": "\(error)"])
                failure = error
            }
        }
        throw failure
    }

    /// One call of a scheduler, and the plan that its answer makes.
    private func ask(
        _ scheduler: any Scheduler, _ prepared: PreparedEvaluation, _ processor: EvaluationProcessor,
        _ generator: inout some RandomNumberGenerator
    ) throws -> EvaluationOutcome {
        let begin = seam.time.uptime
        let answer = try scheduler.place(
            view: Block(processor.viewBytes), batch: Block(processor.problemBytes),
            deadline: begin + ServerAgent.placementTimeout)
        let duration = seam.time.uptime - begin
        return try answer.withUnsafeBytes {
            try processor.finish(prepared, answer: $0, duration: duration, generator: &generator)
        }
    }

    /// The schedulers to ask for a type of job, in order: the configured one, then the stock one.
    func schedulerNames(for type: JobType, _ configuration: SchedulerConfiguration) -> [String] {
        let known = placers.schedulerNames.filter {
            placers.scheduler(named: $0)?.kinds.contains(type.rawValue) == true
        }
        let chosen = known.filter { $0 == configuration.schedulerAlgorithm }
        return chosen + known.filter { $0 == type.rawValue }
    }
}

extension Block {
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(base: bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped, length: bytes.count)
    }
}
