import Basics
package import Model
package import StateStore

/// Labels of other jobs' live allocations, by node: what `${alloc.meta.KEY}` in a constraint or affinity names.
///
/// An allocation's labels are the meta of its job and group. The evaluation's own job is left out: its own instances are kept
/// apart or together by `distinct_hosts`, spreads and gangs.
struct NeighbourLabels: Sendable {
    private var values: [String: [NodeRow: Set<String>]] = [:]

    /// Collects the labels named `keys`; asks every job, and looks at the allocations of those that have such a label.
    init(_ keys: Set<String>, besides job: Job, snapshot: Snapshot) {
        guard !keys.isEmpty else { return }
        snapshot.forEachJob { record in
            guard record.key != JobKey(namespace: job.namespace, id: job.id) else { return true }
            guard record.allVersions.contains(where: { $0.hasLabel(keys) }) else { return true }
            for row in snapshot.allocations(ofJob: record.key.id, namespace: record.key.namespace)
            where !row.isTerminal {
                note(row, snapshot.jobVersion(of: row), keys)
            }
            return true
        }
    }

    private mutating func note(_ row: AllocationRow, _ version: JobVersion, _ keys: Set<String>) {
        let group = version.job.taskGroups[row.groupIndex]
        for key in keys {
            guard let value = group.meta[key] ?? version.job.meta[key] else { continue }
            values[key, default: [:]][row.node, default: []].insert(value)
        }
    }

    /// The label's values on a node, in byte order.
    func values(_ key: String, on row: NodeRow) -> [String] { values[key]?[row]?.sorted() ?? [] }
}

extension JobVersion {
    fileprivate func hasLabel(_ keys: Set<String>) -> Bool {
        keys.contains { key in job.meta[key] != nil || job.taskGroups.contains { $0.meta[key] != nil } }
    }
}

extension Job {
    /// The labels of other jobs' allocations that its constraints and affinities name.
    var neighbourKeys: Set<String> {
        var keys = neighbourConstraintKeys
        let affinities = self.affinities + taskGroups.flatMap { $0.affinities + $0.tasks.flatMap(\.affinities) }
        for affinity in affinities {
            if case .neighbourMeta(let key) = NodeTarget(affinity.lTarget) { keys.insert(key) }
        }
        return keys
    }

    /// Those that its constraints name, and that may keep it off nodes.
    package var neighbourConstraintKeys: Set<String> {
        Set(
            allConstraints.compactMap { constraint in
                if case .neighbourMeta(let key) = NodeTarget(constraint.lTarget) { key } else { nil }
            })
    }

    private var allConstraints: [Constraint] {
        constraints + taskGroups.flatMap { $0.constraints + $0.tasks.flatMap(\.constraints) }
    }

    /// What its groups ask every node for, as the node's class does not tell.
    package var traitsAskedOfNodes: Set<NodeTrait> {
        var traits = Set(allConstraints.flatMap { [$0.lTarget, $0.rTarget] }.compactMap { NodeTarget($0).trait })
        let asksForMore = taskGroups.contains { group in
            let conditions = GroupConditions(job: self, group: group)
            return !conditions.devices.isEmpty || !conditions.networkModes.isEmpty
        }
        if asksForMore { traits.insert(.resources) }
        return traits
    }

    /// The labels of other jobs' allocations because of which nodes were left out for groups that a blocked evaluation could
    /// not place: when such allocations come or go, it may find a place.
    package func neighbourKeys(keepingBack evaluation: Evaluation) -> Set<String> {
        guard !neighbourKeys.isEmpty else { return [] }
        var keys: Set<String> = []
        for group in taskGroups {
            guard let filtered = evaluation.failedTGAllocs[group.name]?.constraintFiltered else { continue }
            for predicate in GroupConditions(job: self, group: group).predicates where filtered[predicate.label] != nil
            {
                if let key = predicate.neighbourKey { keys.insert(key) }
            }
        }
        return keys
    }
}
