internal import Basics
internal import Model
internal import StateStore

/// Where the live allocations of jobs are: how many each group has on each node.
struct GroupPlaces {
    private struct Group: Hashable {
        let job: JobKey
        let name: String
    }

    private var counts: [Group: [ID: Int]] = [:]
    /// Live allocations in all.
    private(set) var count = 0
    /// Of every allocation's node, in order of jobs, groups and names.
    let hash: UInt64

    init(_ snapshot: Snapshot, _ jobs: [Job]) {
        var hasher = StableHasher()
        for job in jobs {
            let rows = snapshot.allocations(ofJob: job.id, namespace: job.namespace).filter { !$0.isTerminal }
            for row in rows.sorted(by: { ($0.taskGroup, $0.nameIndex) < ($1.taskGroup, $1.nameIndex) }) {
                let node = snapshot.node(row.node)?.id ?? .none
                let group = Group(job: JobKey(namespace: job.namespace, id: job.id), name: row.taskGroup)
                counts[group, default: [:]][node, default: 0] += 1
                count += 1
                hasher.combine(node.high)
                hasher.combine(node.low)
            }
        }
        hash = hasher.value
    }

    /// Allocations that are on another node in `other`: instances of a group are alike, so those count that its nodes have no
    /// place for. What has no place in `other` at all does not count.
    func moves(to other: GroupPlaces) -> Int {
        counts.reduce(0) { sum, entry in
            let (now, then) = (entry.value, other.counts[entry.key] ?? [:])
            let stayed = now.reduce(0) { $0 + min($1.value, then[$1.key] ?? 0) }
            let placed = min(now.values.reduce(0, +), then.values.reduce(0, +))
            return sum + placed - stayed
        }
    }
}
