package import Basics
package import Model

/// Evaluations that wait for capacity, and what would wake each of them.
///
/// An evaluation that could not place everything knows which computed node classes its constraints admit, and what it lacks
/// (``PlacementNeed``). When a node gains room, as many of its pool as its class may serve and its room may hold are woken, by
/// priority and age; what those may take is promised to them until they are settled, and what they leave goes to the next.
/// One that a quota kept back knows which, and is woken in its turn when that quota has room for it (``QuotaLine``); if it waits
/// for nothing else, nodes do not wake it. One whose
/// constraints name labels of other jobs' allocations is woken when such allocations come or go. At most one evaluation a job
/// waits; a newer one takes the place of the older.
package struct BlockedEvaluations: Sendable {
    package enum Outcome: Sendable, Equatable {
        /// It waits; `superseded` is the older evaluation of its job that it displaced, to be cancelled.
        case waiting(superseded: Evaluation?)
        /// Neighbours or rules changed after the snapshot it was made from: try again at once.
        case tryAgain(superseded: Evaluation?)
        /// A newer evaluation of its job waits already: this one is to be cancelled.
        case outdated
    }

    private struct Waiting: Sendable {
        let evaluation: Evaluation
        /// The pool its job's nodes are in; `all` for any.
        let nodePool: String
        /// Labels of other jobs' allocations that keep it off nodes.
        let labels: Set<String>
        /// What it lacks of nodes; nil when that is not known.
        let need: PlacementNeed?

        var job: JobName { JobName(namespace: evaluation.namespace, id: evaluation.jobID) }

        /// Nodes would not help it.
        var waitsForQuotaAlone: Bool { !evaluation.quotaLimitReached.isEmpty && evaluation.classEligibility.isEmpty }

        /// What nodes it waits for; nil when none would help.
        var spot: WaitingLines.Spot? {
            guard evaluation.escapedComputedClass || !waitsForQuotaAlone else { return nil }
            let classes = evaluation.escapedComputedClass ? [:] : evaluation.classEligibility
            return WaitingLines.Spot(nodePool: nodePool, classes: classes)
        }
    }

    /// What was promised to an evaluation that was woken.
    package enum Promise: Sendable, Equatable {
        case quota(String)
        case node(UInt32)
    }

    private var waiting: [ID: Waiting] = [:]
    private var byJob: [JobName: ID] = [:]
    private var byLabel: [String: Set<ID>] = [:]
    /// Those that may make room for themselves on a node, by its row.
    private var byOwnNode: [UInt32: Set<ID>] = [:]
    private var lines: [String: QuotaLine] = [:]
    /// Those that wait for nodes.
    private var nodeLines = WaitingLines()
    private var freed = FreedNodes()
    /// By node's row, what those woken for it may take.
    private var promised: [UInt32: [ID: RoomAmounts]] = [:]
    private var trying: [ID: Promise] = [:]
    /// When it last changed how placements are made.
    private var rulesChanged: UInt64 = 0
    private var labelLog = LabelLog()
    /// When allocations of jobs last ended whose limits kept their evaluations off nodes.
    private var thinned = JobLog()

    package init() {}

    package var count: Int { waiting.count }

    package func evaluation(ofJob id: String, namespace: String) -> Evaluation? {
        byJob[JobName(namespace: namespace, id: id)].flatMap { waiting[$0]?.evaluation }
    }

    /// Takes in an evaluation whose status is `blocked`; `nodePool` is the one its job's nodes are in, or `all`, `labels` are
    /// those of other jobs' allocations that its constraints name and that kept it off nodes, `need` is what it lacks of nodes.
    ///
    /// It may wait for what is there already: see ``unseenNodes(by:)`` and ``hasUnseenRoom(_:)``.
    package mutating func block(
        _ evaluation: Evaluation, nodePool: String, labels: Set<String> = [], need: PlacementNeed? = nil
    ) -> Outcome {
        let entry = Waiting(evaluation: evaluation, nodePool: nodePool, labels: labels, need: need)
        var superseded: Evaluation?
        if let oldID = byJob[entry.job], let old = waiting[oldID]?.evaluation {
            if oldID != evaluation.id {
                guard old.createIndex <= evaluation.createIndex else { return .outdated }
                superseded = old
            }
            remove(oldID)
        }
        guard !missedChange(entry) else { return .tryAgain(superseded: superseded) }
        waiting[evaluation.id] = entry
        byJob[entry.job] = evaluation.id
        for label in labels { byLabel[label, default: []].insert(evaluation.id) }
        if let spot = entry.spot {
            nodeLines.add(evaluation, at: spot, need)
            for row in need?.ownNodes ?? [] { byOwnNode[row, default: []].insert(evaluation.id) }
        }
        let quota = evaluation.quotaLimitReached
        if !quota.isEmpty { lines[quota, default: QuotaLine()].add(evaluation) }
        return .waiting(superseded: superseded)
    }

    /// Allocations of `jobs` that have `label` came or went at `index`; takes out the evaluations of other jobs that wait for
    /// that, oldest first.
    package mutating func unblock(label: String, of jobs: [JobName], index: UInt64) -> [Evaluation] {
        for job in jobs { labelLog.note(label, job, index: index) }
        let entries = byLabel[label, default: []].compactMap { waiting[$0] }
        return take(entries.filter { entry in jobs.contains { $0 != entry.job } })
    }

    /// Allocations of the job ended at `index`, and its limits let as many others go anywhere: takes out its evaluation if that
    /// waits for nodes. What the node gained where they were may be too little, or be promised to others.
    package mutating func unblock(job: JobName, index: UInt64) -> [Evaluation] {
        thinned.note(job, index: index)
        guard let entry = byJob[job].flatMap({ waiting[$0] }), missedChange(entry) else { return [] }
        return take([entry])
    }

    /// How placements are made changed at `index`: takes out the evaluations that wait for nodes, oldest first.
    package mutating func unblockAll(index: UInt64) -> [Evaluation] {
        rulesChanged = max(index, rulesChanged)
        return take(waiting.values.filter { !$0.waitsForQuotaAlone })
    }

    /// The job is gone or its allocations are all placed: whatever waits for it is moot. Returns what was waiting.
    package mutating func forget(job id: String, namespace: String) -> Evaluation? {
        guard let evaluation = byJob[JobName(namespace: namespace, id: id)] else { return nil }
        return remove(evaluation)?.evaluation
    }

    private func missedChange(_ entry: Waiting) -> Bool {
        let snapshotIndex = entry.evaluation.snapshotIndex
        let changed = max(rulesChanged, thinned.index(of: entry.job))
        if changed > snapshotIndex, !entry.waitsForQuotaAlone { return true }
        return entry.labels.contains { labelLog.hasChanged($0, besides: entry.job, since: snapshotIndex) }
    }

    private mutating func take(_ entries: [Waiting]) -> [Evaluation] {
        for entry in entries { remove(entry.evaluation.id) }
        return entries.map(\.evaluation).sorted { ($0.createIndex, $0.id) < ($1.createIndex, $1.id) }
    }

    @discardableResult
    private mutating func remove(_ id: ID) -> Waiting? {
        guard let entry = waiting.removeValue(forKey: id) else { return nil }
        if byJob[entry.job] == id { byJob[entry.job] = nil }
        for label in entry.labels {
            byLabel[label]?.remove(id)
            if byLabel[label]?.isEmpty == true { byLabel[label] = nil }
        }
        lines[entry.evaluation.quotaLimitReached]?.remove(entry.evaluation)
        if let spot = entry.spot {
            nodeLines.remove(entry.evaluation, at: spot, entry.need)
            for row in entry.need?.ownNodes ?? [] {
                byOwnNode[row]?.remove(id)
                if byOwnNode[row]?.isEmpty == true { byOwnNode[row] = nil }
            }
        }
        return entry
    }
}

