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

    /// `live` are the job's allocations that stay.
    init(job: Job, view: ClusterView, live: [AllocationRow]) {
        self.job = job
        self.view = view
        self.live = live
    }

    /// The limits of the group at `position`. Those of the job itself have one id for all its groups.
    mutating func limits(of position: Int) -> [PlacementLimit] {
        let group = job.taskGroups[position]
        var limits: [PlacementLimit] = []
        let own = group.constraints + group.tasks.flatMap(\.constraints)
        let isOfJob = job.constraints.contains(where: Self.isDistinctHosts)
        let isAlone = job.taskGroups.count == 1
        if own.contains(where: Self.isDistinctHosts) || isOfJob && isAlone {
            limits.append(hosts(id: 1 << 30 | UInt32(position), group: group.name))
        }
        if isOfJob, !isAlone { limits.append(hosts(id: 0, group: nil)) }
        var id = UInt32(1)
        for constraint in job.constraints where Self.isDistinctProperty(constraint) {
            limits.append(property(constraint, id: id, group: nil))
            id += 1
        }
        id = UInt32(position + 1) << 8
        for constraint in own where Self.isDistinctProperty(constraint) {
            limits.append(property(constraint, id: id, group: group.name))
            id += 1
        }
        return limits
    }

    private static func isDistinctHosts(_ constraint: Constraint) -> Bool {
        constraint.operand == ConstraintOperator.distinctHosts.rawValue && constraint.rTarget != "false"
    }

    private static func isDistinctProperty(_ constraint: Constraint) -> Bool {
        constraint.operand == ConstraintOperator.distinctProperty.rawValue
    }

    /// One allocation a node, of the group or of the whole job.
    private func hosts(id: UInt32, group: String?) -> PlacementLimit {
        let rows = Array(0..<UInt32(view.nodeLimit))
        return PlacementLimit(
            id: id, max: 1, label: ConstraintOperator.distinctHosts.rawValue, isPerNode: group != nil, values: rows,
            counts: counts(rows, rows.count, group))
    }

    private mutating func property(_ constraint: Constraint, id: UInt32, group: String?) -> PlacementLimit {
        let column = columns[constraint.lTarget] ?? PropertyColumn(NodeTarget(constraint.lTarget), view: view)
        columns[constraint.lTarget] = column
        return PlacementLimit(
            id: id, max: UInt32(constraint.rTarget) ?? 1, label: "\(constraint.operand) \(constraint.lTarget)",
            values: column.rows, counts: counts(column.rows, column.values.count, group))
    }

    private func counts(_ rows: [UInt32], _ valueCount: Int, _ group: String?) -> [UInt32] {
        var counts = [UInt32](repeating: 0, count: valueCount)
        for row in live where Int(row.node) < rows.count && group ?? row.taskGroup == row.taskGroup {
            let value = rows[Int(row.node)]
            if value != PropertyColumn.none { counts[Int(value)] += 1 }
        }
        return counts
    }
}

extension PlacementLimit {
    /// So many more instances a node. A limit has one bound for all nodes, so those with less room begin with some of it used.
    static func room(_ roomByNode: [UInt32], group position: Int) -> PlacementLimit {
        let most = Swift.max(1, roomByNode.max() ?? 1)
        return PlacementLimit(
            id: 1 << 31 | UInt32(position), max: most, label: HardwareShortage.coresTogetherLabel,
            values: Array(0..<UInt32(roomByNode.count)), counts: roomByNode.map { most - $0 })
    }

    /// The record of the ABI.
    func raw(in block: ProblemBlock) -> drover_limit {
        var limit = drover_limit()
        limit.size = UInt32(MemoryLayout<drover_limit>.size)
        limit.max = max
        limit.value_count = UInt32(counts.count)
        limit.id = id
        limit.node_value = block.append(values)
        limit.current = block.append(counts)
        return limit
    }
}
