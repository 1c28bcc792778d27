package import CDroverABI
import CKernels

/// Solves a batch of problems on a view, in order, each seeing the placements of those before it.
package struct BatchPlacer {
    private let columns: ClusterColumns
    private let batch: UnsafeRawPointer
    private let workspace: Workspace
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

    private mutating func solve<Strategy: Scoring>(
        _ problem: UnsafePointer<drover_problem>, _ number: Int, _ strategy: Strategy, into answer: inout Answer
    ) throws(SchedulerFault) {
        sharedLimits.removeAll(keepingCapacity: true)
        applyDeltas(problem)
        var shortfalls: [Int] = []
        let firstPlacement = answer.placements.count
        let firstAssignment = answer.assignments.count
        for index in 0..<Int(problem.pointee.group_count) {
            let group = GroupAsk(batch: batch, problem: problem, problemIndex: number, index: index)
            shortfalls.append(try place(group, strategy, into: &answer))
        }
        let broken = undoBrokenGangs(problem, number, from: firstPlacement, &shortfalls, &answer)
        takeBack(broken, from: firstAssignment, strategy, &answer)
        for (index, shortfall) in shortfalls.enumerated() where shortfall > 0 {
            let group = GroupAsk(batch: batch, problem: problem, problemIndex: number, index: index)
            answer.failures.append(failure(of: group, count: shortfall))
        }
    }

    /// What the plan's own stops and updates change.
    private func applyDeltas(_ problem: UnsafePointer<drover_problem>) {
        guard problem.pointee.deltas != 0 else { return }
        for number in 0..<Int(problem.pointee.delta_count) {
            let delta: UnsafePointer<drover_usage_delta> = batch.element(problem.pointee.deltas, number)
            let row = Int(delta.pointee.node)
            guard row < columns.count else { continue }
            withUnsafeBytes(of: delta.pointee.delta) {
                guard let amounts = $0.baseAddress?.assumingMemoryBound(to: Int64.self) else { return }
                workspace.add(amounts, to: row, sign: 1, dimensions: columns.dimensions)
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
        for limit in placer.limits { sharedLimits[limit.id] = limit }
        return shortfall
    }

    /// Takes back the placements of gangs of which an instance found no node; the indexes of their groups.
    private func undoBrokenGangs(
        _ problem: UnsafePointer<drover_problem>, _ number: Int, from first: Int, _ shortfalls: inout [Int],
        _ answer: inout Answer
    ) -> Set<UInt32> {
        let groups = shortfalls.indices.map {
            GroupAsk(batch: batch, problem: problem, problemIndex: number, index: $0)
        }
        var broken: Set<UInt32> = []
        for (index, group) in groups.enumerated() where group.gang != 0 && shortfalls[index] > 0 {
            broken.insert(group.gang)
        }
        guard !broken.isEmpty else { return [] }
        for placement in answer.placements[first...] where broken.contains(groups[Int(placement.group)].gang) {
            workspace.add(
                groups[Int(placement.group)].amounts, to: Int(placement.node), sign: -1, dimensions: columns.dimensions)
        }
        let kept = answer.placements[first...].filter { !broken.contains(groups[Int($0.group)].gang) }
        answer.placements.replaceSubrange(first..., with: kept)
        for (index, group) in groups.enumerated() where broken.contains(group.gang) { shortfalls[index] = group.count }
        return Set(groups.indices.filter { broken.contains(groups[$0].gang) }.map(UInt32.init))
    }

    /// Takes back what instances of `groups` were assigned.
    private func takeBack<Strategy: Scoring>(
        _ groups: Set<UInt32>, from first: Int, _ strategy: Strategy, _ answer: inout Answer
    ) {
        guard !groups.isEmpty else { return }
        for assignment in answer.assignments[first...] where groups.contains(assignment.group) {
            strategy.takeBack(assignment)
        }
        let kept = answer.assignments[first...].filter { !groups.contains($0.group) }
        answer.assignments.replaceSubrange(first..., with: kept)
    }

    /// Why instances of the group found no node, as the cluster is after the batch's placements.
    private func failure(of group: GroupAsk, count: Int) -> drover_failure {
        var failure = drover_failure()
        failure.kind = UInt32(DROVER_RECORD_FAILURE)
        failure.size = UInt32(MemoryLayout<drover_failure>.size)
        failure.problem = UInt32(group.problem)
        failure.group = UInt32(group.index)
        failure.count = UInt32(count)
        for row in 0..<columns.count where columns.flags[row] & ClusterColumns.placeable == ClusterColumns.placeable {
            failure.nodes_evaluated += 1
            guard drover_bit(group.feasible, UInt32(row)) != 0 else {
                failure.nodes_filtered += 1
                continue
            }
            guard let dimension = shortDimension(of: group, row) else {
                let short = group.dynamicPortCount > workspace.freePorts[row]
                failure.exhausted_ports += short ? 1 : 0
                if short { failure.nodes_exhausted += 1 } else { failure.nodes_filtered += 1 }
                continue
            }
            failure.nodes_exhausted += 1
            withUnsafeMutableBytes(of: &failure.exhausted) {
                $0.withMemoryRebound(to: UInt32.self) { $0[dimension] += 1 }
            }
        }
        return failure
    }

    private func shortDimension(of group: GroupAsk, _ row: Int) -> Int? {
        for dimension in 0..<columns.dimensions {
            let used = workspace.usedColumn(dimension)[row]
            if drover_fit_one(columns.capacity(dimension)[row], used, group.amounts[dimension]) == 0 {
                return dimension
            }
        }
        return nil
    }
}