// MARK: - Quotas

extension BlockedEvaluations {
    /// The quota has more room since `index`; ``serve(quota:room:isHeld:)`` gives it to those that wait.
    package mutating func loosen(quota: String, index: UInt64) {
        lines[quota, default: QuotaLine()].loosen(index: index)
    }

    /// Whether its quota got more room after the snapshot that the evaluation was made from.
    package func hasUnseenRoom(_ evaluation: Evaluation) -> Bool {
        lines[evaluation.quotaLimitReached].map { $0.loosenedIndex > evaluation.snapshotIndex } ?? false
    }

    /// Takes out evaluations that have not seen the quota's newest room, by priority and the oldest first, as many as may use it;
    /// the others go on waiting until one of those is settled, or there is more.
    ///
    /// `room` is what is left of the quota. `isHeld` says whether an evaluation's namespace is still under that quota: who is not
    /// is woken whatever the room. The cost is that of the evaluations that wait for this quota.
    package mutating func serve(
        quota: String, room: QuotaRoomLeft, isHeld: (Evaluation) -> Bool
    ) -> [Evaluation] {
        guard let line = lines[quota] else { return [] }
        var left = line.unreserved(room)
        var woken: [Evaluation] = []
        for place in line.places {
            guard let evaluation = waiting[place.id]?.evaluation, hasUnseenRoom(evaluation) else { continue }
            if isHeld(evaluation) {
                guard let share = Self.share(of: evaluation, left) else { continue }
                left.take(share)
                lines[quota]?.reserve(share, for: evaluation.id)
                trying[evaluation.id] = .quota(quota)
            }
            woken.append(evaluation)
        }
        for evaluation in woken { remove(evaluation.id) }
        return woken
    }

