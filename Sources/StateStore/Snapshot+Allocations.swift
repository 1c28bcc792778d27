package import Basics
package import Model

extension Snapshot {
    package var allocationCount: Int { state.allocations.liveCount }

    /// A job's allocations, oldest first, whichever namesake of the job they are of.
    package func allocations(ofJob id: String, namespace: String) -> [AllocationRow] {
        rows(jobRecord(namespace, id)?.body.allocations)
    }

    package func allocations(ofNode row: NodeRow) -> [AllocationRow] { rows(state.allocations(ofNode: row)) }

    package func allocations(ofEvaluation id: ID) -> [AllocationRow] { rows(state.evaluationRecord(id)?.allocations) }

    package func allocationRow(_ id: ID) -> AllocationRow? {
        state.allocations.row(id).map { state.allocationRow($0) }
    }

    /// The allocation with its job, or nil.
    package func allocation(_ id: ID) -> Allocation? {
        allocationRow(id).map { allocation($0, withJob: true) }
    }

    private func rows(_ list: RowList?) -> [AllocationRow] {
        guard let list else { return [] }
        var rows: [AllocationRow] = []
        rows.reserveCapacity(list.count)
        list.forEach { rows.append(state.allocationRow($0)) }
        return rows
    }
}

// MARK: - Parts of an allocation

extension Snapshot {
    package func jobVersion(of row: AllocationRow) -> JobVersion {
        state.jobVersion(state.allocations.hot[Int(row.row)].version)
    }

    package func evaluationID(of row: AllocationRow) -> ID { state.allocations.batch(row.row).evalID }

    /// What a client reported of the allocation's tasks.
    package func taskStates(of row: AllocationRow) -> [String: TaskState] {
        state.report(row.row).taskStates
    }

    package func rescheduleTracker(of row: AllocationRow) -> RescheduleTracker? {
        let batch = state.allocations.batch(row.row)
        return batch.rescheduleTrackers[Int(row.row - batch.start)]
    }

    package func desiredTransition(of row: AllocationRow) -> DesiredTransition {
        state.allocations.extra(row.row)?.desiredTransition ?? DesiredTransition()
    }

    package func followupEvalID(of row: AllocationRow) -> ID {
        state.allocations.extra(row.row)?.followupEvalID ?? .none
    }

    /// Since when it is or was unknown, while its return is not settled; else never.
    package func disconnectedAt(of row: AllocationRow) -> Timestamp {
        state.allocations.extra(row.row)?.disconnectedAt ?? .never
    }

    /// The score it was placed with, 0 when there is none.
    package func score(of row: AllocationRow) -> Double {
        let batch = state.allocations.batch(row.row)
        let position = Int(row.row - batch.start)
        return position < batch.scores.count ? Double(batch.scores[position]) : 0
    }

    /// Until when some allocation of the node may come back that has been out of reach since `time`; nil when there is none.
    package func reconnectDeadline(of row: NodeRow, since time: Timestamp) -> Timestamp? {
        var deadline: Timestamp?
        for allocation in allocations(ofNode: row) where !allocation.isTerminal && allocation.clientStatus != .pending {
            let group = jobVersion(of: allocation).job.taskGroups[allocation.groupIndex]
            guard let window = DisconnectRules(group).lostAfter else { continue }
            deadline = max(deadline ?? .never, time + window)
        }
        return deadline
    }

    package func deploymentStatus(of row: AllocationRow) -> AllocationDeploymentStatus? {
        state.allocations.extra(row.row)?.deploymentStatus
    }

    /// Host ports in the order of the batch's labels.
    package func ports(of row: AllocationRow) -> [UInt16] {
        Array(state.allocations.batch(row.row).ports(ofRow: row.row))
    }

    /// What the allocation counts for on its node while it is not terminal.
    package func usage(of row: AllocationRow) -> ResourceVector {
        let asked = jobVersion(of: row).groups[row.groupIndex].resources
        return asked.cores == 0 ? asked : nodeRecord(row.node)?.counted(asked) ?? asked
    }

    /// The devices and cores it was given; nil when it asked for none.
    package func hardware(of row: AllocationRow) -> AssignedHardware? { state.allocations.hardware(row.row) }
}

// MARK: - Whole allocations

extension Snapshot {
    /// The allocation as the API knows it. How it was placed is kept as text and costs to read: clients do without.
    package func allocation(_ row: AllocationRow, withJob: Bool, withMetrics: Bool = true) -> Allocation {
        let hot = state.allocations.hot[Int(row.row)]
        let version = state.jobVersion(hot.version)
        let batch = state.allocations.batch(row.row)
        var allocation = Allocation()
        allocation.id = row.id
        allocation.namespace = version.job.namespace
        allocation.evalID = batch.evalID
        allocation.name = "\(version.job.id).\(row.taskGroup)[\(row.nameIndex)]"
        allocation.nodeID = state.nodeID(row.node)
        allocation.nodeName = state.nodes[Int(row.node)]?.node.name ?? ""
        allocation.jobID = version.job.id
        if withJob {
            allocation.job = jobRecord(version.job.namespace, version.job.id)?.present(version) ?? version.job
        }
        allocation.taskGroup = row.taskGroup
        allocation.allocatedResources = allocatedResources(row)
        if withMetrics { allocation.metrics = metric(batch, row: row) }
        allocation.desiredStatus = row.desiredStatus
        allocation.desiredDescription = state.desiredDescription(row.row)
        allocation.clientStatus = row.clientStatus
        let report = state.report(row.row)
        allocation.clientDescription = report.clientDescription
        allocation.taskStates = report.taskStates
        allocation.previousAllocation = row.previousAllocation
        allocation.rescheduleTracker = rescheduleTracker(of: row)
        allocation.createIndex = row.createIndex
        allocation.modifyIndex = row.modifyIndex
        allocation.allocModifyIndex = row.allocModifyIndex
        allocation.createTime = row.createTime
        allocation.modifyTime = row.modifyTime
        if let extra = state.allocations.extra(row.row) { fill(&allocation, from: extra) }
        return allocation
    }

    private func fill(_ allocation: inout Allocation, from extra: AllocationExtra) {
        allocation.desiredTransition = extra.desiredTransition
        allocation.deploymentStatus = extra.deploymentStatus
        allocation.networkStatus = extra.networkStatus
        allocation.followupEvalID = extra.followupEvalID
        allocation.nextAllocation = extra.nextAllocation
        allocation.preemptedByAllocation = extra.preemptedByAllocation
        allocation.preemptedAllocations = extra.preemptedAllocations
    }

    private func metric(_ batch: AllocationBatch, row: AllocationRow) -> AllocationMetric? {
        guard !batch.metricJSON.isEmpty, var metric = try? AllocationMetric(json: batch.metricJSON) else { return nil }
        let position = Int(row.row - batch.start)
        if position < batch.scores.count, metric.scoreMetaData.isEmpty {
            var score = NodeScoreMeta()
            score.nodeID = state.nodeID(row.node)
            score.normScore = Double(batch.scores[position])
            score.scores = ["normalized-score": score.normScore]
            metric.scoreMetaData = [score]
        }
        return metric
    }
}
