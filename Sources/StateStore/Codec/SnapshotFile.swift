import Basics
import Model

/// The kinds of records in a snapshot; numbers are never reused.
///
/// A snapshot is a sequence of records: kind, length, content. A record of a kind this build does not know is kept and written
/// again, so that a server may go back a version and forth again without losing what only the newer one understands.
enum SnapshotRecord: UInt64 {
    case header = 1
    case namespace = 2
    case configuration = 3
    case node = 4
    case jobVersion = 5
    case job = 6
    case evaluation = 7
    case batch = 8
    case extra = 9
    case end = 10
    /// Interned task-state shapes and descriptions, by number; before the batches that use them.
    case interned = 11
    case quota = 12
    case nodePool = 13
    /// Absent while the cluster has no identity.
    case identity = 14
    /// A schema that drivers of the nodes before it name.
    case driverSchema = 15
    case variable = 20
    case rootKey = 21
    /// Since when an allocation is unknown; after its batch, and absent for all others.
    case disconnection = 22
    #if DEBUG
        /// Of ``NextRelease`` alone.
        case namespaceNote = 200
    #endif
    /// Absent until a state was restored; never in an archive.
    case position = 30
    /// A part of a state that is being restored; never in an archive.
    case restorePart = 31
    /// Absent until there is a configuration of autopilot.
    case autopilot = 32
    /// Absent while no server was expelled.
    case expelledServers = 33
}

/// What a snapshot is written for.
package enum SnapshotPurpose: Sendable, Equatable {
    /// To take the place of the log before it, on a server of this cluster.
    case log
    /// To be kept elsewhere, and perhaps restored in another cluster. Redacted, it lacks the nodes' secrets.
    case archive(isRedacted: Bool)
}

/// A record of a newer version.
struct UnknownRecord: Sendable, Equatable {
    let kind: UInt64
    let content: [UInt8]
}

extension Snapshot {
    /// Writes the whole state in pieces of some ten kilobytes, in O(n) and without holding more than a piece.
    package func encode(for purpose: SnapshotPurpose = .log, to emit: ([UInt8]) throws -> Void) throws {
        try withoutActuallyEscaping(emit) { emit in
            var encoder = SnapshotEncoder(state: state, purpose: purpose, emit: emit)
            try encoder.encode()
        }
    }

    /// The whole state as one piece of memory: for tests and small states.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        try? encode { bytes += $0 }
        return bytes
    }
}

/// Writes the tables' records in the order in which ``SnapshotReader`` needs them.
private struct SnapshotEncoder {
    let state: State
    let purpose: SnapshotPurpose
    let emit: ([UInt8]) throws -> Void
    private var pending = ByteWriter(capacity: 1 << 16)

    init(state: State, purpose: SnapshotPurpose, emit: @escaping ([UInt8]) throws -> Void) {
        self.state = state
        self.purpose = purpose
        self.emit = emit
    }

    mutating func encode() throws {
        try record(.header) { writer, state in
            writer.number(state.index)
            writer.column(state.tableIndexes)
            writer.column(state.freeNodeRows)
            writer.number(state.nodes.limit)
            writer.number(state.jobVersions.limit)
        }
        if purpose == .log { try encodePosition() }
        try encodeSettings()
        try encodeVariables()
        try record(.interned) { writer, state in
            for values in [state.shapes.values, state.descriptions.values] {
                writer.number(values.count)
                for value in values { writer.data(value) }
            }
        }
        try encodeNodes()
        try encodeJobs()
        try encodeEvaluations()
        try encodeAllocations()
        for unknown in state.unknownRecords { try write(kind: unknown.kind, unknown.content) }
        #if DEBUG
            for (name, note) in state.namespaceNotes.sorted(by: { $0.key < $1.key }) {
                try record(.namespaceNote) { writer, _ in
                    writer.text(name)
                    writer.text(note)
                }
            }
        #endif
        try record(.end) { writer, state in writer.number(state.allocations.liveCount) }
        if !pending.bytes.isEmpty { try emit(pending.bytes) }
    }

    private mutating func record(_ kind: SnapshotRecord, _ body: (inout ByteWriter, State) -> Void) throws {
        var writer = ByteWriter()
        body(&writer, state)
        try write(kind: kind.rawValue, writer.bytes)
    }

