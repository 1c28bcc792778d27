package import Basics
package import Model
package import StateStore

/// What the reconciler needs to know of an allocation.
package struct JobAllocation: Sendable {
    package var id = ID.none
    package var node: NodeRow = 0
    package var group = ""
    package var nameIndex: UInt32 = 0
    package var jobVersion: UInt64 = 0
    /// It is of an earlier job of the same name, which was purged.
    package var isOfNamesake = false
    package var desired = AllocationDesiredStatus.run
    package var client = AllocationClientStatus.pending
    package var transition = DesiredTransition()
    package var tracker: RescheduleTracker?
    package var followupEvalID = ID.none
    /// How far that evaluation is; one that is gone counts as canceled.
    package var followupStatus = EvaluationStatus.pending
    /// Since when its client was out of reach, until its return is settled; else never.
    package var disconnectedAt = Timestamp.never
    /// Of two allocations the one with the lower index was placed first.
    package var createIndex: UInt64 = 0
    /// When its last task ended, for one that failed.
    package var endedAt = Timestamp.never

    package init() {}

    /// Reads a row; its rare parts only where they can matter.
    package init(_ row: AllocationRow, job: Job?, snapshot: Snapshot) {
        id = row.id
        node = row.node
        group = row.taskGroup
        nameIndex = row.nameIndex
        jobVersion = row.jobVersion
        isOfNamesake = job.map { $0.createIndex != row.jobCreateIndex } ?? false
        desired = row.desiredStatus
        client = row.clientStatus
        createIndex = row.createIndex
        guard !isGone else { return }
        if row.hasTransition { transition = snapshot.desiredTransition(of: row) }
        tracker = snapshot.rescheduleTracker(of: row)
        disconnectedAt = snapshot.disconnectedAt(of: row)
        // Marked by a release that did not keep the time.
        if client == .unknown, disconnectedAt == .never { disconnectedAt = row.modifyTime }
        guard client == .failed else { return }
        followupEvalID = snapshot.followupEvalID(of: row)
        if !followupEvalID.isNone { followupStatus = snapshot.evaluation(followupEvalID)?.status ?? .canceled }
        let finished = snapshot.taskStates(of: row).values.map(\.finishedAt.time).max() ?? .never
        endedAt = finished == .never ? row.modifyTime : finished
    }

    /// A server has ended it: nothing is to be decided any more.
    package var isGone: Bool { desired != .run }

    package var isTerminal: Bool { desired != .run || client.isTerminal }
}

/// What a node is good for, as far as its allocations are concerned.
package enum NodeCondition: Sendable {
    /// Its allocations run on; that it is drained or ineligible only keeps new ones away.
    case usable
    /// Heartbeats are missing, but its allocations may come back.
    case disconnected
    /// It is down or no longer known; its allocations are lost.
    case lost

    package init(_ node: NodeRecord?) {
        switch node?.status {
        case .none, .down: self = .lost
        case .disconnected: self = .disconnected
        case .initializing, .ready: self = .usable
        }
    }
}
