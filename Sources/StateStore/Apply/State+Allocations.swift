import Basics
import Model

extension State {
    /// Replaces a row's changing part and keeps its node's usage and its job's counts in step.
    mutating func set(
        _ row: UInt32, from old: HotRow, to new: HotRow, _ changes: inout JobChanges, _ outcome: inout ApplyOutcome
    ) {
        allocations.hot.update(Int(row)) {
            $0 = new
            $0.modifyIndex = outcome.index
            $0.modifyTime = outcome.time.nanoseconds
        }
        changes.moved(from: old, to: new, self)
        guard old.isTerminal != new.isTerminal else { return }
        let resources = jobVersion(new.version).groups[Int(new.group)].resources
        let node = allocations.node(row)
        load(node: node, resources, sign: new.isTerminal ? -1 : 1, &outcome)
        changePorts(row, node: node, isHeld: !new.isTerminal)
        if let hardware = allocations.hardware(row) { hold(hardware, on: node, sign: new.isTerminal ? -1 : 1) }
    }

    /// Counts devices and cores as held, or as given back.
    mutating func hold(_ hardware: AssignedHardware, on node: UInt32, sign: Int) {
        nodeHardware.update(Int(node), default: HardwareLoad()) { $0.add(hardware, sign: sign) }
    }

    /// Notes that the allocation's client has something to learn.
    mutating func serverChanged(_ row: UInt32, _ outcome: inout ApplyOutcome) {
        allocations.hot.update(Int(row)) {
            $0.modifyIndex = outcome.index
            $0.serverIndex = outcome.index
        }
        serve(node: allocations.node(row), &outcome)
        outcome.tables.insert(.allocations)
    }

    mutating func serve(node: UInt32, _ outcome: inout ApplyOutcome) {
        let isFirst = nodeLoads.update(Int(node)) { load -> Bool in
            defer {
                load.serverIndex = outcome.index
                load.allocationIndex = outcome.index
            }
            return load.serverIndex != outcome.index
        }
        if isFirst { outcome.servedNodes.append(node) }
    }

    /// Adds or takes away what an allocation uses of its node. Room on a node that takes no work helps nobody who waits.
    mutating func load(node: UInt32, _ resources: ResourceVector, sign: Int, _ outcome: inout ApplyOutcome) {
        let isFirst = nodeLoads.update(Int(node)) { load -> Bool in
            if sign > 0 { load.usage += resources } else { load.usage -= resources }
            defer { load.touchedIndex = outcome.index }
            return load.touchedIndex != outcome.index
        }
        if isFirst { touched.append(node, index: outcome.index) }
        let isFreed = sign < 0 || ResourceDimension.allCases.contains { resources[$0] < 0 }
        guard isFreed, nodes[Int(node)]?.isReady == true else { return }
        outcome.freedNodes.insert(node)
    }

    private mutating func changePorts(_ row: UInt32, node: UInt32, isHeld: Bool) {
        let batch = allocations.batch(row)
        guard !batch.portLabels.isEmpty else { return }
        nodePorts.update(Int(node), default: PortSet()) { set in
            for port in batch.ports(ofRow: row) {
                if isHeld { set.insert(port) } else { set.remove(port) }
            }
        }
    }

    // MARK: - Clients' reports

    mutating func update(_ reports: AllocationReports, _ outcome: inout ApplyOutcome) {
        var changes = JobChanges()
        for report in reports.reports { update(report, &changes, &outcome) }
        applyChanges(changes, &outcome)
        outcome.tables.insert(.allocations)
        var done: Set<JobKey> = []
        for change in changes.changes where change.needsEvaluation && done.insert(change.version.key).inserted {
            guard let job = jobs[change.version.key]?.current?.job, !job.stop else { continue }
            let trigger = change.isReconnect ? EvaluationTrigger.reconnect : .retryFailedAllocation
            addEvaluation(&outcome) { $0.fill(from: job, trigger: trigger) }
        }
    }

    private mutating func update(
        _ report: PackedAllocationUpdate, _ changes: inout JobChanges, _ outcome: inout ApplyOutcome
    ) {
        guard let row = allocations.row(report.id) else { return }
        guard !isOutdated(report.clientStatus, allocations.hot[Int(row)].clientStatus) else { return }
        setReport(row, report.report)
        let node = allocations.node(row)
        nodeLoads.update(Int(node)) { $0.allocationIndex = outcome.index }
        if report.deploymentStatus != nil || report.networkStatus != nil { setRareParts(row, report) }
        let old = allocations.hot[Int(row)]
        var new = old
        new.clientStatus = report.clientStatus
        set(row, from: old, to: new, &changes, &outcome)
        guard wantsReplacement(old, new) else { return }
        let isReconnect = old.clientStatus == .unknown
        changes.inspect(new.version, self) {
            $0.needsEvaluation = true
            if isReconnect { $0.isReconnect = true }
        }
    }

    /// Whether a client said this before what is known of it: an allocation that has ended does not run again, but its report may
    /// come late, by way of another server. The servers' own `lost` is not the client's word.
    private func isOutdated(_ reported: AllocationClientStatus, _ known: AllocationClientStatus) -> Bool {
        (known == .complete || known == .failed) && !reported.isTerminal
    }

    private mutating func setRareParts(_ row: UInt32, _ report: PackedAllocationUpdate) {
        var extra = allocations.extra(row) ?? AllocationExtra()
        let old = extra
        if let status = report.deploymentStatus { extra.deploymentStatus = status }
        if let status = report.networkStatus { extra.networkStatus = status }
        if extra != old { allocations.setExtra(row, extra) }
    }

    /// Whether the job's scheduler has to look: something it wants running ended or came back.
    private func wantsReplacement(_ old: HotRow, _ new: HotRow) -> Bool {
        guard new.desiredStatus == .run else { return false }
        if old.clientStatus == .unknown, new.clientStatus != .unknown { return true }
        guard new.clientStatus.isTerminal, !old.clientStatus.isTerminal else { return false }
        return new.clientStatus != .complete || !jobVersion(new.version).job.type.runsToCompletion
    }

    // MARK: - Requests of servers

    mutating func transition(_ request: TransitionRequest, _ outcome: inout ApplyOutcome) {
        var concerned: Set<JobKey> = []
        for id in request.allocations {
            guard let row = allocations.row(id) else { continue }
            var extra = allocations.extra(row) ?? AllocationExtra()
            extra.desiredTransition.merge(request.transition)
            allocations.setExtra(row, extra)
            serverChanged(row, &outcome)
            concerned.insert(jobVersion(allocations.hot[Int(row)].version).key)
        }
        guard !concerned.isEmpty else { return outcome.refuse(.notFound, "no such allocation") }
        for key in concerned.sorted() {
            guard let job = jobs[key]?.body.versions.first?.version.job else { continue }
            addEvaluation(&outcome) { $0.fill(from: job, trigger: request.trigger) }
        }
    }
}

extension DesiredTransition {
    /// Takes over what `other` says and keeps the rest.
    fileprivate mutating func merge(_ other: DesiredTransition) {
        migrate = other.migrate ?? migrate
        reschedule = other.reschedule ?? reschedule
        forceReschedule = other.forceReschedule ?? forceReschedule
        noShutdownDelay = other.noShutdownDelay ?? noShutdownDelay
    }
}
