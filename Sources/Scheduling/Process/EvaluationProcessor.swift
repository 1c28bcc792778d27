package import Basics
package import Model
package import StateStore

/// Turns evaluations into plans, in steps, so that its owner can call the scheduler and the leader in between:
///
///     prepare ─► scheduler plug-in ─► finish ─► plan queue ─► settle ─► done, or prepare again
///
/// Owns the cluster view of one worker. Not to be used by two threads at once; the blocks it hands out are valid until the
/// next ``prepare(_:snapshot:now:job:generator:)``.
package final class EvaluationProcessor: @unchecked Sendable {
    private let view = ClusterView()
    private let block = ProblemBlock()
    private let feasibilities = FeasibilityCache()

    package init() {}

    /// The cluster, as the last prepared evaluation sees it: what a scheduler gets as `view`.
    package var viewBytes: UnsafeRawBufferPointer { view.bytes }

    /// The problem of the last prepared evaluation: what a scheduler gets as `batch`.
    package var problemBytes: UnsafeRawBufferPointer { block.bytes }

    /// Tells the scheduler until when its answer to the last prepared problem counts.
    package func limit(until deadline: Uptime) { block.setDeadline(deadline.nanoseconds) }

    /// Reconciles the evaluation's job on `snapshot`, and builds the placement problem if something is to be placed.
    ///
    /// `now` is wall-clock time, for delays; `candidate` is reconciled in place of the snapshot's job, for `job plan`; the
    /// generator is the source of ids.
    package func prepare(
        _ evaluation: Evaluation, snapshot: Snapshot, now: Timestamp, job candidate: Job? = nil,
        generator: inout some RandomNumberGenerator
    ) -> PreparedEvaluation {
        view.advance(to: snapshot)
        let job = candidate ?? snapshot.job(evaluation.namespace, evaluation.jobID)
        if candidate == nil, let job, job.isTemplate, !job.stop {
            // Only the jobs that are made from it run.
            return PreparedEvaluation(
                evaluation: evaluation, snapshot: snapshot, job: job, reconciliation: Reconciliation(), quotaCut: nil,
                createTime: now)
        }
        let rows = snapshot.allocations(ofJob: evaluation.jobID, namespace: evaluation.namespace)
        let feasibility = feasibility(of: job, snapshot)
        let ids = IDSource(seed: generator.next())
        var reconciliation = Reconciler.reconcile(
            Reconciler.Input(
                job: job, evaluation: evaluation,
                allocations: rows.map { JobAllocation($0, job: job, snapshot: snapshot) }, now: now,
                condition: { NodeCondition(snapshot.nodeRecord($0)) }, nodeID: { snapshot.node($0)?.id ?? .none },
                earlierJob: { snapshot.job(evaluation.namespace, evaluation.jobID, version: $0) },
                maySuit: { feasibility.group($0).suitable.contains($1) },
                mayLast: { feasibility.group($0).lasting.contains($1) },
                limits: { [view] position in
                    var columns = LimitColumns(job: job ?? Job(), view: view, live: [])
                    return columns.limits(of: position)
                },
                readyNodes: { feasibility.readyNodes($0) }, score: { snapshot.score($0) },
                runningSince: { snapshot.runningSince($0) }, newID: { ids.next() }))
        reconciliation.leaveRollingUpdate(to: snapshot, evaluation, now: now)
        let cut = job.flatMap { QuotaCut.cut(&reconciliation, $0, snapshot) }
        let prepared = PreparedEvaluation(
            evaluation: evaluation, snapshot: snapshot, job: job, reconciliation: reconciliation, quotaCut: cut,
            createTime: now)
        guard let job, reconciliation.placementCount > 0 else { return prepared }
        prepared.problem = build(
            reconciliation, job, evaluation, snapshot, rows, feasibility, seed: Self.seed(job))
        return prepared
    }

    private func feasibility(of job: Job?, _ snapshot: Snapshot) -> FeasibilitySource {
        FeasibilitySource(job: job, view: view, snapshot: snapshot, cache: feasibilities)
    }

    /// Breaks ties alike whenever a version of a job is placed on the same state, so that `job run` does what `job plan` said.
    private static func seed(_ job: Job) -> UInt64 {
        var hasher = StableHasher()
        hasher.combine(job.namespace)
        hasher.combine(job.id)
        hasher.combine(job.version)
        return hasher.value
    }

    private func build(
        _ wanted: Reconciliation, _ job: Job, _ evaluation: Evaluation, _ snapshot: Snapshot, _ rows: [AllocationRow],
        _ feasibility: FeasibilitySource, seed: UInt64, options: ProblemOptions = []
    ) -> PlacementProblem {
        let builder = ProblemBuilder(
            job: job, evaluation: evaluation, reconciliation: wanted, rows: rows, snapshot: snapshot, view: view,
            block: block, seed: seed, neighbours: feasibility.neighbours)
        return builder.build(wanted.groups, options: options) { feasibility.group($0) }
    }

    /// Whether instances that found no place may be given another chance by ``offerCandidates(_:)``.
    package func mayPreempt(_ prepared: PreparedEvaluation, _ outcome: EvaluationOutcome) -> Bool {
        guard let problem = prepared.problem, problem.candidates.isEmpty, outcome.lacksNodes else { return false }
        return prepared.snapshot.schedulerConfiguration.preemptionConfig.allows(prepared.evaluation.type)
    }

    /// Builds the problem again, now with the allocations of lower priority that may be evicted; false when there are none.
    ///
    /// Candidates are only looked for when instances found no place without: that is rare, and collecting them is not.
    package func offerCandidates(_ prepared: PreparedEvaluation) -> Bool {
        guard let job = prepared.job, let problem = prepared.problem else { return false }
        let snapshot = prepared.snapshot
        let rows = snapshot.allocations(ofJob: job.id, namespace: job.namespace)
        let offered = build(
            prepared.reconciliation, job, prepared.evaluation, snapshot, rows,
            feasibility(of: job, snapshot), seed: problem.seed, options: .mayPreempt)
        prepared.problem = offered
        return !offered.candidates.isEmpty
    }

    /// Makes the plan from the scheduler's answer; `answer` is empty when ``PreparedEvaluation/problem`` is nil.
    ///
    /// `duration` is how long the scheduler took, for the allocations' metrics. Throws when the answer is malformed or
    /// infeasible; ask another scheduler then, with the same blocks.
    package func finish(
        _ prepared: PreparedEvaluation, answer: UnsafeRawBufferPointer, duration: Duration = .zero,
        generator: inout some RandomNumberGenerator
    ) throws(PlacementFault) -> EvaluationOutcome {
        guard let problem = prepared.problem else {
            var outcome = EvaluationOutcome(prepared, plan: prepared.emptyPlan)
            if prepared.quotaCut != nil { outcome.block(on: [], prepared.quotaCut, newID: ID(random: &generator)) }
            return outcome
        }
        let reader = try AnswerReader(answer, problem: problem, nodeLimit: view.nodeLimit)
        var builder = PlanBuilder(prepared, view: view)
        try builder.add(reader, duration: duration, generator: &generator)
        var outcome = EvaluationOutcome(prepared, plan: builder.plan)
        for (index, group) in problem.groups.enumerated() {
            outcome.desired[group.name]?.preemptions = reader.groups[index].victims.values.reduce(0) { $0 + $1.count }
        }
        var short: [ProblemGroup] = []
        for (index, group) in problem.groups.enumerated() {
            let missing = builder.unplaced[index].count
            guard missing > 0 || prepared.quotaCut?.shortfalls[group.name] != nil else { continue }
            outcome.failed[group.name] = builder.metrics[index]
            outcome.unplaced[group.name] = missing
            if missing > 0 { short.append(group) }
        }
        if !outcome.failed.isEmpty || prepared.quotaCut != nil {
            outcome.block(on: short, prepared.quotaCut, newID: ID(random: &generator))
        }
        for group in short {
            let contradictions = prepared.job.map { ImpossibleAsks.contradictions($0, group.definition) } ?? []
            for ask in ImpossibleAsks.oversized(group, view) + contradictions {
                outcome.noteImpossible(ask.sentence(of: group.name))
            }
        }
        return outcome
    }
}

