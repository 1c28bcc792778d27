internal import Basics
internal import Model
internal import StateStore

/// What must be true once faults have stopped and time has passed: everybody has what they asked for, or a reason.
struct SettledChecker {
    private let snapshot: Snapshot
    private(set) var violations: [String] = []
    /// Groups that wait for room.
    private(set) var blocked = 0

    init(_ snapshot: Snapshot) {
        self.snapshot = snapshot
        snapshot.forEachEvaluation { evaluation in
            if evaluation.status == .pending {
                violations.append("evaluation \(evaluation.id) of \(evaluation.jobID) is still pending")
            }
            return true
        }
        snapshot.forEachJob { record in
            check(record)
            return true
        }
    }

    private mutating func check(_ record: JobRecord) {
        guard let job = record.job else { return }
        let rows = snapshot.allocations(ofJob: job.id, namespace: job.namespace)
        for row in rows where row.isTerminal && !row.isClientTerminal {
            violations.append("allocation \(row.id) of \(job.id) was stopped but its client still has it")
        }
        for (position, group) in job.taskGroups.enumerated() {
            let own = rows.filter { $0.taskGroup == group.name && $0.jobCreateIndex == job.createIndex }
            check(job, group, position, record, own)
        }
    }

    private mutating func check(
        _ job: Job, _ group: TaskGroup, _ position: Int, _ record: JobRecord, _ rows: [AllocationRow]
    ) {
        let live = rows.filter { !$0.isTerminal }
        let place = "\(job.id)/\(group.name)"
        guard !job.stop else {
            if !live.isEmpty { violations.append("\(place) is stopped but has \(live.count) live allocations") }
            return
        }
        for row in live where row.clientStatus == .pending {
            violations.append("allocation \(row.id) of \(place) never started")
        }
        // Every node is back.
        for row in live where snapshot.disconnectedAt(of: row) != .never {
            let what =
                row.clientStatus == .unknown ? "is still unknown" : "came back, and nobody decided whether it stays"
            violations.append("allocation \(row.id) of \(place) \(what)")
        }
        let wanted = group.count ?? 1
        if !job.type.isEachNode, live.count > wanted {
            violations.append("\(place) has \(live.count) live allocations, wants \(wanted)")
        }
        let missing = job.type.isEachNode ? nodesMissing(job, rows) : instancesMissing(job, group, rows)
        // On a node that takes nothing new, a system job's old version runs on.
        let isOld = live.contains { row in
            row.jobVersion != job.version && (!job.type.isEachNode || snapshot.node(row.node)?.isReady == true)
        }
        guard missing > 0 || isOld else { return }
        blocked += 1
        guard isBlocked(job, group) else {
            let what = missing > 0 ? "misses \(missing)" : "has live allocations of an old version"
            violations.append("\(place) \(what), and no evaluation waits for room")
            return
        }
        // What an update waits for may be the place of the version it replaces: room is looked for without one only.
        guard !isOld, let shape = record.current?.groups[position] else { return }
        if let node = nodeWithRoom(job, group, shape, rows) {
            violations.append("\(place) waits for room, but node \(node) has it")
        }
    }

    private func instancesMissing(_ job: Job, _ group: TaskGroup, _ rows: [AllocationRow]) -> Int {
        let covering = rows.filter { row in
            !row.isTerminal || (job.type == .batch && row.clientStatus == .complete)
        }
        let names = Set(covering.map(\.nameIndex))
        return max(0, (group.count ?? 1) - names.count)
    }

    private func nodesMissing(_ job: Job, _ rows: [AllocationRow]) -> Int {
        var missing = 0
        snapshot.forEachNode { record in
            if accepts(record, job), !isCovered(record, job, rows) { missing += 1 }
            return true
        }
        return missing
    }

    private func isCovered(_ record: NodeRecord, _ job: Job, _ rows: [AllocationRow]) -> Bool {
        rows.contains { row in
            row.node == record.row && (!row.isTerminal || (job.type == .sysbatch && isDone(row, job)))
        }
    }

    /// A sysbatch job does not repeat what has ended at its present version, however it ended.
    private func isDone(_ row: AllocationRow, _ job: Job) -> Bool {
        row.clientStatus == .complete || (row.clientStatus == .failed && row.jobVersion == job.version)
    }

    private func accepts(_ record: NodeRecord, _ job: Job) -> Bool {
        record.node.isReady && job.constraints.allSatisfy { $0.rTarget == record.node.nodeClass }
    }

    private func isBlocked(_ job: Job, _ group: TaskGroup) -> Bool {
        snapshot.evaluations(ofJob: job.id, namespace: job.namespace).contains { evaluation in
            evaluation.status == .blocked
                && (evaluation.failedTGAllocs[group.name] != nil || evaluation.triggeredBy == .maxPlans)
        }
    }

    /// A ready node that could hold one more instance.
    private func nodeWithRoom(_ job: Job, _ group: TaskGroup, _ shape: GroupShape, _ rows: [AllocationRow]) -> String? {
        let fixed = group.networks.flatMap(\.reservedPorts).map { UInt16($0.value) }
        var name: String?
        snapshot.forEachNode { record in
            guard accepts(record, job), !(job.type.isEachNode && isCovered(record, job, rows)) else { return true }
            var used = snapshot.nodeUsage(record.row)
            used += shape.resources
            let ports = snapshot.usedPorts(record.row)
            let fits = ResourceDimension.allCases.allSatisfy {
                $0 == .memoryMax || used[$0] <= record.capacity[$0]
            }
            if fits, fixed.allSatisfy({ !ports.contains($0) }) { name = record.node.name }
            return name == nil
        }
        return name
    }
}
