import Basics
import Model
import StateStore

/// Takes out of a reconciliation what the namespace's quota has no room for, before a scheduler is asked.
///
/// Instances are counted in the order in which they are wanted; a gang is counted and cut as a whole. What was to be replaced
/// and is not keeps running, and so keeps its part of the quota.
package struct QuotaCut: Sendable {
    /// Instances of one group that were taken out.
    package struct Shortfall: Sendable, Equatable {
        package fileprivate(set) var count = 0
        /// What is lacking for the first of them, by ``QuotaRoom/label(_:asked:)``.
        package fileprivate(set) var labels: [String] = []
    }

    /// The quota's name.
    package let quota: String
    /// By group; empty when all fits.
    package private(set) var shortfalls: [String: Shortfall] = [:]
    /// What the instances that were taken out lack.
    private(set) var need = QuotaNeed()

    private let job: Job
    private let snapshot: Snapshot
    private var room: QuotaRoom
    /// Allocations stopped only for the sake of their replacement.
    private let conditional: Set<ID>
    /// Of those, what goes on running as its replacement was cut.
    private var kept: Set<ID> = []

    /// Cuts `wanted`; nil when no quota holds for the job.
    static func cut(_ wanted: inout Reconciliation, _ job: Job, _ snapshot: Snapshot) -> QuotaCut? {
        guard let room = QuotaRoom(job, snapshot: snapshot) else { return nil }
        var cut = QuotaCut(wanted, job, snapshot, room)
        cut.run(&wanted)
        return cut.shortfalls.isEmpty ? nil : cut
    }

    private init(_ wanted: Reconciliation, _ job: Job, _ snapshot: Snapshot, _ room: QuotaRoom) {
        quota = room.quota
        self.job = job
        self.snapshot = snapshot
        self.room = room
        conditional = wanted.conditionalStops
    }

    private mutating func run(_ wanted: inout Reconciliation) {
        for stop in wanted.stops where stop.desiredStatus != .run && !conditional.contains(stop.id) {
            release(stop.id)
        }
        var decided: Set<UInt32> = []
        for request in wanted.groups {
            let gang = job.gangNumber(request.group)
            guard gang != 0 else { continue }
            if decided.insert(gang).inserted { cutGang(gang, &wanted) }
        }
        for position in wanted.groups.indices where job.gangNumber(wanted.groups[position].group) == 0 {
            cutSingly(&wanted.groups[position])
        }
        wanted.groups.removeAll { $0.count == 0 }
        let kept = kept
        wanted.stops.removeAll { kept.contains($0.id) }
    }

    private mutating func release(_ id: ID) {
        var freed = ResourceVector()
        freed -= amounts(of: id)
        room.take(freed)
    }

    // MARK: - Cutting

    private mutating func cutGang(_ gang: UInt32, _ wanted: inout Reconciliation) {
        let members = wanted.groups.indices.filter { job.gangNumber(wanted.groups[$0].group) == gang }
        var change = ResourceVector()
        for member in members {
            let request = wanted.groups[member]
            for instance in 0..<request.count { change += self.change(request, instance) }
        }
        let shortages = room.shortages(change)
        guard !shortages.isEmpty else { return room.take(change) }
        let labels = shortages.map { room.label($0, asked: change) }
        addNeed(change)
        for member in members {
            for instance in 0..<wanted.groups[member].count { note(wanted.groups[member], instance, labels) }
            wanted.groups[member].keep([])
        }
    }

    private mutating func cutSingly(_ request: inout GroupRequest) {
        var fitting: [Int] = []
        for instance in 0..<request.count {
            let change = change(request, instance)
            let shortages = room.shortages(change)
            if shortages.isEmpty {
                room.take(change)
                fitting.append(instance)
            } else {
                addNeed(change)
                note(request, instance, shortages.map { room.label($0, asked: change) })
            }
        }
        if fitting.count < request.count { request.keep(fitting) }
    }

    /// Counts what was cut at once; instances of a group mostly ask for the same.
    private mutating func addNeed(_ change: ResourceVector) {
        let amounts = QuotaResources(change)
        if !need.any.contains(amounts) { need.any.append(amounts) }
        need.all += amounts
    }

    /// Notes an instance that was cut, and lets run on what it was to replace.
    private mutating func note(_ request: GroupRequest, _ instance: Int, _ labels: [String]) {
        let group = job.taskGroups[request.group].name
        if shortfalls[group] == nil { shortfalls[group] = Shortfall(labels: labels) }
        shortfalls[group]?.count += 1
        let previous = request.previous(instance)
        if conditional.contains(previous) { kept.insert(previous) }
    }

    /// What placing an instance adds to the quota's use, with what it replaces taken off.
    private func change(_ request: GroupRequest, _ instance: Int) -> ResourceVector {
        var change = GroupShape(job.taskGroups[request.group]).resources
        let previous = request.previous(instance)
        if conditional.contains(previous) { change -= amounts(of: previous) }
        return change
    }

    /// What an allocation counts for in its quota.
    private func amounts(of id: ID) -> ResourceVector {
        guard let row = snapshot.allocationRow(id), !row.isTerminal else { return ResourceVector() }
        return snapshot.jobVersion(of: row).groups[row.groupIndex].resources
    }
}

extension GroupRequest {
    /// The allocation that an instance replaces, or none.
    fileprivate func previous(_ instance: Int) -> ID {
        guard let nodes else { return instances[instance].previous }
        return previousByNode[nodes[instance]] ?? .none
    }

    /// Leaves only the instances at these positions.
    fileprivate mutating func keep(_ positions: [Int]) {
        if let nodes { self.nodes = positions.map { nodes[$0] } } else { instances = positions.map { instances[$0] } }
    }
}
