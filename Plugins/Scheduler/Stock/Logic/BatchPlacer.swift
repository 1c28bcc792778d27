package import CDroverABI
import CKernels

/// Solves a batch of problems on a view, in order, each seeing the placements of those before it.
package struct BatchPlacer {
    private let columns: ClusterColumns
    private let batch: UnsafeRawPointer
    let workspace: Workspace
    /// Limits by id, so that groups naming one id share its count.
    private var sharedLimits: [UInt32: LimitState] = [:]

    /// Problems in one batch at most, as the ABI says.
    private static let problemsMax = 1_024

    init(columns: ClusterColumns, batch: UnsafeRawPointer, workspace: Workspace) {
        self.columns = columns
        self.batch = batch
        self.workspace = workspace
        workspace.begin(columns)
    }

    /// Solves `batch` (a `drover_problem_batch`) on `view` (a `drover_cluster_view`), writing records to `sink`.
    ///
    /// `kinds` are the job types placed, by their ABI number; a problem of another is refused.
    package static func place<Strategy: Scoring>(
        view: UnsafeRawPointer, batch: UnsafeRawPointer, kinds: Set<UInt32>, strategy: Strategy, into sink: drover_sink,
        pool: WorkspacePool
    ) throws(SchedulerFault) {
        let workspace = pool.take()
        defer { pool.give(workspace) }
        var placer = BatchPlacer(columns: try ClusterColumns(view), batch: batch, workspace: workspace)
        try placer.run(kinds: kinds, strategy: strategy, sink: sink)
    }

    private mutating func run<Strategy: Scoring>(
        kinds: Set<UInt32>, strategy: Strategy, sink: drover_sink
    ) throws(SchedulerFault) {
        let head = batch.assumingMemoryBound(to: drover_problem_batch.self)
        let count = Int(head.pointee.problem_count)
        guard count <= Self.problemsMax else {
            throw .invalid("\(count) problems in one batch; at most \(Self.problemsMax)")
        }
        var answer = Answer()
        swap(&answer, &workspace.answer)
        answer.removeAll()
        defer { swap(&answer, &workspace.answer) }
        for number in 0..<count {
            let problem: UnsafePointer<drover_problem> = batch.element(head.pointee.problems, number)
            guard kinds.contains(problem.pointee.kind) else {
                throw SchedulerFault(
                    code: DROVER_E_UNSUPPORTED,
                    message: "problem \(number) is of kind \(problem.pointee.kind), which this scheduler does not place"
                )
            }
            try solve(problem, number, strategy, into: &answer)
        }
        try answer.write(to: sink)
    }

    /// Solves one problem. When a gang cannot be placed as a whole, everything is done again without it: what the
    /// others made of its room, and of the evictions for it, must not stay.
    private mutating func solve<Strategy: Scoring>(
        _ problem: UnsafePointer<drover_problem>, _ number: Int, _ strategy: Strategy, into answer: inout Answer
    ) throws(SchedulerFault) {
        applyDeltas(problem)
        let groups = (0..<Int(problem.pointee.group_count)).map {
            GroupAsk(batch: batch, problem: problem, problemIndex: number, index: $0)
        }
        let preemptions = answer.preemptions.count
        let start = groups.contains { $0.gang != 0 } ? (workspace.saved, answer.mark) : nil
        var given: Set<UInt32> = []
        var shortfalls = try place(groups, of: problem, without: given, strategy, into: &answer)
        while let (saved, mark) = start, let broken = firstBroken(groups, shortfalls, besides: given) {
            given.insert(broken)
            workspace.restore(saved)
            answer.removeAll(since: mark)
            shortfalls = try place(groups, of: problem, without: given, strategy, into: &answer)
        }
        spareSuperfluous(from: preemptions, in: &answer)
        for (group, shortfall) in zip(groups, shortfalls) where shortfall > 0 {
            answer.failures.append(failure(of: group, count: shortfall))
        }
    }

    /// Places all groups but those of the gangs given up; how many instances of each found no node.
    private mutating func place<Strategy: Scoring>(
        _ groups: [GroupAsk], of problem: UnsafePointer<drover_problem>, without given: Set<UInt32>,
        _ strategy: Strategy, into answer: inout Answer
    ) throws(SchedulerFault) -> [Int] {
        sharedLimits.removeAll(keepingCapacity: true)
        workspace.victims.begin(problem, batch: batch)
        var shortfalls: [Int] = []
        for group in groups {
            let isGivenUp = given.contains(group.gang)
            shortfalls.append(isGivenUp ? group.count : try place(group, strategy, into: &answer))
        }
        return shortfalls
    }

    /// The first gang of which an instance found no node.
    private func firstBroken(_ groups: [GroupAsk], _ shortfalls: [Int], besides given: Set<UInt32>) -> UInt32? {
        zip(groups, shortfalls).first { $0.gang != 0 && $1 > 0 && !given.contains($0.gang) }?.0.gang
    }

    /// What the plan's own stops and updates change.
    private func applyDeltas(_ problem: UnsafePointer<drover_problem>) {
        let shares: UnsafePointer<drover_device_share>? = batch.optionalArray(problem.pointee.device_deltas)
        if let shares, problem.pointee.device_delta_count > 0 {
            workspace.devices.load(columns)
            for number in 0..<Int(problem.pointee.device_delta_count) {
                workspace.devices.change(shares[number], isFreed: true)
            }
        }
        guard problem.pointee.deltas != 0 else { return }
        for number in 0..<Int(problem.pointee.delta_count) {
            let delta: UnsafePointer<drover_usage_delta> = batch.element(problem.pointee.deltas, number)
            let row = Int(delta.pointee.node)
            guard row < columns.count else { continue }
            withUnsafeBytes(of: delta.pointee.delta) {
                guard let amounts = $0.baseAddress?.assumingMemoryBound(to: Int64.self) else { return }
                workspace.add(amounts, to: row, sign: 1)
            }
        }
    }

    /// Places one group; returns how many instances found no node.
    private mutating func place<Strategy: Scoring>(
        _ group: GroupAsk, _ strategy: Strategy, into answer: inout Answer
    ) throws(SchedulerFault) -> Int {
        let limits = (0..<group.limitCount).map { number in
            let limit = group.limit(number)
            return sharedLimits[limit.id] ?? limit
        }
        var strategy = strategy
        try strategy.begin(group)
        var placer = GroupPlacer(
            group: group, columns: columns, workspace: workspace, strategy: strategy, limits: limits)
        defer { placer.release() }
        let shortfall = try placer.place(into: &answer)
        for limit in placer.admission.limits { sharedLimits[limit.id] = limit }
        return shortfall
    }

    /// Why instances of the group found no node, as the cluster is after the batch's placements.
    private func failure(of group: GroupAsk, count: Int) -> drover_failure {
        var failure = drover_failure()
        failure.kind = UInt32(DROVER_RECORD_FAILURE)
        failure.size = UInt32(MemoryLayout<drover_failure>.size)
        failure.problem = UInt32(group.problem)
        failure.group = UInt32(group.index)
        failure.count = UInt32(count)
        let deviceAsks = group.deviceAsks(groupCount: columns.view.pointee.device_group_count)
        if !deviceAsks.isEmpty { workspace.devices.load(columns) }
        for row in 0..<columns.count where columns.flags[row] & ClusterColumns.placeable == ClusterColumns.placeable {
            failure.nodes_evaluated += 1
            guard drover_bit(group.feasible, UInt32(row)) != 0 else {
                failure.nodes_filtered += 1
                continue
            }
            if let dimension = workspace.shortDimension(for: group.amounts, on: row) {
                withUnsafeMutableBytes(of: &failure.exhausted) {
                    $0.withMemoryRebound(to: UInt32.self) { $0[dimension] += 1 }
                }
            } else if group.dynamicPortCount > workspace.freePorts[row] {
                failure.exhausted_ports += 1
            } else if !workspace.hasDevices(deviceAsks, on: row) {
                failure.exhausted_devices += 1
            } else {
                failure.nodes_filtered += 1
                continue
            }
            failure.nodes_exhausted += 1
        }
        return failure
    }
}
