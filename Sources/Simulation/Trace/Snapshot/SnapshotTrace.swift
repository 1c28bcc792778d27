internal import Basics
internal import Model
package import StateStore

/// A live cluster's state, to be played anew: its nodes, empty, and its jobs in the order in which they were created.
package struct SnapshotTrace {
    /// The state as it was read.
    package let origin: Snapshot
    /// Jobs that want instances: not those that are over, nor those that only make other jobs.
    let jobs: [Job]

    /// - Throws: ``TraceError`` when there is nothing to play.
    package init(_ origin: Snapshot, file: String) throws(TraceError) {
        var jobs: [Job] = []
        origin.forEachJob { record in
            if let job = record.job, job.wantsInstances { jobs.append(job) }
            return true
        }
        self.origin = origin
        self.jobs = jobs.sorted { ($0.createIndex, $0.namespace, $0.id) < ($1.createIndex, $1.namespace, $1.id) }
        guard origin.nodeCount > 0, !jobs.isEmpty else {
            throw TraceError(
                "\(file): \(origin.nodeCount) nodes and \(jobs.count) jobs that want instances; both are needed")
        }
    }

    /// Tables with everything of the origin but jobs, allocations and evaluations.
    func emptied(at time: Timestamp) -> StateTables {
        var tables = StateTables()
        var entries: [StateEntry] = [
            .schedulerConfiguration(SchedulerConfigurationChange(configuration: origin.schedulerConfiguration))
        ]
        entries += origin.quotas.map(StateEntry.quotaUpsert) + origin.namespaces.map(StateEntry.namespaceUpsert)
        entries += origin.nodePools.map(StateEntry.nodePoolUpsert)
        origin.forEachNode { record in
            entries.append(.nodeRegister(NodeRegistration(node: record.node, time: time)))
            return true
        }
        for entry in entries { _ = tables.apply(entry, index: tables.index + 1) }
        return tables
    }
}

extension Job {
    fileprivate var wantsInstances: Bool {
        !stop && status != .dead && !isTemplate
    }
}
