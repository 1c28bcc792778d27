import CDroverABI
import Model
import StateStore

/// The limits `distinct_hosts` and `distinct_property` set on a job's own allocations.
struct LimitColumns {
    private let job: Job
    private let view: ClusterView
    private let live: [AllocationRow]
    /// Columns by attribute, so that groups share them.
    private var columns: [String: PropertyColumn] = [:]

    init(job: Job, view: ClusterView, live: [AllocationRow]) {
        self.job = job
        self.view = view
        self.live = live
    }

    /// Adds the limits of the group at `position` to its ask. Limits of the job itself have one id for all its groups.
    /// `roomByNode` is how many instances each node has room for, where that is not told by resources alone.
    mutating func add(
        _ group: TaskGroup, at position: Int, roomByNode: [UInt32]?, to ask: inout drover_group_ask, block: ProblemBlock
    ) {
        var limits: [drover_limit] = []
        let own = group.constraints + group.tasks.flatMap(\.constraints)
        if own.contains(where: Self.isDistinctHosts) { ask.max_per_node = 1 }
        if job.constraints.contains(where: Self.isDistinctHosts) {
            if job.taskGroups.count == 1 { ask.max_per_node = 1 } else { limits.append(hosts(block)) }
        }
        var id = UInt32(1)
        for constraint in job.constraints where Self.isDistinctProperty(constraint) {
            limits.append(property(constraint, id: id, group: nil, block))
            id += 1
        }
        id = UInt32(position + 1) << 8
        for constraint in own where Self.isDistinctProperty(constraint) {
            limits.append(property(constraint, id: id, group: group.name, block))
            id += 1
        }
        if let roomByNode { limits.append(room(roomByNode, id: 1 << 31 | UInt32(position), block)) }
        guard !limits.isEmpty else { return }
        ask.limits = block.append(limits)
        ask.limit_count = UInt32(limits.count)
    }

    private static func isDistinctHosts(_ constraint: Constraint) -> Bool {
        constraint.operand == ConstraintOperator.distinctHosts.rawValue && constraint.rTarget != "false"
    }

    private static func isDistinctProperty(_ constraint: Constraint) -> Bool {
        constraint.operand == ConstraintOperator.distinctProperty.rawValue
    }

    /// One allocation of the whole job a node.
    private func hosts(_ block: ProblemBlock) -> drover_limit {
        let rows = (0..<UInt32(view.nodeLimit)).map { $0 }
        return limit(rows, valueCount: rows.count, max: 1, id: 0, siblings: live, block)
    }

    /// So many more instances a node. A limit has one bound for all nodes, so those with less room begin with some of it used.
    private func room(_ roomByNode: [UInt32], id: UInt32, _ block: ProblemBlock) -> drover_limit {
        let most = max(1, roomByNode.max() ?? 1)
        let rows = (0..<UInt32(roomByNode.count)).map { $0 }
        return limit(rows, counts: roomByNode.map { most - $0 }, max: most, id: id, block)
    }

    private mutating func property(
        _ constraint: Constraint, id: UInt32, group: String?, _ block: ProblemBlock
    ) -> drover_limit {
        let column = columns[constraint.lTarget] ?? PropertyColumn(NodeTarget(constraint.lTarget), view: view)
        columns[constraint.lTarget] = column
        let siblings = group.map { name in live.filter { $0.taskGroup == name } } ?? live
        let most = UInt32(constraint.rTarget) ?? 1
        return limit(column.rows, valueCount: column.values.count, max: most, id: id, siblings: siblings, block)
    }

    private func limit(
        _ rows: [UInt32], valueCount: Int, max: UInt32, id: UInt32, siblings: [AllocationRow], _ block: ProblemBlock
    ) -> drover_limit {
        var counts = [UInt32](repeating: 0, count: valueCount)
        for row in siblings where Int(row.node) < rows.count {
            let value = rows[Int(row.node)]
            if value != PropertyColumn.none { counts[Int(value)] += 1 }
        }
        return limit(rows, counts: counts, max: max, id: id, block)
    }

    private func limit(
        _ rows: [UInt32], counts: [UInt32], max: UInt32, id: UInt32, _ block: ProblemBlock
    ) -> drover_limit {
        var limit = drover_limit()
        limit.size = UInt32(MemoryLayout<drover_limit>.size)
        limit.max = max
        limit.value_count = UInt32(counts.count)
        limit.id = id
        limit.node_value = block.append(rows)
        limit.current = block.append(counts)
        return limit
    }
}
