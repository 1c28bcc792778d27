import Model

/// Remembers which nodes meet what groups ask for, as long as no node changes: load is not part of it, and jobs ask for much the
/// same.
///
/// Lives with one ``ClusterView``.
final class FeasibilityCache {
    /// A worker meets few kinds of groups at a time; each takes two bits a node and its counts.
    private static let entriesMax = 64

    private var generation: UInt64 = 0
    private var entries: [FeasibilityKey: GroupFeasibility] = [:]

    /// What is known for `key`, or what `scan` finds. A nil key is never remembered.
    func feasibility(_ key: FeasibilityKey?, _ view: ClusterView, _ scan: () -> GroupFeasibility) -> GroupFeasibility {
        guard let key else { return scan() }
        if generation != view.nodeGeneration || entries.count >= Self.entriesMax {
            generation = view.nodeGeneration
            entries.removeAll(keepingCapacity: true)
        }
        if let known = entries[key] { return known }
        let found = scan()
        entries[key] = found
        return found
    }
}

/// All that ``GroupFeasibility`` depends on besides the nodes, for jobs that ask nothing about other jobs' allocations.
struct FeasibilityKey: Hashable {
    private let pool: String
    private let datacenters: [String]
    /// Left side, operator and right side of each constraint, one after the other.
    private let constraints: [String]
    private let drivers: [String]
    /// Sources of host volumes, those to be read only apart.
    private let readOnlyVolumes: [String]
    private let writableVolumes: [String]
    private let networkModes: [String]

    /// Nil for a group that asks for devices: that depends on more.
    init?(job: Job, group: TaskGroup) {
        guard group.tasks.allSatisfy({ $0.resources?.devices.isEmpty ?? true }) else { return nil }
        pool = job.nodePool
        datacenters = job.datacenters
        let all = job.constraints + group.constraints + group.tasks.flatMap(\.constraints)
        constraints = all.flatMap { [$0.lTarget, $0.operand, $0.rTarget] }
        drivers = group.tasks.map(\.driver)
        let volumes = group.volumes.values.filter { $0.type == "host" || $0.type.isEmpty }
        readOnlyVolumes = volumes.filter(\.readOnly).map(\.source).sorted()
        writableVolumes = volumes.filter { !$0.readOnly }.map(\.source).sorted()
        networkModes = group.networks.map(\.mode)
    }
}
