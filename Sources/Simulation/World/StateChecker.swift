internal import Basics
package import Model
package import StateStore

/// What must be true of the state after every entry, whatever happens.
package enum StateChecker {
    /// All that is broken, in words; every node and job is looked at.
    package static func violations(in snapshot: Snapshot) -> [String] {
        var found = nodes(0..<snapshot.nodeRowLimit, in: snapshot)
        snapshot.forEachJob { record in
            found += job(record, in: snapshot)
            return true
        }
        return found + quotas(in: snapshot) + work(in: snapshot)
    }

    /// What is kept of the shapes of live work is a recount.
    private static func work(in snapshot: Snapshot) -> [String] {
        var counted: [UInt64: Int] = [:]
        snapshot.forEachNode { record in
            for row in snapshot.allocations(ofNode: record.row) where !row.isTerminal {
                counted[snapshot.jobVersion(of: row).work[row.groupIndex].key, default: 0] += 1
            }
            return true
        }
        let kept = Dictionary(uniqueKeysWithValues: snapshot.liveWork.map { ($0.shape.key, $0.count) })
        return kept == counted ? [] : ["live work: kept \(kept.values.sorted()), counted \(counted.values.sorted())"]
    }

    /// What namespaces and quotas are kept to hold is a recount of their jobs' allocations.
    private static func quotas(in snapshot: Snapshot) -> [String] {
        var found: [String] = []
        var byNamespace: [String: ResourceVector] = [:]
        var byQuota: [String: ResourceVector] = [:]
        snapshot.forEachNode { record in
            for row in snapshot.allocations(ofNode: record.row) where !row.isTerminal {
                let version = snapshot.jobVersion(of: row)
                let asked = version.groups[row.groupIndex].resources
                byNamespace[version.job.namespace, default: ResourceVector()] += asked
            }
            return true
        }
        for namespace in snapshot.namespaces {
            let counted = byNamespace[namespace.name] ?? ResourceVector()
            byQuota[namespace.quota, default: ResourceVector()] += counted
            let kept = snapshot.held(namespace: namespace.name)
            if kept != counted { found.append("namespace \(namespace.name): kept use \(kept), counted \(counted)") }
        }
        for quota in snapshot.quotas {
            let (kept, counted) = (snapshot.held(quota: quota.name), byQuota[quota.name] ?? ResourceVector())
            if kept != counted { found.append("quota \(quota.name): kept use \(kept), counted \(counted)") }
        }
        return found
    }

    /// No node holds more than it has, no port twice, and the kept sums are those of the allocations.
    package static func nodes(_ rows: some Sequence<NodeRow>, in snapshot: Snapshot) -> [String] {
        var found: [String] = []
        for row in rows {
            guard let record = snapshot.nodeRecord(row) else { continue }
            let live = snapshot.allocations(ofNode: row).filter { !$0.isTerminal }
            var used = ResourceVector()
            for allocation in live { used += snapshot.usage(of: allocation) }
            for dimension in ResourceDimension.allCases
            where dimension != .memoryMax && used[dimension] > record.capacity[dimension] {
                found.append(
                    "node \(record.node.name) is oversubscribed: \(used[dimension]) \(dimension.label) of "
                        + "\(record.capacity[dimension])")
            }
            if used != snapshot.nodeUsage(row) {
                found.append("node \(record.node.name): kept usage \(snapshot.nodeUsage(row)), counted \(used)")
            }
            let ports = (live.flatMap { snapshot.ports(of: $0) } + record.reservedPorts).sorted()
            for (port, next) in zip(ports, ports.dropFirst()) where port == next {
                found.append("node \(record.node.name) gives port \(port) twice")
            }
            if ports != snapshot.usedPorts(row) {
                found.append("node \(record.node.name): kept ports \(snapshot.usedPorts(row)), counted \(ports)")
            }
        }
        return found
    }

    /// No two live allocations have one name, no node two instances of a system job, and the summary is a recount.
    ///
    /// One that is unknown, or that came back and of which nobody has decided yet whether it stays, may have a replacement of its
    /// name, if its `disconnect` block says that there is one.
    package static func job(_ record: JobRecord, in snapshot: Snapshot) -> [String] {
        guard let job = record.job else { return [] }
        var found: [String] = []
        let rows = snapshot.allocations(ofJob: job.id, namespace: job.namespace)
        var places: Set<String> = []
        for row in rows where !row.isTerminal && row.jobCreateIndex == job.createIndex {
            if snapshot.disconnectedAt(of: row) != .never, mayBeReplaced(row, in: snapshot) { continue }
            let place = "\(row.taskGroup)[\(row.nameIndex)]" + (job.type.isEachNode ? " on node \(row.node)" : "")
            if !places.insert(place).inserted { found.append("job \(job.id) has two live allocations \(place)") }
        }
        guard let summary = snapshot.jobSummary(job.namespace, job.id) else { return found }
        for (name, kept) in summary.summary.sorted(by: { $0.key < $1.key }) {
            let counted = recount(rows.filter { $0.taskGroup == name })
            guard !agrees(kept, counted) else { continue }
            found.append("job \(job.id), group \(name): kept summary \(kept), counted \(counted)")
        }
        return found
    }

    private static func mayBeReplaced(_ row: AllocationRow, in snapshot: Snapshot) -> Bool {
        DisconnectRules(snapshot.jobVersion(of: row).job.taskGroups[row.groupIndex]).replacesAtOnce
    }

    private static func recount(_ rows: [AllocationRow]) -> TaskGroupSummary {
        var summary = TaskGroupSummary()
        for row in rows {
            switch row.clientStatus {
            case .pending: summary.starting += 1
            case .running: summary.running += 1
            case .complete: summary.complete += 1
            case .failed: summary.failed += 1
            case .lost: summary.lost += 1
            case .unknown: summary.unknown += 1
            }
        }
        return summary
    }

    /// What has ended stays counted after it is collected, so those counts may be higher.
    private static func agrees(_ kept: TaskGroupSummary, _ counted: TaskGroupSummary) -> Bool {
        kept.starting == counted.starting && kept.running == counted.running && kept.unknown == counted.unknown
            && kept.complete >= counted.complete && kept.failed >= counted.failed && kept.lost >= counted.lost
    }
}
