package import Basics
internal import CDroverABI
internal import Model
internal import PluginHost
internal import Scheduling
internal import StateStore

/// One play of a live cluster's state: every job is placed as a whole and at once, on nodes that hold only those before it.
///
/// Reconciling, building of problems and checking of answers are the server's own, so constraints, drivers, volumes, ports,
/// quotas and pre-emption count as they do there. A decision is one job.
package struct SnapshotRun {
    private let trace: SnapshotTrace
    private let schedulers: SchedulerSet
    private let time: any TimeSource
    private let now: Timestamp
    private let processor = EvaluationProcessor()
    private let view = ClusterView()
    private var tables: StateTables
    private var generator = SeededGenerator(seed: 1)
    private var outcome = TraceOutcome()
    private var nanoseconds: [UInt64] = []
    /// Instances that found no place, by job.
    private var unplaced: [JobKey: Int] = [:]

    /// A run with tables of its own; `time` measures how long decisions take.
    package init(_ trace: SnapshotTrace, schedulers: SchedulerSet, time: any TimeSource) {
        self.trace = trace
        self.schedulers = schedulers
        self.time = time
        now = time.now
        tables = trace.emptied(at: now)
    }

    /// Plays it; a value can do that once.
    package consuming func run() throws -> TraceOutcome {
        let capacity = figures().deviceMilliCapacity
        for job in trace.jobs {
            let registered = apply(.jobRegister(JobRegistration(job: job, time: now)))
            var waiting = registered.evaluations.suffix(1)
            var asked: Int64 = 0
            while let evaluation = waiting.popFirst() {
                let (victims, milli) = try process(evaluation)
                if evaluation.triggeredBy == .jobRegister { asked += milli }
                waiting += victims
            }
            outcome.curve.add(asked: asked, used: figures().deviceMilliUsed, of: capacity)
        }
        return finished()
    }

    private func figures() -> ViewFigures {
        view.advance(to: tables.snapshot())
        return ViewFigures(view.bytes)
    }

    private mutating func finished() -> TraceOutcome {
        let snapshot = tables.snapshot()
        let placements = GroupPlaces(snapshot, trace.jobs)
        outcome.placed = placements.count
        outcome.failed = unplaced.values.reduce(0, +)
        outcome.moves = GroupPlaces(trace.origin, trace.jobs).moves(to: placements)
        outcome.placementHash = placements.hash
        outcome.decision = DecisionTime(nanoseconds)
        let origin = ClusterView()
        origin.advance(to: trace.origin)
        view.advance(to: snapshot)
        outcome.measure(view.bytes, FragmentationFigure.Work.all(in: origin.bytes))
        return outcome
    }

    private mutating func apply(_ entry: StateEntry) -> ApplyOutcome { tables.apply(entry, index: tables.index + 1) }

    /// Decides and commits; the evaluations of jobs that had to make room, and the thousandths of devices asked for.
    private mutating func process(_ evaluation: Evaluation) throws -> (victims: [Evaluation], asked: Int64) {
        let prepared = processor.prepare(evaluation, snapshot: tables.snapshot(), now: now, generator: &generator)
        let key = JobKey(namespace: evaluation.namespace, id: evaluation.jobID)
        guard prepared.problem != nil else { return ([], 0) }
        let groupCount = NodeColumns(processor.viewBytes)?.groupCount ?? 0
        let wanted = BatchFigures(processor.problemBytes, groupCount: groupCount)
        do {
            var decision = try decide(prepared)
            if processor.mayPreempt(prepared, decision), processor.offerCandidates(prepared) {
                decision = try decide(prepared)
            }
            unplaced[key] = decision.unplaced.values.reduce(0, +)
            return (apply(.plans([decision.plan])).evaluations, wanted.deviceMilli)
        } catch is PlacementFault {
            outcome.rejected += wanted.instances
            unplaced[key] = wanted.instances
            return ([], wanted.deviceMilli)
        }
    }

    private mutating func decide(_ prepared: PreparedEvaluation) throws -> EvaluationOutcome {
        let scheduler = try schedulers.scheduler(for: prepared.evaluation.type.rawValue)
        let began = time.uptime
        let answer = try scheduler.place(
            view: Block(viewing: processor.viewBytes), batch: Block(viewing: processor.problemBytes),
            deadline: Uptime(nanoseconds: .max))
        nanoseconds.append(UInt64(max(0, time.uptime.nanoseconds - began.nanoseconds)))
        var generator = generator
        defer { self.generator = generator }
        return try answer.withUnsafeBytes { try processor.finish(prepared, answer: $0, generator: &generator) }
    }
}

extension Block {
    fileprivate init(viewing bytes: UnsafeRawBufferPointer) {
        self.init(base: bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped, length: bytes.count)
    }
}
