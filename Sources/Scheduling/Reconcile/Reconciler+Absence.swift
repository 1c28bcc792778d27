import Basics
import Model

/// Where an allocation stands whose node may be out of reach.
///
/// ```
/// none ──(heartbeats missed)──► begins ──► lasts ──(the client reports again)──► ended ──► none
///                                 │           └──(its window passes)──► lost
///                                 └ no window: lost
/// ```
enum Absence: Equatable {
    /// Within reach.
    case none
    /// Its node has just gone away: the allocation becomes unknown, until the time if there is one.
    case begins(until: Timestamp?)
    /// It is unknown and may come back; or its client has reported, but its node is not up yet.
    case lasts
    /// Node and client are back, and nobody has decided yet whether it stays.
    case ended
    /// Given up.
    case lost

    /// An allocation whose window ends at `now` is lost.
    init(_ allocation: JobAllocation, _ rules: DisconnectRules, _ condition: NodeCondition, now: Timestamp) {
        if allocation.disconnectedAt != .never {
            let end = rules.window.map { allocation.disconnectedAt + $0 }
            if condition == .usable, allocation.client != .unknown {
                self = .ended
            } else {
                self = end.map { $0 <= now } ?? false ? .lost : .lasts
            }
        } else if condition == .usable {
            self = .none
        } else if !rules.awaitsReturn || allocation.client == .pending && rules.replacesAtOnce {
            // What had not begun to run is not worth waiting for.
            self = .lost
        } else {
            self = .begins(until: rules.window.map { now + $0 })
        }
    }
}

extension ReconcileStrategy {
    /// Whether the original stays, and its replacement goes.
    func keepsOriginal(_ original: Contender, _ replacement: Contender) -> Bool {
        guard original.isLive else { return false }
        guard replacement.isLive else { return true }
        switch self {
        case .keepOriginal: return true
        case .keepReplacement: return false
        case .bestScore, .longestRunning:
            // What does not run, or not yet, is no reason to stop what runs.
            guard original.isRunning, replacement.isRunning else { return !replacement.isRunning }
            return self == .bestScore
                ? original.score >= replacement.score : original.runningSince <= replacement.runningSince
        }
    }
}

/// One of two allocations of the same name, of which one is to stay.
struct Contender: Equatable {
    /// Its tasks run.
    var isRunning = true
    /// Its tasks run or are about to.
    var isLive = true
    var score = 0.0
    var runningSince = Timestamp.never
}

extension Reconciler {
    func absence(of allocation: JobAllocation, _ rules: DisconnectRules) -> Absence {
        Absence(allocation, rules, input.condition(allocation.node), now: input.now)
    }

    /// Marks an allocation as unknown; an evaluation follows at the end of its window.
    mutating func markUnknown(_ allocation: JobAllocation, until end: Timestamp?, _ updates: inout DesiredUpdates) {
        let evaluation = end.map { followUps.disconnectTimeout(at: $0) } ?? .none
        result.stops.append(
            PlannedStop(
                id: allocation.id, desiredStatus: .run, description: StopReason.unknown, clientStatus: .unknown,
                followupEvalID: evaluation))
        updates.disconnect += 1
    }

    /// Notes that an allocation that came back stays.
    mutating func acknowledge(_ allocation: JobAllocation, _ updates: inout DesiredUpdates) {
        result.stops.append(PlannedStop(id: allocation.id, desiredStatus: .run, description: ""))
        updates.reconnect += 1
    }

    /// Decides for each allocation that came back whether it or its replacement stays; the other is stopped.
    mutating func settleReturned(
        _ sorted: inout GroupAllocations, _ job: Job, _ group: TaskGroup, _ updates: inout DesiredUpdates
    ) {
        let strategy = DisconnectRules(group).reconcile
        for name in Set(sorted.returned.map(\.nameIndex)).sorted() {
            let returned = sorted.returned.filter { $0.nameIndex == name }
            let others =
                (sorted.keep + sorted.migrate + sorted.failed + sorted.later.map(\.allocation)
                + sorted.reschedule.map(\.allocation)).filter { $0.nameIndex == name }
            let contenders = (returned + others).sorted { ($0.createIndex, $0.id) < ($1.createIndex, $1.id) }
            let winner = contenders.dropFirst().reduce(contenders[0]) { original, replacement in
                keepsOriginal(original, replacement, strategy) ? original : replacement
            }
            for loser in contenders where loser.id != winner.id && !isDone(loser) {
                stop(loser, group.name, StopReason.reconnected, counts: false)
                updates.stop += 1
                sorted.remove(loser.id)
            }
            guard returned.contains(where: { $0.id == winner.id }) else { continue }
            settle(winner, &sorted, job, group, &updates)
        }
    }

    private func keepsOriginal(
        _ original: JobAllocation, _ replacement: JobAllocation, _ strategy: ReconcileStrategy
    ) -> Bool {
        if isDone(original) { return true }
        if isDone(replacement) { return false }
        // A replacement of a newer version is what the job wants now; who is to move away goes first.
        if replacement.jobVersion != original.jobVersion { return original.jobVersion > replacement.jobVersion }
        let leaves = (original.transition.migrate ?? false, replacement.transition.migrate ?? false)
        if leaves.0 != leaves.1 { return leaves.1 }
        return strategy.keepsOriginal(contender(original), contender(replacement))
    }

    /// Its work is done and needs no repetition.
    private func isDone(_ allocation: JobAllocation) -> Bool { allocation.client == .complete }

    private func contender(_ allocation: JobAllocation) -> Contender {
        Contender(
            isRunning: allocation.client == .running, isLive: !allocation.isTerminal, score: input.score(allocation.id),
            runningSince: input.runningSince(allocation.id))
    }

    /// Puts one that came back and stays among those of its kind.
    private mutating func settle(
        _ allocation: JobAllocation, _ sorted: inout GroupAllocations, _ job: Job, _ group: TaskGroup,
        _ updates: inout DesiredUpdates
    ) {
        switch allocation.client {
        case .complete: break
        case .failed: sortFailed(allocation, job, group, into: &sorted)
        default:
            acknowledge(allocation, &updates)
            if allocation.transition.migrate ?? false {
                sorted.migrate.append(allocation)
            } else {
                sorted.keep.append(allocation)
            }
        }
    }
}

extension GroupAllocations {
    /// Takes an allocation out of all lists.
    fileprivate mutating func remove(_ id: ID) {
        keep.removeAll { $0.id == id }
        migrate.removeAll { $0.id == id }
        failed.removeAll { $0.id == id }
        later.removeAll { $0.allocation.id == id }
        reschedule.removeAll { $0.allocation.id == id }
    }
}