    private mutating func write(kind: UInt64, _ content: [UInt8]) throws {
        pending.number(kind)
        pending.data(content)
        guard pending.bytes.count >= 1 << 16 else { return }
        try emit(pending.bytes)
        pending = ByteWriter(capacity: 1 << 16)
    }

    /// What concerns this cluster's log alone.
    private mutating func encodePosition() throws {
        if state.position != LogPosition() {
            try record(.position) { writer, state in
                writer.number(state.position.lead)
                writer.number(state.position.restoredIndex)
            }
        }
        guard let incoming = state.incoming else { return }
        var offset: UInt64 = 0
        for bytes in incoming.parts {
            let part = RestorePart(id: incoming.id, offset: offset, bytes: bytes)
            try record(.restorePart) { writer, _ in writer.restorePart(part) }
            offset += UInt64(bytes.count)
        }
    }

    private mutating func encodeSettings() throws {
        var namespaces: [Namespace] = []
        state.namespaces.scan { _, namespace in
            namespaces.append(namespace)
            return true
        }
        for namespace in namespaces { try record(.namespace) { writer, _ in writer.document(namespace) } }
        var quotas: [QuotaSpec] = []
        state.quotas.scan { _, quota in
            quotas.append(quota)
            return true
        }
        var pools: [NodePool] = []
        state.nodePools.scan { _, pool in
            pools.append(pool)
            return true
        }
        for pool in pools { try record(.nodePool) { writer, _ in writer.document(pool) } }
        for quota in quotas { try record(.quota) { writer, _ in writer.document(quota) } }
        if let autopilot = state.autopilot { try record(.autopilot) { writer, _ in writer.document(autopilot) } }
        if !state.expelledServers.isEmpty {
            try record(.expelledServers) { writer, state in
                writer.number(state.expelledServers.count)
                for id in state.expelledServers { writer.text(id) }
            }
        }
        try record(.configuration) { writer, state in writer.document(state.configuration) }
        if let identity = state.identity { try record(.identity) { writer, _ in writer.identity(identity) } }
    }

    private mutating func encodeVariables() throws {
        let snapshot = Snapshot(state)
        for key in snapshot.rootKeys { try record(.rootKey) { writer, _ in writer.document(key) } }
        var variables: [VariableRecord] = []
        snapshot.forEachVariable { variable in
            variables.append(variable)
            return true
        }
        for variable in variables { try record(.variable) { writer, _ in writer.record(variable) } }
    }

    private mutating func encodeNodes() throws {
        for row in 0..<state.nodes.limit {
            guard var node = state.nodes[row]?.node else { continue }
            if purpose == .archive(isRedacted: true) { node.secretID = .none }
            try record(.node) { writer, state in
                writer.number(row)
                writer.number(state.nodeLoads[row].serverIndex)
                writer.number(state.nodeLoads[row].allocationIndex)
                writer.document(node)
            }
        }
        for schema in state.driverSchemas.told {
            try record(.driverSchema) { writer, _ in
                writer.text(schema.driver)
                writer.text(schema.name)
                writer.data(schema.schema.bytes)
            }
        }
    }

    private mutating func encodeJobs() throws {
        var records: [JobRecord] = []
        state.jobs.scan { _, record in
            records.append(record)
            return true
        }
        for job in records {
            for slot in job.body.versions {
                try record(.jobVersion) { writer, _ in
                    writer.number(slot.version.row)
                    writer.document(slot.version.job)
                }
            }
            try record(.job) { writer, _ in writer.job(job) }
        }
    }

    /// A job's evaluations in the order of its list, then those of jobs that are not there.
    private mutating func encodeEvaluations() throws {
        var evaluations: [Evaluation] = []
        state.jobs.scan { _, record in
            record.body.evaluations.forEach { row in
                if let known = state.evaluations[Int(row)] { evaluations.append(known.evaluation) }
            }
            return true
        }
        state.evaluationIndex.scan(identify: { state.evaluationID($0) }) { row in
            guard let orphan = state.evaluations[Int(row)]?.evaluation,
                state.jobs[JobKey(namespace: orphan.namespace, id: orphan.jobID)] == nil
            else { return true }
            evaluations.append(orphan)
            return true
        }
        for evaluation in evaluations { try record(.evaluation) { writer, _ in writer.document(evaluation) } }
    }