extension EvaluationProcessor {
    /// Builds the problem of one more instance of the group at `position` of the job, by itself, with the scores of all nodes
    /// wanted.
    package func inquire(
        _ evaluation: Evaluation, _ job: Job, group position: Int, snapshot: Snapshot
    ) -> PlacementInquiry {
        view.advance(to: snapshot)
        var request = GroupRequest(group: position)
        request.instances = [InstanceRequest(nameIndex: 0)]
        var wanted = Reconciliation()
        wanted.groups = [request]
        let feasibility = feasibility(of: job, snapshot)
        let problem = build(
            wanted, job, evaluation, snapshot, snapshot.allocations(ofJob: job.id, namespace: job.namespace),
            feasibility, seed: Self.seed(job), options: .wantsEveryScore)
        return PlacementInquiry(
            evaluation: evaluation, job: job, snapshot: snapshot, group: problem.groups[0],
            neighbours: feasibility.neighbours)
    }

    /// Answers an inquiry from what the scheduler wrote about the problem of ``inquire(_:_:group:snapshot:)``.
    package func explain(
        _ inquiry: PlacementInquiry, nodes: [NodeRow], answer: UnsafeRawBufferPointer, outcome: EvaluationOutcome? = nil
    ) -> GroupExplanation {
        inquiry.explain(nodes: nodes, answer: answer, view: view, outcome: outcome)
    }
}

