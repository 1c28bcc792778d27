import Basics
import Model

/// The allocations of a counted group by what is to become of them.
struct GroupAllocations {
    /// Ended well and not to be run again; they keep their names.
    var done: [JobAllocation] = []
    /// Running or about to.
    var keep: [JobAllocation] = []
    /// Failed, and for now or for ever not replaced; they keep their names.
    var failed: [JobAllocation] = []
    var migrate: [JobAllocation] = []
    var lost: [JobAllocation] = []
    /// Out of reach, and others run in their place.
    var away: [JobAllocation] = []
    /// Heard of again, and not settled yet: running, failed or done.
    var returned: [JobAllocation] = []
    var reschedule: [(allocation: JobAllocation, delay: Duration)] = []
    /// Failed ones to be replaced later, with the time.
    var later: [(allocation: JobAllocation, at: Timestamp)] = []

    /// Failed ones of older versions that an update replaces.
    var replaced = 0

    /// How many of the count are taken, by an allocation or by the one that replaces it.
    var holding: Int { done.count + keep.count + failed.count + migrate.count + later.count + replaced }

    /// Leaves one of each name that is done: what was lost may have ended well after all, and so may its replacement.
    ///
    /// - Returns: How many it leaves out.
    mutating func countDoneOnce() -> Int {
        let count = done.count
        var names: Set<UInt32> = []
        done.removeAll { !names.insert($0.nameIndex).inserted }
        return count - done.count
    }
}

extension Reconciler {
    /// Service and batch groups: as many instances as the count says.
    mutating func reconcileCount(_ job: Job, _ position: Int, _ allocations: [JobAllocation]) {
        let group = job.taskGroups[position]
        var sorted = GroupAllocations()
        var updates = DesiredUpdates()
        for allocation in allocations { sort(allocation, job, group, into: &sorted, &updates) }
        settleReturned(&sorted, job, group, &updates)
        updates.ignore += sorted.countDoneOnce()
        var request = GroupRequest(group: position)
        let wanted = max(0, group.count ?? 1)
        scaleDown(&sorted, wanted, group.name, &updates)
        postpone(sorted.later, &updates)
        update(job, position, &sorted, &request, &updates)
        for allocation in sorted.migrate {
            stop(allocation, group.name, StopReason.migrating, counts: false)
            request.instances.append(replacement(of: allocation))
            updates.migrate += 1
        }
        replace(&sorted, wanted, group, &request, &updates)
        updates.ignore += sorted.done.count + sorted.failed.count
        merge(updates, group.name)
        if !request.instances.isEmpty { result.groups.append(request) }
    }

    private mutating func merge(_ updates: DesiredUpdates, _ group: String) {
        var merged = updates
        merged.stop += result.desired[group]?.stop ?? 0
        result.desired[group] = merged
    }

    // MARK: - Sorting

    private mutating func sort(
        _ allocation: JobAllocation, _ job: Job, _ group: TaskGroup, into sorted: inout GroupAllocations,
        _ updates: inout DesiredUpdates
    ) {
        let isBatch = job.type.runsToCompletion
        // A new version of a batch job runs all of it again; work of the present version that ended well stays done.
        let isCurrent = allocation.jobVersion == job.version
        if isBatch, allocation.client == .complete, isCurrent {
            if allocation.disconnectedAt != .never { sorted.returned.append(allocation) }
            return sorted.done.append(allocation)
        }
        guard !allocation.isGone else { return }
        switch allocation.client {
        case .complete, .lost: return
        case .failed:
            if isBatch && !isCurrent { return }
            if allocation.disconnectedAt != .never { return sorted.returned.append(allocation) }
            sortFailed(allocation, job, group, into: &sorted)
        case .pending, .running, .unknown: sortLive(allocation, group, into: &sorted, &updates)
        }
    }

    func sortFailed(
        _ allocation: JobAllocation, _ job: Job, _ group: TaskGroup, into sorted: inout GroupAllocations
    ) {
        // Whoever decides now may have a slower clock than the leader that let the wait end: what counts is that its evaluation
        // has had its turn. There was no room then.
        let hasRun = allocation.followupEvalID == input.evaluation.id || allocation.followupStatus == .complete
        let isDue = hasRun && !allocation.followupEvalID.isNone
        let isForced = allocation.transition.forceReschedule ?? false
        let decision = RescheduleDecision(
            policy: RescheduleDecision.policy(of: group, in: job), tracker: allocation.tracker,
            failedAt: allocation.endedAt, now: input.now, isForced: isForced)
        switch decision {
        case .never: sorted.failed.append(allocation)
        case .now(let delay): sorted.reschedule.append((allocation, delay))
        case .later(_, let delay) where isDue: sorted.reschedule.append((allocation, delay))
        case .later(let time, _): sorted.later.append((allocation, time))
        }
    }

