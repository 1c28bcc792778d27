import Basics
import Model

extension State {
    /// Forgets what has ended. The entry names candidates; what is needed after all stays.
    mutating func collect(_ garbage: Garbage, _ outcome: inout ApplyOutcome) {
        collectAllocations(garbage.allocations, &outcome)
        collectEvaluations(garbage.evaluations, &outcome)
        for key in garbage.jobs { collectJob(key, &outcome) }
        for id in garbage.nodes { collectNode(id, &outcome) }
    }

    private mutating func collectAllocations(_ ids: [ID], _ outcome: inout ApplyOutcome) {
        var changes = JobChanges()
        var rows: Set<UInt32> = []
        var nodesChanged: Set<UInt32> = []
        var evaluationsChanged: Set<ID> = []
        for id in ids {
            guard let row = allocations.row(id), isCollectable(row) else { continue }
            rows.insert(row)
            nodesChanged.insert(allocations.node(row))
            evaluationsChanged.insert(allocations.batch(row).evalID)
            changes.removed(allocations.hot[Int(row)], self)
        }
        guard !rows.isEmpty else { return }
        for node in nodesChanged.sorted() {
            removeAllocations(ofNode: node) { rows.contains($0) }
            serve(node: node, &outcome)
        }
        for key in Set(changes.changes.map(\.version.key)).sorted() {
            updateJob(key, &outcome) { $0.allocations.removeAll { rows.contains($0) } }
        }
        for id in evaluationsChanged.sorted() {
            guard let row = evaluationRow(id), let record = evaluations[Int(row)] else { continue }
            var list = record.allocations
            list.removeAll { rows.contains($0) }
            evaluations[Int(row)] = EvaluationRecord(evaluation: record.evaluation, allocations: list)
        }
        for row in rows.sorted() { allocations.remove(row) }
        applyChanges(changes, &outcome)
        for change in changes.changes { trimVersions(change.version.key) }
        outcome.tables.insert(.allocations)
    }

    /// Its client has ended it, or is gone and the servers have given it up.
    private func isCollectable(_ row: UInt32) -> Bool {
        let hot = allocations.hot[Int(row)]
        guard hot.isTerminal else { return false }
        if hot.clientStatus.isTerminal { return true }
        let status = nodes[Int(allocations.node(row))]?.node.status
        return status == nil || status == .down
    }

    private mutating func collectEvaluations(_ ids: [ID], _ outcome: inout ApplyOutcome) {
        for id in ids {
            guard let row = evaluationRow(id), let record = evaluations[Int(row)], record.evaluation.status.isTerminal,
                record.allocations.count == 0
            else { continue }
            let table = evaluations
            evaluationIndex.remove(id) { table[Int($0)]?.evaluation.id ?? .none }
            evaluations[Int(row)] = nil
            freeEvaluationRows.append(row)
            let key = JobKey(namespace: record.evaluation.namespace, id: record.evaluation.jobID)
            if jobs[key] != nil {
                updateJob(key, &outcome) { $0.evaluations.removeAll { $0 == row } }
                dropIfForgotten(key)
            }
            outcome.tables.insert(.evaluations)
        }
    }

    private mutating func collectJob(_ key: JobKey, _ outcome: inout ApplyOutcome) {
        guard let record = jobs[key], record.body.liveCount == 0, record.body.openEvaluationCount == 0,
            record.body.allocations.count == 0, record.body.isPurged || record.body.status == .dead
        else { return }
        updateJob(key, &outcome) { $0.isPurged = true }
        eachNodeJobs[key] = nil
        outcome.endedJobs.append(key)
        dropIfForgotten(key)
    }

    /// Removes a purged job's record once nothing refers to it.
    private mutating func dropIfForgotten(_ key: JobKey) {
        guard let record = jobs[key], record.body.isPurged, record.body.allocations.count == 0,
            record.body.evaluations.count == 0
        else { return }
        for slot in record.body.versions { jobVersions[Int(slot.version.row)] = nil }
        jobs[key] = nil
    }

    private mutating func collectNode(_ id: ID, _ outcome: inout ApplyOutcome) {
        guard let row = nodeRow(id), let node = nodes[Int(row)]?.node, node.status == .down,
            nodeLoads[Int(row)].rowCount == 0
        else { return }
        let table = nodes
        nodeIndex.remove(id) { table[Int($0)]?.node.id ?? .none }
        driverSchemas.count(from: node, to: nil)
        nodes[Int(row)] = nil
        nodeBuffers[Int(row)] = nil
        nodePorts[Int(row)] = nil
        nodeHardware[Int(row)] = nil
        nodeLoads.update(Int(row)) { $0 = NodeLoad() }
        freeNodeRows.append(row)
        touched.append(row, index: outcome.index)
        outcome.nodes.append(id)
        outcome.tables.insert(.nodes)
    }
}