    /// What the evaluation may take of what is left; nil when there is no room for it. One that does not know what it needs gets
    /// all there is.
    private static func share(of evaluation: Evaluation, _ left: QuotaRoomLeft) -> QuotaRoomLeft? {
        guard let need = evaluation.quotaNeed else { return left.isOpen ? left : nil }
        return need.any.contains { left.holds(QuotaRoomLeft($0)) } ? QuotaRoomLeft(need.all) : nil
    }

    /// An evaluation has come to an end, or waits again: what was promised to it is free. Returns of what that was.
    package mutating func settle(_ id: ID) -> Promise? {
        guard let promise = trying.removeValue(forKey: id) else { return nil }
        switch promise {
        case .quota(let quota): lines[quota]?.release(id)
        case .node(let row):
            promised[row]?[id] = nil
            if promised[row]?.isEmpty == true { promised[row] = nil }
        }
        return promise
    }
}

// MARK: - Nodes

extension BlockedEvaluations {
    /// Whether somebody waits for nodes.
    package var waitsForNodes: Bool { !nodeLines.isEmpty }

    /// A node gained room at `index`, or came to suit more; ``serve(node:room:)`` gives it to those that wait.
    package mutating func free(node row: UInt32, index: UInt64) { freed.note(row, index: index) }

    /// Nodes that gained room after the snapshot that the evaluation was made from.
    package func unseenNodes(by evaluation: Evaluation) -> Set<UInt32> { freed.rows(since: evaluation.snapshotIndex) }

    /// Takes out evaluations that have not seen the node's newest room, by priority and the oldest first, as many as it may hold
    /// beside what is promised; the others go on waiting until one of those is settled, or there is more.
    ///
    /// One that does not know what it lacks is woken whatever the room, and so is one that may stop what it has on the node
    /// itself. The cost is that of the different things that are waited for, a few nanoseconds each.
    package mutating func serve(node row: UInt32, room: NodeRoom) -> [Evaluation] {
        let index = freed.index(of: row)
        let owners = byOwnNode[row, default: []].compactMap { waiting[$0] }.filter { entry in
            entry.evaluation.snapshotIndex < index && entry.spot?.suits(room) == true
        }
        return take(owners) + serveLines(row, room, since: index)
    }

    private mutating func serveLines(_ row: UInt32, _ room: NodeRoom, since index: UInt64) -> [Evaluation] {
        var left = room
        for amounts in promised[row, default: [:]].values { left.take(amounts) }
        let turns = nodeLines.turns(in: left, since: index) { id, left in
            waiting[id]?.need.flatMap { left.share(for: $0) }
        }
        return turns.compactMap { id, share in
            if let share {
                promised[row, default: [:]][id] = share
                trying[id] = .node(row)
            }
            return remove(id)?.evaluation
        }
    }

    /// Whether some of those that wait for nodes may evict to get there.
    package var waitsToEvict: Bool { nodeLines.evictors > 0 }
}