    private mutating func sortLive(
        _ allocation: JobAllocation, _ group: TaskGroup, into sorted: inout GroupAllocations,
        _ updates: inout DesiredUpdates
    ) {
        let rules = DisconnectRules(group)
        let absence = absence(of: allocation, rules)
        switch absence {
        case .lost: return sorted.lost.append(allocation)
        case .ended: return sorted.returned.append(allocation)
        case .begins(let end): markUnknown(allocation, until: end, &updates)
        case .lasts, .none: break
        }
        if allocation.transition.migrate ?? false {
            sorted.migrate.append(allocation)
        } else if absence != .none, rules.replacesAtOnce {
            sorted.away.append(allocation)
        } else {
            sorted.keep.append(allocation)
        }
    }

    // MARK: - Fewer

    /// Stops what is beyond the count: first what another of its name does or has done, then the highest names.
    private mutating func scaleDown(
        _ sorted: inout GroupAllocations, _ wanted: Int, _ group: String, _ updates: inout DesiredUpdates
    ) {
        var surplus = sorted.holding - wanted
        guard surplus > 0 else { return }
        let candidates = sorted.keep + sorted.migrate + sorted.failed + sorted.later.map(\.allocation)
        var named = Set(sorted.done.map(\.nameIndex))
        var duplicates: Set<ID> = []
        for allocation in candidates.sorted(by: { ($0.nameIndex, $0.id) < ($1.nameIndex, $1.id) })
        where !named.insert(allocation.nameIndex).inserted {
            duplicates.insert(allocation.id)
        }
        let order = candidates.sorted { a, b in
            let (first, second) = (duplicates.contains(a.id), duplicates.contains(b.id))
            if first != second { return first }
            return a.nameIndex != b.nameIndex ? a.nameIndex > b.nameIndex : a.id < b.id
        }
        var stopped: Set<ID> = []
        for allocation in order where surplus > 0 {
            surplus -= 1
            stopped.insert(allocation.id)
            stop(allocation, group, StopReason.notNeeded, counts: false)
            updates.stop += 1
        }
        sorted.keep.removeAll { stopped.contains($0.id) }
        sorted.migrate.removeAll { stopped.contains($0.id) }
        sorted.failed.removeAll { stopped.contains($0.id) }
        sorted.later.removeAll { stopped.contains($0.allocation.id) }
    }

    /// Ties failed allocations whose wait is not over to an evaluation at its end.
    private mutating func postpone(
        _ later: [(allocation: JobAllocation, at: Timestamp)], _ updates: inout DesiredUpdates
    ) {
        for entry in later.sorted(by: { ($0.at, $0.allocation.id) < ($1.at, $1.allocation.id) }) {
            updates.rescheduleLater += 1
            let isTied = !entry.allocation.followupEvalID.isNone && !entry.allocation.followupStatus.isTerminal
            guard !isTied else { continue }
            let evaluation = followUps.reschedule(at: entry.at)
            result.stops.append(
                PlannedStop(id: entry.allocation.id, desiredStatus: .run, description: "", followupEvalID: evaluation))
        }
    }

    // MARK: - Updates

    /// Brings allocations of older versions to the newest: in place, or by replacement within the update limit.
    private mutating func update(
        _ job: Job, _ position: Int, _ sorted: inout GroupAllocations, _ request: inout GroupRequest,
        _ updates: inout DesiredUpdates
    ) {
        let group = job.taskGroups[position]
        let inFlight = sorted.keep.count { $0.jobVersion == job.version && $0.client == .pending }
        var room = destructiveLimit(job, group, inFlight: inFlight)
        var isWaiting = false
        for allocation in sorted.keep.sorted(by: { $0.nameIndex < $1.nameIndex }) {
            guard allocation.jobVersion != job.version else {
                updates.ignore += 1
                continue
            }
            if case .inPlace = change(for: allocation, job, position) {
                result.inPlaceUpdates.append(allocation.id)
                updates.inPlaceUpdate += 1
            } else if room ?? 1 > 0 {
                room = room.map { $0 - 1 }
                stop(allocation, group.name, StopReason.updating, counts: false)
                request.instances.append(replacement(of: allocation))
                updates.destructiveUpdate += 1
            } else {
                isWaiting = true
                updates.ignore += 1
            }
        }
        replaceFailedOfOlderVersions(job, &sorted, &request, &updates)
        if isWaiting { continueRollingUpdate(job, group) }
    }

