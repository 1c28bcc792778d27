import Basics
import Model

extension State {
    /// Commits a verified plan: stops, in-place updates, placements, then the end of its evaluation.
    mutating func commit(_ plan: Plan, _ outcome: inout ApplyOutcome) {
        // Its rows are those of tables that are gone.
        guard plan.snapshotIndex >= position.restoredIndex else { return }
        let key = JobKey(namespace: plan.namespace, id: plan.jobID)
        var changes = JobChanges()
        var preempted: Set<JobKey> = []
        for stop in plan.stops { commit(stop, plan: plan, &changes, &preempted, &outcome) }
        let slots = jobs[key]?.body.versions ?? []
        let version = slots.first { $0.version.job.version == plan.jobVersion }?.version
        if let version {
            for id in plan.inPlaceUpdates { updateInPlace(id, to: version, &changes, &outcome) }
            let broken = brokenGangs(plan)
            if !broken.isEmpty { addEvaluation(&outcome) { $0.fill(from: version.job, trigger: .nodeUpdate) } }
            for batch in plan.placements where !batch.ids.isEmpty && !broken.contains(batch.gang) {
                place(batch, of: version, plan: plan, &changes, &outcome)
            }
        }
        linkVictims(plan.stops)
        outcome.tables.insert(.allocations)
        applyChanges(changes, &outcome)
        for victim in preempted.sorted() { addPreemptionEvaluation(victim, &outcome) }
        update(plan.ending, &outcome)
    }

    /// Tells allocations which ones made room for them.
    private mutating func linkVictims(_ stops: [PlannedStop]) {
        for stop in stops where !stop.preemptedBy.isNone {
            guard let row = allocations.row(stop.preemptedBy) else { continue }
            var extra = allocations.extra(row) ?? AllocationExtra()
            extra.preemptedAllocations.append(stop.id)
            allocations.setExtra(row, extra)
        }
    }

    private mutating func addPreemptionEvaluation(_ key: JobKey, _ outcome: inout ApplyOutcome) {
        guard let job = jobs[key]?.current?.job, !job.stop else { return }
        addEvaluation(&outcome) { $0.fill(from: job, trigger: .preemption) }
    }

    private mutating func commit(
        _ stop: PlannedStop, plan: Plan, _ changes: inout JobChanges, _ preempted: inout Set<JobKey>,
        _ outcome: inout ApplyOutcome
    ) {
        guard let row = allocations.row(stop.id) else { return }
        setDescription(row, stop.description)
        let old = allocations.hot[Int(row)]
        var new = old
        new.desiredStatus = stop.desiredStatus
        if let status = stop.clientStatus, !old.clientStatus.isTerminal { new.clientStatus = status }
        set(row, from: old, to: new, &changes, &outcome)
        serverChanged(row, &outcome)
        let known = allocations.extra(row) ?? AllocationExtra()
        var extra = known
        if !stop.followupEvalID.isNone { extra.followupEvalID = stop.followupEvalID }
        if !stop.preemptedBy.isNone { extra.preemptedByAllocation = stop.preemptedBy }
        // Unknown from now on; or its return is settled, or it is given up.
        let isAwaited = new.desiredStatus == .run && new.clientStatus == .unknown
        if !isAwaited { extra.disconnectedAt = .never }
        if isAwaited, old.clientStatus != .unknown { extra.disconnectedAt = plan.createTime }
        if extra != known { allocations.setExtra(row, extra) }
        let key = jobVersion(old.version).key
        if stop.desiredStatus == .evict, key != JobKey(namespace: plan.namespace, id: plan.jobID) {
            preempted.insert(key)
        }
    }

    private mutating func updateInPlace(
        _ id: ID, to version: JobVersion, _ changes: inout JobChanges, _ outcome: inout ApplyOutcome
    ) {
        guard let row = allocations.row(id) else { return }
        let old = allocations.hot[Int(row)]
        let before = jobVersion(old.version)
        guard let group = version.groupIndex(before.groups[Int(old.group)].name) else { return }
        changes.removed(old, self)
        let isLive = !old.isTerminal
        allocations.hot.update(Int(row)) {
            $0.version = version.row
            $0.group = UInt16(group)
        }
        changes.inspect(version.row, self) {
            $0.allocations += 1
            $0.count(live: isLive ? 1 : 0, group: group)
            if !old.clientStatus.isTerminal { $0.counts[group][Int(old.client)] += 1 }
        }
        if isLive {
            var change = version.groups[group].resources
            change -= before.groups[Int(old.group)].resources
            let node = allocations.node(row)
            load(node: node, change, sign: 1, &outcome)
            // What a lower priority holds may be evicted by more: to those it is as good as free.
            if version.job.priority < before.job.priority, nodes[Int(node)]?.isReady == true {
                outcome.freedNodes.insert(node)
            }
        }
        serverChanged(row, &outcome)
    }

