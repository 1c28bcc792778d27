internal import Basics
internal import Logging
internal import Model
internal import PluginHost
internal import RPC
internal import Scheduling
internal import StateStore

/// An evaluation decided but not committed, with what is needed to decide it once more.
struct Decision: Sendable {
    var outcome: EvaluationOutcome
    /// Who chose the nodes; nil when there was nothing to place.
    var scheduler: String?
    /// How long that took.
    var duration = Duration.zero
    /// It was asked once more, with allocations to evict offered, as instances had found no node.
    var isPreempting = false
    let snapshot: Snapshot
    /// Prepares the same problem from the snapshot again.
    let seed: UInt64
    let time: Timestamp
}

extension ServerAgent {
    /// Longest time a stock scheduler gets for one evaluation; nobody is asked after it.
    private static let stockDeadline = Duration.seconds(30)

    /// Reconciles an evaluation and has its placements chosen; blocks the calling thread.
    ///
    /// A scheduler that fails, overruns or answers nonsense is recorded, and the stock one of the job's type asked instead.
    /// `job` is what to reconcile in place of the registered job, for `job plan`. Throws when no scheduler gave an answer
    /// that can be used.
    func decide(
        _ evaluation: Evaluation, on snapshot: Snapshot, job: Job? = nil, with processor: EvaluationProcessor
    ) throws -> Decision {
        let (seed, time) = (seam.random.next(), seam.time.now)
        var generator = SeededGenerator(seed: seed)
        let prepared = processor.prepare(evaluation, snapshot: snapshot, now: time, job: job, generator: &generator)
        guard prepared.problem != nil else {
            let outcome = try processor.finish(
                prepared, answer: UnsafeRawBufferPointer(start: nil, count: 0), generator: &generator)
            return Decision(outcome: outcome, snapshot: snapshot, seed: seed, time: time)
        }
        let (choice, scheduler) = try place(prepared, with: processor)
        return Decision(
            outcome: choice.outcome, scheduler: scheduler, duration: choice.duration, isPreempting: choice.isPreempting,
            snapshot: snapshot, seed: seed, time: time)
    }

    /// Asks one scheduler after the other for the prepared problem, until one answers with what can be used.
    private func place(
        _ prepared: PreparedEvaluation, with processor: EvaluationProcessor
    ) throws -> (choice: Choice, scheduler: String) {
        let type = prepared.evaluation.type
        let pool = prepared.job?.nodePool ?? ""
        let configuration = prepared.snapshot.schedulerConfiguration(nodePool: pool)
        var notes: [String] = []
        var failure: any Error = CallError(.unavailable, "no scheduler was asked")
        for name in schedulerNames(for: type, nodePool: pool, configuration) {
            let isStock = name == type.rawValue
            if !isStock, let reason = journal.reasonToSpare(name) {
                notes.append(reason)
                continue
            }
            do {
                let limit = isStock ? ServerAgent.stockDeadline : configuration.schedulerDeadline
                var choice = try choose(name, prepared, processor, within: limit, mayPreempt: true)
                journal.answered(name)
                if !notes.isEmpty { choice.outcome.note("placed by \(name): \(notes.joined(separator: "; "))") }
                return (choice, name)
            } catch {
                let fault = journal.failed(name, error, prepared.evaluation)
                report(fault)
                notes.append(fault.reason)
                failure = error
            }
        }
        throw failure
    }

    /// What one scheduler chose.
    struct Choice {
        var outcome: EvaluationOutcome
        /// How long its last answer took.
        var duration: Duration
        /// Allocations to evict were offered to it.
        var isPreempting: Bool
    }

    /// Has the prepared problem placed by one scheduler; when instances find no node, once more with the allocations that may
    /// be evicted, if `mayPreempt` and the cluster's configuration allow it. `prepared` keeps the problem last asked; `limit` is
    /// for both answers together.
    func choose(
        _ name: String, _ prepared: PreparedEvaluation, _ processor: EvaluationProcessor, within limit: Duration,
        mayPreempt: Bool
    ) throws -> Choice {
        let deadline = seam.time.uptime + limit
        let (outcome, duration) = try ask(name, prepared, processor, deadline: deadline)
        guard mayPreempt, processor.mayPreempt(prepared, outcome), processor.offerCandidates(prepared) else {
            return Choice(outcome: outcome, duration: duration, isPreempting: prepared.offersCandidates)
        }
        let (second, secondDuration) = try ask(name, prepared, processor, deadline: deadline)
        return Choice(outcome: second, duration: secondDuration, isPreempting: true)
    }

    /// Has the prepared problem placed by one scheduler and checks its answer.
    private func ask(
        _ name: String, _ prepared: PreparedEvaluation, _ processor: EvaluationProcessor, deadline: Uptime
    ) throws -> (outcome: EvaluationOutcome, duration: Duration) {
        guard let scheduler = placers.scheduler(named: name) else {
            throw PluginError(.unavailable, "scheduler plug-in \(name) is not loaded; see drover plugin status")
        }
        let begin = seam.time.uptime
        let answer = try scheduler.place(processor, until: deadline)
        let duration = seam.time.uptime - begin
        var generator = seam.random.generator()
        let outcome = try answer.withUnsafeBytes {
            try processor.finish(prepared, answer: $0, duration: duration, generator: &generator)
        }
        return (outcome, duration)
    }

    private func report(_ fault: SchedulerFault) {
        log.error(
            "scheduler failed; asking the next one",
            metadata: [
                "scheduler": "\(fault.plugin)", "eval.id": "\(fault.evalID)", "kind": "\(fault.kind.rawValue)",
                "error": "\(fault.reason)",
            ])
    }

    /// The schedulers to ask for a job, in order: the configured one unless it does not place the type, then the stock one.
    func schedulerNames(for type: JobType, nodePool: String, _ configuration: SchedulerConfiguration) -> [String] {
        let chosen = configuration.choice(type: type, nodePool: nodePool).plugin
        guard !chosen.isEmpty, chosen != type.rawValue else { return [type.rawValue] }
        let places = placers.scheduler(named: chosen)?.kinds.contains(type.rawValue) ?? true
        return places ? [chosen, type.rawValue] : [type.rawValue]
    }
}

extension Scheduler {
    /// Has the problem that was prepared last placed.
    func place(_ processor: EvaluationProcessor, until deadline: Uptime) throws -> [UInt8] {
        processor.limit(until: deadline)
        return try place(
            view: Block(processor.viewBytes), batch: Block(processor.problemBytes), deadline: deadline)
    }
}

extension Block {
    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        self.init(base: bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped, length: bytes.count)
    }
}