    /// A failed allocation that would not be replaced gets another chance with a new version of the job.
    private mutating func replaceFailedOfOlderVersions(
        _ job: Job, _ sorted: inout GroupAllocations, _ request: inout GroupRequest, _ updates: inout DesiredUpdates
    ) {
        let group = job.taskGroups[request.group].name
        for allocation in sorted.failed.sorted(by: { $0.nameIndex < $1.nameIndex })
        where allocation.jobVersion != job.version {
            stop(allocation, group, StopReason.updating, counts: false)
            request.instances.append(replacement(of: allocation))
            updates.destructiveUpdate += 1
            sorted.replaced += 1
        }
        sorted.failed.removeAll { $0.jobVersion != job.version }
    }

    // MARK: - Replacements and new instances

    /// Replaces what failed and what was lost, then fills up to the count with new names.
    private mutating func replace(
        _ sorted: inout GroupAllocations, _ wanted: Int, _ group: TaskGroup, _ request: inout GroupRequest,
        _ updates: inout DesiredUpdates
    ) {
        let held = sorted.done + sorted.keep + sorted.failed + sorted.migrate + sorted.later.map(\.allocation)
        var names = Set(held.map(\.nameIndex)).union(request.instances.map(\.nameIndex))
        var room = wanted - sorted.holding
        for entry in sorted.reschedule.sorted(by: { $0.allocation.nameIndex < $1.allocation.nameIndex }) {
            stop(entry.allocation, group.name, StopReason.rescheduled, counts: false)
            guard room > 0, names.insert(entry.allocation.nameIndex).inserted else {
                updates.stop += 1
                continue
            }
            room -= 1
            request.instances.append(rescheduled(entry.allocation, delay: entry.delay))
            updates.place += 1
            updates.rescheduleNow += 1
        }
        for allocation in sorted.lost.sorted(by: { $0.nameIndex < $1.nameIndex }) {
            result.stops.append(PlannedStop(id: allocation.id, description: StopReason.lost, clientStatus: .lost))
            updates.stop += 1
            guard room > 0, names.insert(allocation.nameIndex).inserted else { continue }
            room -= 1
            request.instances.append(replacement(of: allocation))
            updates.place += 1
        }
        replaceAway(sorted.away, group, &room, &names, &request, &updates)
        fill(room, &names, &request, &updates)
    }

    /// Gives those that are out of reach somebody in their place, unless they have it; stops those nobody wants back.
    private mutating func replaceAway(
        _ away: [JobAllocation], _ group: TaskGroup, _ room: inout Int, _ names: inout Set<UInt32>,
        _ request: inout GroupRequest, _ updates: inout DesiredUpdates
    ) {
        // The newest of a name is the one that is replaced.
        for allocation in away.sorted(by: {
            ($0.nameIndex, $1.createIndex, $1.id) < ($1.nameIndex, $0.createIndex, $0.id)
        }) {
            guard !names.contains(allocation.nameIndex) else {
                updates.ignore += 1
                continue
            }
            guard room > 0 else {
                stop(allocation, group.name, StopReason.notNeeded, counts: false)
                updates.stop += 1
                continue
            }
            names.insert(allocation.nameIndex)
            room -= 1
            request.instances.append(replacement(of: allocation))
            updates.place += 1
        }
    }

    private func fill(
        _ room: Int, _ names: inout Set<UInt32>, _ request: inout GroupRequest, _ updates: inout DesiredUpdates
    ) {
        var next: UInt32 = 0
        for _ in 0..<max(0, room) {
            while names.contains(next) { next += 1 }
            request.instances.append(InstanceRequest(nameIndex: next))
            next += 1
            updates.place += 1
        }
    }

    private func replacement(of allocation: JobAllocation) -> InstanceRequest {
        var instance = InstanceRequest(nameIndex: allocation.nameIndex)
        instance.previous = allocation.id
        instance.previousNode = allocation.node
        instance.tracker = allocation.tracker
        return instance
    }

    private func rescheduled(_ allocation: JobAllocation, delay: Duration) -> InstanceRequest {
        var instance = replacement(of: allocation)
        instance.avoidsPreviousNode = true
        instance.tracker = RescheduleTracker.next(
            after: allocation, nodeID: input.nodeID(allocation.node), now: input.now, delay: delay)
        return instance
    }
}