    private mutating func encodeAllocations() throws {
        for number in 0..<state.allocations.batches.limit {
            guard let batch = state.allocations.batches[number] else { continue }
            let rows = (batch.start..<batch.start + batch.count).filter {
                !state.allocations.hot[Int($0)].has(HotRow.isDead)
            }
            guard !rows.isEmpty else { continue }
            try record(.batch) { writer, state in writer.batch(batch, rows: rows, state) }
            for row in rows {
                guard let extra = state.allocations.extra(row) else { continue }
                try record(.extra) { writer, state in
                    writer.id(state.allocations.id(row))
                    writer.extra(extra)
                }
                guard extra.disconnectedAt != .never else { continue }
                try record(.disconnection) { writer, state in
                    writer.id(state.allocations.id(row))
                    writer.time(extra.disconnectedAt)
                }
            }
        }
    }
}

extension ByteWriter {
    fileprivate mutating func job(_ record: JobRecord) {
        let body = record.body
        text(record.key.namespace)
        text(record.key.id)
        column(body.versions.map(\.version.row))
        flag(body.isPurged)
        flag(body.hadWork)
        text(body.status.rawValue)
        for index in [
            body.modifyIndex, body.summaryIndex, body.changeIndex, body.allocationIndex, body.evaluationIndex,
        ] { number(index) }
        number(body.groups.count)
        for (name, summary) in body.groups.sorted(by: { $0.key < $1.key }) {
            text(name)
            document(summary)
        }
        document(body.children)
    }

    fileprivate mutating func batch(_ batch: AllocationBatch, rows: [UInt32], _ state: State) {
        let table = state.allocations
        let positions = rows.map { Int($0 - batch.start) }
        id(batch.evalID)
        number(batch.version)
        // Flags stand above the group's 16 bits, where older versions wrote nothing.
        number(UInt32(batch.group) | (batch.oversubscribesMemory ? 1 << 16 : 0))
        number(batch.createIndex)
        time(batch.createTime)
        number(batch.portLabels.count)
        for label in batch.portLabels { text(label) }
        data(batch.metricJSON)
        column(rows.map(table.id))
        column(rows.map(table.node))
        column(rows.map(table.nameIndex))
        column(rows.flatMap(batch.ports(ofRow:)))
        column(batch.scores.isEmpty ? [] : positions.map { batch.scores[$0] })
        column(batch.previous.isEmpty ? [] : positions.map { batch.previous[$0] })
        let trackers = positions.enumerated().compactMap { entry in
            batch.rescheduleTrackers[entry.element].map { (entry.offset, $0) }
        }
        number(trackers.count)
        for (position, tracker) in trackers {
            number(position)
            document(tracker)
        }
        let held = positions.enumerated().compactMap { entry in
            batch.hardware[entry.element].map { (entry.offset, $0) }
        }
        hardware(Dictionary(held, uniquingKeysWith: { first, _ in first }))
        for row in rows { hot(row, state) }
    }

    private mutating func hot(_ row: UInt32, _ state: State) {
        let hot = state.allocations.hot[Int(row)]
        number(hot.modifyIndex)
        number(hot.serverIndex)
        signed(hot.modifyTime)
        number(hot.version)
        number(hot.group)
        byte(hot.client)
        byte(hot.desired)
        number(hot.desiredText)
        let isCompact = !hot.has(HotRow.statesInExtra)
        flag(isCompact)
        if isCompact {
            number(hot.shape)
            signed(hot.stateTime)
            number(hot.stateDelta1)
            number(hot.stateDelta2)
        } else {
            let report = state.packedReport(row)
            data(report.shape)
            column(report.times)
        }
    }

    fileprivate mutating func extra(_ extra: AllocationExtra) {
        optional(extra.deploymentStatus)
        optional(extra.networkStatus)
        document(extra.desiredTransition)
        id(extra.followupEvalID)
        id(extra.nextAllocation)
        id(extra.preemptedByAllocation)
        ids(extra.preemptedAllocations)
        text(extra.desiredDescription)
    }
}
