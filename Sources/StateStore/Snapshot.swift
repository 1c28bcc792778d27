package import Basics
package import Model

/// The whole state at one index: immutable, made in O(1), read from any thread for as long as it is held.
package final class Snapshot: Sendable {
    let state: State

    init(_ state: State) { self.state = state }

    /// The last applied index.
    package var index: UInt64 { state.index }

    /// Nil until the first leader has stored one.
    package var autopilotConfiguration: AutopilotConfiguration? { state.autopilot }

    /// Whether an operator took that server out of the Raft group.
    package func isExpelled(server id: String) -> Bool { state.expelledServers.contains(id) }

    /// Index of the last change of any row of a table.
    package func tableIndex(_ table: StateTable) -> UInt64 { state.tableIndexes[table.rawValue] }
}

// MARK: - Jobs

extension Snapshot {
    package func jobRecord(_ namespace: String, _ id: String) -> JobRecord? {
        state.jobs[JobKey(namespace: namespace, id: id)]
    }

    package func job(_ namespace: String, _ id: String) -> Job? { jobRecord(namespace, id)?.job }

    package func job(_ namespace: String, _ id: String, version: UInt64) -> Job? {
        jobVersions(namespace, id).first { $0.version == version }
    }

    /// The kept versions, newest first.
    package func jobVersions(_ namespace: String, _ id: String) -> [Job] {
        guard let record = jobRecord(namespace, id), record.current != nil else { return [] }
        return record.versions.map { record.present($0) }
    }

    package func jobSummary(_ namespace: String, _ id: String) -> JobSummary? {
        guard let record = jobRecord(namespace, id), record.current != nil else { return nil }
        return record.summary
    }

    /// Shows every job of every namespace in order, purged ones left out, until `body` returns false.
    package func forEachJob(_ body: (JobRecord) throws -> Bool) rethrows {
        try state.jobs.scan { _, record in record.current == nil ? true : try body(record) }
    }

    /// Shows the jobs of a namespace from `id` on in order, purged ones left out, until `body` returns false.
    package func forEachJob(namespace: String, from id: String, _ body: (JobRecord) throws -> Bool) rethrows {
        try state.jobs.scan(from: JobKey(namespace: namespace, id: id)) { key, record in
            guard key.namespace == namespace else { return false }
            return record.current == nil ? true : try body(record)
        }
    }

    /// The present jobs of types `system` and `sysbatch`.
    package var eachNodeJobs: [JobRecord] {
        var records: [JobRecord] = []
        state.eachNodeJobs.scan { key, _ in
            if let record = state.jobs[key] { records.append(record) }
            return true
        }
        return records
    }
}

// MARK: - Nodes

extension Snapshot {
    /// Rows are below this; a row between may be empty.
    package var nodeRowLimit: NodeRow { NodeRow(state.nodes.limit) }

    package func nodeRow(_ id: ID) -> NodeRow? { state.nodeRow(id) }

    package func nodeRecord(_ row: NodeRow) -> NodeRecord? { state.nodes[Int(row)] }

    package func node(_ row: NodeRow) -> Node? { state.nodes[Int(row)]?.node }

    package func node(_ id: ID) -> Node? { nodeRow(id).flatMap(node) }

    /// All resources less the reserved ones; zero for an empty row.
    package func nodeCapacity(_ row: NodeRow) -> ResourceVector { state.nodes[Int(row)]?.capacity ?? ResourceVector() }

    /// The sum over the node's allocations that are not terminal.
    package func nodeUsage(_ row: NodeRow) -> ResourceVector {
        guard Int(row) < state.nodeLoads.count else { return ResourceVector() }
        let usage = state.nodeLoads[Int(row)].usage
        return usage.cores == 0 ? usage : state.nodes[Int(row)]?.counted(usage) ?? usage
    }

    /// What the node's live allocations hold of its devices and cores; nil when none ever did.
    package func hardwareLoad(_ row: NodeRow) -> HardwareLoad? { state.nodeHardware[Int(row)] }

    /// Host ports that are taken, sorted: those of live allocations and those the node keeps for itself.
    package func usedPorts(_ row: NodeRow) -> [UInt16] {
        let reserved = state.nodes[Int(row)]?.reservedPorts ?? []
        guard let held = state.nodePorts[Int(row)]?.ports, !held.isEmpty else { return reserved }
        return reserved.isEmpty ? held : (reserved + held).sorted()
    }

    /// Rows whose definition, status or usage changed after `index`, possibly repeated; nil when that is too long ago to tell.
    package func touchedNodes(since index: UInt64) -> [NodeRow]? { state.touched.rows(since: index) }

    /// `ModifyIndex` of the node's definition, 0 for an empty row.
    package func nodeDocumentIndex(_ row: NodeRow) -> UInt64 { state.nodes[Int(row)]?.node.modifyIndex ?? 0 }

    /// Index of the last change that the node's client has to learn of.
    package func nodeServerIndex(_ row: NodeRow) -> UInt64 {
        Int(row) < state.nodeLoads.count ? state.nodeLoads[Int(row)].serverIndex : 0
    }

    /// Index of the last change of an allocation on the node, by server or client.
    package func nodeAllocationIndex(_ row: NodeRow) -> UInt64 {
        Int(row) < state.nodeLoads.count ? state.nodeLoads[Int(row)].allocationIndex : 0
    }

    package var nodeCount: Int { state.nodeIndex.count }

    /// The schemas of task configuration that ready nodes report for a driver, the most frequent first, and nil for nodes that
    /// report none; empty when no ready node has the driver.
    package func schemas(ofReadyDriver driver: String) -> [JSON?] { state.driverSchemas.ready(driver) }

    /// Shows every node by row, until `body` returns false.
    package func forEachNode(_ body: (NodeRecord) throws -> Bool) rethrows {
        for row in 0..<state.nodes.limit {
            guard let record = state.nodes[row] else { continue }
            guard try body(record) else { return }
        }
    }
}

// MARK: - Evaluations and the rest

extension Snapshot {
    package func evaluation(_ id: ID) -> Evaluation? { state.evaluationRecord(id)?.evaluation }

    /// A job's evaluations that are not collected, oldest first.
    package func evaluations(ofJob id: String, namespace: String) -> [Evaluation] {
        var found: [Evaluation] = []
        jobRecord(namespace, id)?.body.evaluations.forEach { row in
            if let record = state.evaluations[Int(row)] { found.append(record.evaluation) }
        }
        return found
    }

    /// Shows every evaluation in order of ids, until `body` returns false.
    package func forEachEvaluation(_ body: (Evaluation) throws -> Bool) rethrows {
        try state.evaluationIndex.scan(identify: { state.evaluationID($0) }) { row in
            guard let record = state.evaluations[Int(row)] else { return true }
            return try body(record.evaluation)
        }
    }

    package var evaluationCount: Int { state.evaluationCount }

    package var schedulerConfiguration: SchedulerConfiguration { state.configuration }

    /// Nil before the first leader has given the cluster one.
    package var clusterIdentity: ClusterIdentity? { state.identity }

    package func namespace(_ name: String) -> Namespace? { state.namespaces[name].map(withNote) }

    package var namespaces: [Namespace] {
        var all: [Namespace] = []
        state.namespaces.scan { _, namespace in
            all.append(withNote(namespace))
            return true
        }
        return all
    }

    private func withNote(_ namespace: Namespace) -> Namespace {
        #if DEBUG
            guard let note = state.namespaceNotes[namespace.name] else { return namespace }
            var noted = namespace
            noted.meta["note"] = note
            return noted
        #else
            return namespace
        #endif
    }
}
