package import Basics
package import Model

/// Compares what a job wants with what there is, and decides what to stop, update and place; chooses no nodes.
///
/// Pure: the same input gives the same decisions. Which node an instance goes to is the scheduler plug-in's choice, so
/// every strategy gets the same rolling updates, rescheduling and drains (DESIGN §2).
package struct Reconciler {
    package final class Input {
        /// The job as it is now; nil when it is purged.
        package let job: Job?
        package let evaluation: Evaluation
        package let allocations: [JobAllocation]
        package let now: Timestamp
        /// What the node of an allocation is good for.
        package let condition: (NodeRow) -> NodeCondition
        package let nodeID: (NodeRow) -> ID
        /// The job at an earlier version, nil when it is no longer kept.
        package let earlierJob: (UInt64) -> Job?
        /// Whether a running allocation of an older version of the job's group, by position, may stay on its node.
        package let maySuit: (Int, NodeRow) -> Bool
        /// The same for one of this version: neighbours that came later do not drive it away.
        package let mayLast: (Int, NodeRow) -> Bool
        /// What keeps allocations of the job's group, by position, apart; nobody is counted yet.
        package let limits: (Int) -> [PlacementLimit]
        /// For system jobs: the ready nodes that suit a group, by position.
        package let readyNodes: (Int) -> [NodeRow]
        /// The score an allocation was placed with.
        package let score: (ID) -> Double
        /// Since when the tasks of an allocation have run; never when they do not.
        package let runningSince: (ID) -> Timestamp
        /// Ids for evaluations that follow.
        package let newID: () -> ID

        package init(
            job: Job?, evaluation: Evaluation, allocations: [JobAllocation], now: Timestamp,
            condition: @escaping (NodeRow) -> NodeCondition = { _ in .usable },
            nodeID: @escaping (NodeRow) -> ID = { _ in .none }, earlierJob: @escaping (UInt64) -> Job? = { _ in nil },
            maySuit: @escaping (Int, NodeRow) -> Bool = { _, _ in true },
            mayLast: @escaping (Int, NodeRow) -> Bool = { _, _ in true },
            limits: @escaping (Int) -> [PlacementLimit] = { _ in [] },
            readyNodes: @escaping (Int) -> [NodeRow] = { _ in [] }, score: @escaping (ID) -> Double = { _ in 0 },
            runningSince: @escaping (ID) -> Timestamp = { _ in .never }, newID: @escaping () -> ID
        ) {
            self.job = job
            self.evaluation = evaluation
            self.allocations = allocations
            self.now = now
            self.condition = condition
            self.nodeID = nodeID
            self.earlierJob = earlierJob
            self.maySuit = maySuit
            self.mayLast = mayLast
            self.limits = limits
            self.readyNodes = readyNodes
            self.score = score
            self.runningSince = runningSince
            self.newID = newID
        }
    }

    let input: Input
    var result = Reconciliation()
    var followUps: FollowUps
    private var changes: [String: GroupChange] = [:]
    /// Allocations that stay, held against the job's limits; nil until one of an older version is to stay.
    private var tally: LimitTally?
    private var limits: [[PlacementLimit]] = []

    /// The decisions for one evaluation.
    package static func reconcile(_ input: Input) -> Reconciliation {
        var reconciler = Reconciler(input: input, followUps: FollowUps(input.evaluation, newID: input.newID))
        reconciler.run()
        return reconciler.result
    }

    private mutating func run() {
        giveUpStopped()
        guard let job = input.job, !job.stop else { return stopAll() }
        var byGroup = Dictionary(grouping: input.allocations, by: \.group)
        for (position, group) in job.taskGroups.enumerated() {
            let allocations = byGroup.removeValue(forKey: group.name) ?? []
            let current = stopNamesakes(allocations, group.name)
            if job.type.isEachNode {
                reconcileEachNode(job, position, current)
            } else {
                reconcileCount(job, position, current)
            }
        }
        for (name, allocations) in byGroup.sorted(by: { $0.key < $1.key }) {
            for allocation in allocations { stopUnneeded(allocation, name) }
        }
        result.followUps = followUps.evaluations
    }

    // MARK: - Stopping

    private mutating func stopAll() {
        for allocation in input.allocations { stopUnneeded(allocation, allocation.group) }
    }

    /// What was stopped while it was unknown will not be heard of any more once its node is down.
    private mutating func giveUpStopped() {
        for allocation in input.allocations
        where allocation.isGone && allocation.client == .unknown && input.condition(allocation.node) == .lost {
            result.stops.append(
                PlannedStop(
                    id: allocation.id, desiredStatus: allocation.desired, description: StopReason.lost,
                    clientStatus: .lost))
        }
    }

    private mutating func stopNamesakes(_ allocations: [JobAllocation], _ group: String) -> [JobAllocation] {
        for allocation in allocations where allocation.isOfNamesake { stopUnneeded(allocation, group) }
        return allocations.filter { !$0.isOfNamesake }
    }

    /// Stops an allocation nobody wants any more, if it has not ended.
    mutating func stopUnneeded(_ allocation: JobAllocation, _ group: String) {
        guard !allocation.isTerminal else { return }
        if input.condition(allocation.node) == .lost { return stopLost(allocation, group) }
        stop(allocation, group, StopReason.notNeeded)
    }

    mutating func stopLost(_ allocation: JobAllocation, _ group: String) {
        result.stops.append(PlannedStop(id: allocation.id, description: StopReason.lost, clientStatus: .lost))
        result.desired[group, default: DesiredUpdates()].stop += 1
    }

    mutating func stop(_ allocation: JobAllocation, _ group: String, _ reason: String, counts: Bool = true) {
        result.stops.append(PlannedStop(id: allocation.id, description: reason))
        if counts { result.desired[group, default: DesiredUpdates()].stop += 1 }
    }

    // MARK: - Updating

    /// What the job's newest version means for an allocation of an older one.
    mutating func change(for allocation: JobAllocation, _ job: Job, _ position: Int) -> GroupChange {
        let group = job.taskGroups[position]
        let key = "\(allocation.jobVersion)/\(group.name)"
        let change =
            changes[key]
            ?? {
                guard let old = input.earlierJob(allocation.jobVersion), let oldGroup = old.taskGroup(group.name) else {
                    return .destructive
                }
                return GroupChange(from: oldGroup, of: old, to: group, of: job)
            }()
        changes[key] = change
        guard case .inPlace = change, input.maySuit(position, allocation.node) else { return .destructive }
        return mayStay(allocation, job, position) ? .inPlace : .destructive
    }

    /// Whether the job's limits let an allocation of an older version stay beside those of the newest and those that were
    /// asked about before. Counts it if so.
    private mutating func mayStay(_ allocation: JobAllocation, _ job: Job, _ position: Int) -> Bool {
        var tally = self.tally ?? currentTally(job)
        let isAllowed = tally.add(to: limits[position], on: allocation.node) == nil
        self.tally = tally
        return isAllowed
    }

    private mutating func currentTally(_ job: Job) -> LimitTally {
        limits = job.taskGroups.indices.map(input.limits)
        var tally = LimitTally()
        for (position, group) in job.taskGroups.enumerated() where !limits[position].isEmpty {
            for allocation in input.allocations
            where allocation.group == group.name && allocation.jobVersion == job.version && !allocation.isTerminal {
                _ = tally.add(to: limits[position], on: allocation.node)
            }
        }
        return tally
    }

    /// How many running allocations of a group may be replaced in this step; nil: all.
    func destructiveLimit(_ job: Job, _ group: TaskGroup, inFlight: Int) -> Int? {
        guard job.type == .service || job.type == .system else { return nil }
        guard let parallel = (group.update ?? job.update)?.maxParallel, parallel > 0 else { return nil }
        return max(0, parallel - inFlight)
    }

    /// Asks for another evaluation that goes on with a rolling update.
    mutating func continueRollingUpdate(_ job: Job, _ group: TaskGroup) {
        let stagger = (group.update ?? job.update)?.stagger ?? .seconds(30)
        followUps.rollingUpdate(at: input.now + stagger)
    }
}