extension Reconciliation {
    /// Of a job's evaluations one at a time goes on with its rolling update: none is added to one that waits already.
    fileprivate mutating func leaveRollingUpdate(to snapshot: Snapshot, _ evaluation: Evaluation, now: Timestamp) {
        guard followUps.contains(where: { $0.triggeredBy == .rollingUpdate }) else { return }
        let waits = snapshot.evaluations(ofJob: evaluation.jobID, namespace: evaluation.namespace).contains {
            $0.id != evaluation.id && $0.status == .pending && $0.triggeredBy == .rollingUpdate && $0.waitUntil > now
        }
        if waits { followUps.removeAll { $0.triggeredBy == .rollingUpdate } }
    }
}

/// Feasibility of a job's groups, worked out when first asked for.
private final class FeasibilitySource {
    private let job: Job?
    private let view: ClusterView
    let neighbours: NeighbourLabels
    private let cache: FeasibilityCache
    /// Labels of other jobs' allocations that the job asks about.
    private let neighbourKeys: Set<String>
    /// By the group's position.
    private var known: [Int: GroupFeasibility] = [:]

    init(job: Job?, view: ClusterView, snapshot: Snapshot, cache: FeasibilityCache) {
        self.job = job
        self.view = view
        self.cache = cache
        neighbourKeys = job?.neighbourKeys ?? []
        neighbours = NeighbourLabels(neighbourKeys, besides: job ?? Job(), snapshot: snapshot)
    }

    /// Of the group at `position`, which must be one of the job's.
    func group(_ position: Int) -> GroupFeasibility {
        if let feasibility = known[position] { return feasibility }
        let job = job ?? Job()
        let group = job.taskGroups[position]
        // What depends on other jobs' allocations changes with them.
        let key = neighbourKeys.isEmpty ? FeasibilityKey(job: job, group: group) : nil
        let feasibility = cache.feasibility(key, view) {
            GroupFeasibility(job: job, group: group, view: view, neighbours: neighbours)
        }
        known[position] = feasibility
        return feasibility
    }

    func readyNodes(_ position: Int) -> [NodeRow] {
        let feasible = group(position).feasible
        return (0..<NodeRow(view.nodeLimit)).filter { feasible.contains($0) }
    }
}

/// Ids for evaluations, all from one seed.
private final class IDSource {
    private var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    func next() -> ID { ID(random: &generator) }
}

extension Snapshot {
    fileprivate func score(_ id: ID) -> Double { allocationRow(id).map(score(of:)) ?? 0 }

    /// When the last of the allocation's running tasks was started.
    fileprivate func runningSince(_ id: ID) -> Timestamp {
        guard let row = allocationRow(id) else { return .never }
        return taskStates(of: row).values.filter { $0.state == .running }.map(\.startedAt.time).max() ?? .never
    }
}
