import Basics
import Model

extension Reconciler {
    /// System groups: one instance on every ready node that suits.
    mutating func reconcileEachNode(_ job: Job, _ position: Int, _ allocations: [JobAllocation]) {
        let group = job.taskGroups[position]
        let ready = input.readyNodes(position)
        var state = EachNodeState()
        sortEachNode(job, position, allocations, &state)
        update(job, position, ready: Set(ready), &state)
        var nodes: [NodeRow] = state.replaced.map(\.node)
        for row in ready where !state.occupied.contains(row) {
            nodes.append(row)
            state.updates.place += 1
        }
        var merged = state.updates
        merged.stop += result.desired[group.name]?.stop ?? 0
        result.desired[group.name] = merged
        guard !nodes.isEmpty else { return }
        var request = GroupRequest(group: position)
        request.nodes = nodes.sorted()
        for allocation in state.replaced { request.previousByNode[allocation.node] = allocation.id }
        result.groups.append(request)
    }

    private mutating func sortEachNode(
        _ job: Job, _ position: Int, _ allocations: [JobAllocation], _ state: inout EachNodeState
    ) {
        let group = job.taskGroups[position].name
        let rules = DisconnectRules(job.taskGroups[position])
        let ordered = allocations.sorted { ($0.jobVersion, $1.id) > ($1.jobVersion, $0.id) }
        for allocation in ordered {
            if isDone(allocation, job) {
                state.occupied.insert(allocation.node)
                state.updates.ignore += 1
                continue
            }
            guard !allocation.isTerminal else { continue }
            switch absence(of: allocation, rules) {
            case .lost: stopLost(allocation, group)
            case .begins(let end):
                markUnknown(allocation, until: end, &state.updates)
                state.occupied.insert(allocation.node)
            case .lasts:
                state.occupied.insert(allocation.node)
                state.updates.ignore += 1
            case .ended:
                acknowledge(allocation, &state.updates)
                sortRunning(allocation, job, position, &state)
            case .none: sortRunning(allocation, job, position, &state)
            }
        }
    }

    /// Work of a sysbatch job that ran on its node at the present version is not repeated, however it ended.
    private func isDone(_ allocation: JobAllocation, _ job: Job) -> Bool {
        guard job.type.runsToCompletion, allocation.jobVersion == job.version else { return false }
        return allocation.client == .complete || allocation.client == .failed && allocation.desired == .run
    }

    private mutating func sortRunning(
        _ allocation: JobAllocation, _ job: Job, _ position: Int, _ state: inout EachNodeState
    ) {
        let group = job.taskGroups[position].name
        let isOld = allocation.jobVersion != job.version
        let suits = isOld ? input.maySuit : input.mayLast
        if allocation.transition.migrate ?? false {
            stop(allocation, group, StopReason.nodeTainted)
        } else if state.occupied.contains(allocation.node) || !suits(position, allocation.node) {
            // A second instance on one node, or a node that does not suit the job any more.
            stop(allocation, group, StopReason.notNeeded)
        } else {
            state.occupied.insert(allocation.node)
            state.running.append(allocation)
        }
    }

    private mutating func update(
        _ job: Job, _ position: Int, ready: Set<NodeRow>, _ state: inout EachNodeState
    ) {
        let group = job.taskGroups[position]
        let inFlight = state.running.count { $0.jobVersion == job.version && $0.client == .pending }
        var room = destructiveLimit(job, group, inFlight: inFlight)
        var isWaiting = false
        for allocation in state.running.sorted(by: { $0.node < $1.node }) {
            guard allocation.jobVersion != job.version else {
                state.updates.ignore += 1
                continue
            }
            if case .inPlace = change(for: allocation, job, position) {
                result.inPlaceUpdates.append(allocation.id)
                state.updates.inPlaceUpdate += 1
            } else if !ready.contains(allocation.node) {
                // Nothing new may be placed there, so the old version runs on.
                state.updates.ignore += 1
            } else if room ?? 1 > 0 {
                room = room.map { $0 - 1 }
                stop(allocation, group.name, StopReason.updating, counts: false)
                state.replaced.append(allocation)
                state.updates.destructiveUpdate += 1
            } else {
                isWaiting = true
                state.updates.ignore += 1
            }
        }
        if isWaiting { continueRollingUpdate(job, group) }
    }
}

/// What there is of a system group, while it is being reconciled.
private struct EachNodeState {
    /// Nodes that have what the job wants of them.
    var occupied: Set<NodeRow> = []
    var running: [JobAllocation] = []
    /// Stopped for an update, and to be placed on the same node.
    var replaced: [JobAllocation] = []
    var updates = DesiredUpdates()
}
