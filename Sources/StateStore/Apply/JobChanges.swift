import Basics
import Model

/// What an entry does to the counts of jobs, gathered over its allocations so that each record is replaced once.
struct JobChanges {
    private var positions: [UInt32: Int] = [:]
    private var last = (version: UInt32.max, position: 0)
    private(set) var changes: [JobChange] = []

    /// The position in ``changes`` of the job version in `row`.
    private mutating func position(_ row: UInt32, _ state: borrowing State) -> Int {
        if last.version == row { return last.position }
        let position: Int
        if let known = positions[row] {
            position = known
        } else {
            position = changes.count
            positions[row] = position
            changes.append(JobChange(version: state.jobVersion(row)))
        }
        last = (row, position)
        return position
    }

    /// Notes that an allocation went from `old` to `new`.
    mutating func moved(from old: HotRow, to new: HotRow, _ state: borrowing State) {
        let position = position(new.version, state)
        let group = Int(new.group)
        changes[position].count(live: (new.isTerminal ? 0 : 1) - (old.isTerminal ? 0 : 1), group: group)
        guard old.client != new.client else { return }
        changes[position].counts[group][Int(old.client)] -= 1
        changes[position].counts[group][Int(new.client)] += 1
    }

    /// Notes that an allocation was collected; what has ended stays counted.
    mutating func removed(_ row: HotRow, _ state: borrowing State) {
        let position = position(row.version, state)
        changes[position].allocations -= 1
        changes[position].count(live: row.isTerminal ? 0 : -1, group: Int(row.group))
        if !row.clientStatus.isTerminal { changes[position].counts[Int(row.group)][Int(row.client)] -= 1 }
    }

    mutating func inspect(_ row: UInt32, _ state: borrowing State, _ change: (inout JobChange) -> Void) {
        let position = position(row, state)
        change(&changes[position])
    }
}

/// Differences of one job version's counts.
struct JobChange {
    let version: JobVersion
    /// Live instances by group.
    private(set) var live: [Int]
    var allocations = 0
    /// Groups of which allocations began or ceased to live.
    private(set) var moved: Set<Int> = []
    /// By group and client status.
    var counts: [[6 of Int]]
    /// An allocation ended whose job wants another in its place.
    var needsEvaluation = false
    /// An allocation that was unknown is heard of again.
    var isReconnect = false

    init(version: JobVersion) {
        self.version = version
        counts = Array(repeating: [0, 0, 0, 0, 0, 0], count: version.groups.count)
        live = Array(repeating: 0, count: version.groups.count)
    }

    /// Counts instances of a group that live; negative, that live no longer.
    mutating func count(live instances: Int, group: Int) {
        guard instances != 0 else { return }
        live[group] += instances
        if !version.labels[group].isEmpty { moved.insert(group) }
    }

    /// What the live ones hold.
    var held: ResourceVector {
        zip(version.groups, live).reduce(into: ResourceVector()) { $0.add($1.0.resources, times: $1.1) }
    }
}

extension State {
    /// Adds gathered differences to the jobs' records.
    mutating func applyChanges(_ changes: JobChanges, _ outcome: inout ApplyOutcome) {
        let index = outcome.index
        for change in changes.changes {
            take(change.held, namespace: change.version.job.namespace, &outcome)
            for (shape, count) in zip(change.version.work, change.live) { work.add(shape, count) }
            let live = change.live.reduce(0, +)
            for label in change.moved.flatMap({ change.version.labels[$0] }) {
                outcome.movedLabels[label, default: []].insert(change.version.key)
            }
            if change.live.contains(where: { $0 < 0 }), change.version.job.limitsOwnPlaces {
                outcome.thinnedJobs.insert(change.version.key)
            }
            updateJob(change.version.key, &outcome) { body in
                body.liveCount += live
                body.allocationIndex = index
                if change.allocations != 0,
                    let slot = body.versions.firstIndex(where: { $0.version.row == change.version.row })
                {
                    body.versions[slot].allocationCount += change.allocations
                }
                for (position, group) in change.version.groups.enumerated() {
                    let counts = change.counts[position]
                    guard (0..<6).contains(where: { counts[$0] != 0 }) else { continue }
                    body.groups[group.name, default: TaskGroupSummary()].add(counts)
                    body.summaryIndex = index
                }
            }
        }
    }
}

extension Job {
    /// Where one of its allocations ends, another may come to a node that has the same value (`distinct_property`).
    fileprivate var limitsOwnPlaces: Bool {
        let own = constraints + taskGroups.flatMap { $0.constraints + $0.tasks.flatMap(\.constraints) }
        return own.contains { $0.operand == "distinct_property" }
    }
}

extension TaskGroupSummary {
    /// Adds differences by client status, in the order of its codes.
    mutating func add(_ counts: [6 of Int]) {
        starting += counts[0]
        running += counts[1]
        complete += counts[2]
        failed += counts[3]
        lost += counts[4]
        unknown += counts[5]
    }
}
