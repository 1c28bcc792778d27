internal import Basics
internal import Logging
internal import Model
internal import Scheduling
internal import StateStore
internal import Synchronization

/// Tries a second scheduler on live evaluations: it is asked after the plan is committed, and what it answers is compared and
/// forgotten.
///
/// Nothing waits for it: it works on a lane of its own, and while one evaluation waits for it further ones are dropped. It
/// prepares each from the same snapshot and seed as the worker did, so its blocks say the same without having been copied. Where
/// the worker offered allocations to evict, the shadow may evict too what its own first answer leaves without a node.
final class ShadowPipeline: Sendable {
    private struct Case: Sendable {
        let evaluation: Evaluation
        let decision: Decision
    }

    private static let lane = BlockingLane("shadow")

    private let time: any TimeSource
    private let cases: AsyncStream<Case>
    private let queue: AsyncStream<Case>.Continuation
    private let record = Mutex(ShadowRecord())
    private let processor = EvaluationProcessor()

    init(time: any TimeSource) {
        self.time = time
        (cases, queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
    }

    var report: ShadowReport { record.withLock { $0.report } }

    /// Has a committed decision compared, if a shadow is configured for such jobs and is not the one that made it.
    func offer(_ decision: Decision, of evaluation: Evaluation) {
        let target = decision.snapshot.schedulerConfiguration.shadow
        guard !target.plugin.isEmpty, let scheduler = decision.scheduler, scheduler != target.plugin else { return }
        let pool = decision.snapshot.job(evaluation.namespace, evaluation.jobID)?.nodePool ?? ""
        guard target.covers(type: evaluation.type, nodePool: pool) else { return }
        let mayBeAsked = record.withLock { record in
            record.follow(target)
            return record.health.mayBeAsked(now: time.uptime)
        }
        if mayBeAsked, case .enqueued = queue.yield(Case(evaluation: evaluation, decision: decision)) { return }
        record.withLock { $0.dropped += 1 }
    }

    /// Compares until cancelled.
    func run(_ server: ServerAgent) async throws {
        for await work in cases {
            try await server.seam.blocking.run(lane: Self.lane) { self.compare(work, server) }
        }
        try Task.checkCancellation()
    }

    private func compare(_ work: Case, _ server: ServerAgent) {
        let decision = work.decision
        let configuration = decision.snapshot.schedulerConfiguration
        var generator = SeededGenerator(seed: decision.seed)
        let prepared = processor.prepare(
            work.evaluation, snapshot: decision.snapshot, now: decision.time, generator: &generator)
        do {
            let choice = try server.choose(
                configuration.shadow.plugin, prepared, processor, within: configuration.schedulerDeadline,
                mayPreempt: decision.isPreempting)
            let isEachNode = work.evaluation.type.isEachNode
            let active = ShadowRecord.Answer(decision.outcome, isEachNode: isEachNode, duration: decision.duration)
            let shadow = ShadowRecord.Answer(
                choice.outcome, isEachNode: isEachNode, duration: choice.duration)
            record.withLock { $0.compare(active, shadow, for: configuration.shadow) }
        } catch {
            record.withLock { $0.failed(error, for: configuration.shadow, now: time.uptime) }
            server.log.warning(
                "shadow scheduler failed",
                metadata: [
                    "scheduler": "\(configuration.shadow.plugin)", "eval.id": "\(work.evaluation.id)",
                    "error": "\(error)",
                ])
        }
    }
}