    private mutating func place(
        _ batch: PlacementBatch, of version: JobVersion, plan: Plan, _ changes: inout JobChanges,
        _ outcome: inout ApplyOutcome
    ) {
        guard let group = version.groupIndex(batch.taskGroup) else { return }
        var placements = batch
        if batch.nodes.contains(where: { !canHold($0) }) {
            // The node went down after the plan was verified: its own evaluations did not know of these placements.
            addEvaluation(&outcome) { $0.fill(from: version.job, trigger: .nodeUpdate) }
            placements = batch.without { !canHold(batch.nodes[$0]) }
        }
        guard let stored = append(&placements, of: version, group: group, plan: plan, index: outcome.index) else {
            return
        }
        let start = stored.start
        let count = placements.ids.count
        let resources = version.groups[group].resources
        for position in 0..<count {
            let node = placements.nodes[position]
            addAllocation(start + UInt32(position), toNode: node)
            load(node: node, resources, sign: 1, &outcome)
            serve(node: node, &outcome)
        }
        holdPorts(stored, placements)
        for (position, hardware) in placements.hardware { hold(hardware, on: placements.nodes[position], sign: 1) }
        linkReplaced(placements, &outcome)
        changes.inspect(version.row, self) {
            $0.allocations += count
            $0.count(live: count, group: group)
            $0.counts[group][0] += count
        }
        list(rows: start..<start + UInt32(count), of: version, evaluation: plan.evalID)
        outcome.placedCount += count
    }

    /// Adds the placements' rows; leaves out, in `placements` too, those that stand in an earlier entry. Nil when none is left.
    private mutating func append(
        _ placements: inout PlacementBatch, of version: JobVersion, group: Int, plan: Plan, index: UInt64
    ) -> AllocationBatch? {
        var hot = HotRow()
        hot.modifyIndex = index
        hot.serverIndex = index
        hot.modifyTime = plan.createTime.nanoseconds
        hot.version = version.row
        hot.group = UInt16(group)
        while !placements.ids.isEmpty {
            let batch = AllocationBatch(
                placements: placements, evalID: plan.evalID, version: version.row,
                group: UInt16(group), start: UInt32(allocations.count), createIndex: index, createTime: plan.createTime)
            if allocations.append(batch, placements: placements, hot: hot) { return batch }
            let all = placements
            var seen: Set<ID> = []
            placements = all.without { allocations.row(all.ids[$0]) != nil || !seen.insert(all.ids[$0]).inserted }
        }
        return nil
    }

    /// Gangs of which a node went down after the plan was verified.
    private func brokenGangs(_ plan: Plan) -> Set<UInt32> {
        Set(plan.placements.filter { $0.gang != 0 && $0.nodes.contains { !canHold($0) } }.map(\.gang))
    }

    private func canHold(_ row: NodeRow) -> Bool {
        guard let status = nodes[Int(row)]?.node.status else { return false }
        return status != .down && status != .disconnected
    }

    private mutating func holdPorts(_ batch: AllocationBatch, _ placements: PlacementBatch) {
        guard !batch.portLabels.isEmpty else { return }
        for position in placements.ids.indices {
            let ports = batch.ports(ofRow: batch.start + UInt32(position))
            nodePorts.update(Int(placements.nodes[position]), default: PortSet()) { set in
                for port in ports { set.insert(port) }
            }
        }
    }

    /// Tells replaced allocations which ones follow them.
    private mutating func linkReplaced(_ placements: PlacementBatch, _ outcome: inout ApplyOutcome) {
        for (position, previous) in placements.previous.enumerated() where !previous.isNone {
            guard let row = allocations.row(previous) else { continue }
            var extra = allocations.extra(row) ?? AllocationExtra()
            extra.nextAllocation = placements.ids[position]
            allocations.setExtra(row, extra)
            allocations.hot.update(Int(row)) { $0.modifyIndex = outcome.index }
        }
    }

    /// Enters new rows in their job's and evaluation's lists.
    private mutating func list(rows: Range<UInt32>, of version: JobVersion, evaluation: ID) {
        if let record = jobs[version.key] {
            var body = record.body
            for row in rows { body.allocations.append(row) }
            body.hadWork = true
            jobs[version.key] = JobRecord(key: version.key, body: body)
        }
        guard let row = evaluationRow(evaluation), let record = evaluations[Int(row)] else { return }
        var list = record.allocations
        for row in rows { list.append(row) }
        evaluations[Int(row)] = EvaluationRecord(evaluation: record.evaluation, allocations: list)
    }
}

extension PlacementBatch {
    /// The batch without some placements: those that stand already in an earlier entry, or whose node has been forgotten.
    fileprivate func without(_ isVoid: (Int) -> Bool) -> PlacementBatch {
        keeping(ids.indices.filter { !isVoid($0) })
    }
}
