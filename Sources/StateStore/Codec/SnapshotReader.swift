import Basics
package import Model

/// Builds a state from a snapshot that arrives in pieces of any size.
package struct SnapshotReader: Sendable {
    /// The longest record accepted; 1 GiB.
    package static let recordBytesMax = 1 << 30
    /// Rows of nodes, those of nodes that are gone included; 1,048,576, which few bytes may announce and all take memory at once.
    static let nodeRowsMax: UInt32 = 1 << 20

    private var state = State()
    private var buffer: [UInt8] = []
    private var start = 0
    private var isEnded = false
    private var hasHeader = false

    package init() {}

    /// Takes the next piece; throws ``CodecError`` when it is damaged.
    package mutating func read(_ chunk: [UInt8]) throws(CodecError) {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer += chunk
        while let (kind, content, end) = try nextRecord() {
            try take(kind, content)
            start = end
        }
    }

    /// The whole state; throws when pieces are missing.
    package mutating func finish() throws(CodecError) -> StateTables {
        guard isEnded, start == buffer.count else {
            throw CodecError(message: "the snapshot ends in the middle", position: start)
        }
        state.touched = TouchedLog(floor: state.index)
        state.work.tell()
        var store = StateTables()
        store.state = state
        state = State()
        return store
    }

    /// The next record if all of it has arrived.
    private func nextRecord() throws(CodecError) -> (kind: UInt64, content: ArraySlice<UInt8>, end: Int)? {
        guard start < buffer.count else { return nil }
        guard !isEnded else { throw CodecError(message: "data after the end record", position: start) }
        var reader = ByteReader(buffer[start...])
        guard let kind = try? reader.number(), let length = try? reader.number(as: Int.self) else {
            guard buffer.count - start < 20 else { throw CodecError(message: "no record here", position: start) }
            return nil
        }
        guard length <= Self.recordBytesMax else {
            throw CodecError(message: "a record of \(length) bytes", position: start)
        }
        guard reader.left >= length else { return nil }
        let first = buffer.count - reader.left
        return (kind, buffer[first..<first + length], first + length)
    }

    private mutating func take(_ number: UInt64, _ content: ArraySlice<UInt8>) throws(CodecError) {
        guard let kind = SnapshotRecord(rawValue: number), kind.isKnown else {
            return state.unknownRecords.append(UnknownRecord(kind: number, content: Array(content)))
        }
        guard hasHeader || kind == .header else {
            throw CodecError(message: "a snapshot without a header", position: start)
        }
        var reader = ByteReader(content)
        switch kind {
        case .header:
            try reader.header(&state)
            hasHeader = true
        case .namespace:
            let namespace = try reader.document(Namespace.self)
            state.namespaces[namespace.name] = namespace
        case .quota:
            let quota = try reader.document(QuotaSpec.self)
            state.quotas[quota.name] = quota
        case .nodePool:
            let pool = try reader.document(NodePool.self)
            state.nodePools[pool.name] = pool
        case .configuration: state.configuration = try reader.document(SchedulerConfiguration.self)
        case .identity: state.identity = try reader.identity()
        case .rootKey:
            let key = try reader.document(RootKeyMeta.self)
            state.rootKeys[key.keyID] = key
        case .variable:
            let variable = try reader.variableRecord()
            state.variables[variable.key] = variable
        case .autopilot: state.autopilot = try reader.document(AutopilotConfiguration.self)
        case .expelledServers:
            for _ in 0..<(try reader.count(elementSize: 1)) { state.expelledServers.append(try reader.text()) }
        case .position:
            state.position = LogPosition(lead: try reader.number(), restoredIndex: try reader.number())
        case .restorePart:
            var outcome = ApplyOutcome(index: state.index, time: .never, salt: 0)
            state.take(try reader.restorePart(), &outcome)
            guard outcome.refusal == nil else { throw reader.error("a part of another restored state") }
        case .interned: try reader.interned(&state)
        case .node: try reader.node(&state)
        case .driverSchema:
            let driver = try reader.text()
            let name = try reader.text()
            state.driverSchemas.restore(driver: driver, name: name, schema: try reader.json())
        case .jobVersion:
            let row = try reader.number(as: UInt32.self)
            guard Int(row) < state.jobVersions.limit else { throw reader.error("job version row \(row)") }
            state.jobVersions[Int(row)] = JobVersion(job: try reader.document(Job.self), row: row)
        case .job: try reader.job(&state)
        case .evaluation: try reader.evaluation(&state)
        case .batch: try reader.batch(&state)
        #if DEBUG
            case .namespaceNote:
                let name = try reader.text()
                state.namespaceNotes[name] = try reader.text()
        #endif
        case .extra: try reader.extra(&state)
        case .disconnection: try reader.disconnection(&state)
        case .end:
            let count = try reader.number(as: Int.self)
            guard count == state.allocations.liveCount else {
                throw reader.error("\(count) allocations announced, \(state.allocations.liveCount) found")
            }
            isEnded = true
        }
    }
}

extension ByteReader {
    fileprivate mutating func header(_ state: inout State) throws(CodecError) {
        state.index = try number()
        let indexes = try column(of: UInt64.self)
        for (position, index) in indexes.enumerated() where position < state.tableIndexes.count {
            state.tableIndexes[position] = index
        }
        state.freeNodeRows = try column(of: UInt32.self)
        state.namespaces = SortedTable()
        let nodeLimit = try number(as: UInt32.self)
        guard nodeLimit <= SnapshotReader.nodeRowsMax else { throw error("\(nodeLimit) node rows") }
        for _ in 0..<nodeLimit { state.nodeLoads.append(NodeLoad()) }
        state.nodes.reserve(Int(nodeLimit))
        state.jobVersions.reserve(Int(try number(as: UInt32.self)))
    }

    fileprivate mutating func node(_ state: inout State) throws(CodecError) {
        let row = try number(as: UInt32.self)
        guard Int(row) < state.nodeLoads.count else { throw error("node row \(row) of \(state.nodeLoads.count)") }
        let served = try number()
        let changed = try number()
        let node = try document(Node.self)
        state.nodeLoads.update(Int(row)) {
            $0.serverIndex = served
            $0.allocationIndex = changed
        }
        state.nodes[Int(row)] = NodeRecord(node: node, row: row)
        state.driverSchemas.count(from: nil, to: node)
        // A snapshot of a version without pools names them in its nodes only.
        state.addNodePool(node.nodePool, index: node.createIndex)
        let table = state.nodes
        state.nodeIndex.insert(node.id, row: row) { table[Int($0)]?.node.id ?? .none }
    }

    fileprivate mutating func job(_ state: inout State) throws(CodecError) {
        let namespace = try text()
        let key = JobKey(namespace: namespace, id: try text())
        var body = JobBody()
        for row in try column(of: UInt32.self) {
            guard let version = state.jobVersions[Int(row)] else { throw error("no job version in row \(row)") }
            body.versions.append(VersionSlot(version: version))
        }
        body.isPurged = try flag()
        body.hadWork = try flag()
        guard let status = JobStatus(rawValue: try text()) else { throw error("unknown job status") }
        body.status = status
        body.modifyIndex = try number()
        body.summaryIndex = try number()
        body.changeIndex = try number()
        body.allocationIndex = try number()
        body.evaluationIndex = try number()
        for _ in 0..<(try count(elementSize: 2)) {
            let name = try text()
            body.groups[name] = try document(TaskGroupSummary.self)
        }
        body.children = try document(JobChildrenSummary.self)
        state.jobs[key] = JobRecord(key: key, body: body)
        if let job = body.versions.first?.version.job, !body.isPurged, job.type.isEachNode, !job.stop {
            state.eachNodeJobs[key] = true
        }
    }

    fileprivate mutating func evaluation(_ state: inout State) throws(CodecError) {
        let evaluation = try document(Evaluation.self)
        let row = UInt32(state.evaluations.append(EvaluationRecord(evaluation: evaluation)))
        let table = state.evaluations
        state.evaluationIndex.insert(evaluation.id, row: row) { table[Int($0)]?.evaluation.id ?? .none }
        let key = JobKey(namespace: evaluation.namespace, id: evaluation.jobID)
        guard let record = state.jobs[key] else { return }
        var body = record.body
        body.evaluations.append(row)
        body.openEvaluationCount += evaluation.status.isTerminal ? 0 : 1
        state.jobs[key] = JobRecord(key: key, body: body)
    }

    fileprivate mutating func batch(_ state: inout State) throws(CodecError) {
        let evaluation = try id()
        let version = try number(as: UInt32.self)
        let groupAndFlags = try number(as: UInt32.self)
        let group = UInt16(truncatingIfNeeded: groupAndFlags)
        let createIndex = try number()
        let createTime = try time()
        var placements = PlacementBatch()
        placements.oversubscribesMemory = groupAndFlags >> 16 != 0
        for _ in 0..<(try count(elementSize: 1)) { placements.portLabels.append(try text()) }
        placements.metricJSON = Array(try data())
        placements.ids = try column(of: ID.self)
        placements.nodes = try column(of: UInt32.self)
        placements.nameIndexes = try column(of: UInt32.self)
        placements.ports = try column(of: UInt16.self)
        placements.scores = try column(of: Float.self)
        placements.previous = try column(of: ID.self)
        for _ in 0..<(try count(elementSize: 3)) {
            let position = try number(as: Int.self)
            placements.rescheduleTrackers[position] = try document(RescheduleTracker.self)
        }
        placements.hardware = try hardware()
        try check(placements, state)
        let stored = AllocationBatch(
            placements: placements, evalID: evaluation, version: version, group: group,
            start: UInt32(state.allocations.count), createIndex: createIndex, createTime: createTime)
        guard state.allocations.append(stored, placements: placements, hot: HotRow()) else {
            throw error("an allocation's id appears twice")
        }
        let rows = stored.start..<stored.start + UInt32(placements.ids.count)
        for row in rows { try hot(row, &state) }
        state.enter(rows, of: stored)
    }

    private func check(_ placements: PlacementBatch, _ state: State) throws(CodecError) {
        let count = placements.ids.count
        guard placements.nodes.count == count, placements.nameIndexes.count == count,
            placements.ports.count == count * placements.portLabels.count,
            [0, count].contains(placements.scores.count), [0, count].contains(placements.previous.count),
            placements.hardware.keys.allSatisfy((0..<count).contains)
        else { throw error("columns of different lengths") }
        guard placements.nodes.allSatisfy({ Int($0) < state.nodeLoads.count }) else { throw error("unknown node row") }
    }

    private mutating func hot(_ row: UInt32, _ state: inout State) throws(CodecError) {
        var hot = HotRow()
        hot.modifyIndex = try number()
        hot.serverIndex = try number()
        hot.modifyTime = try signed()
        hot.version = try number(as: UInt32.self)
        hot.group = try number(as: UInt16.self)
        hot.client = try byte()
        hot.desired = try byte()
        guard let version = state.jobVersions[Int(hot.version)], Int(hot.group) < version.groups.count else {
            throw error("no job version in row \(hot.version)")
        }
        hot.desiredText = try number(as: UInt16.self)
        let isCompact = try flag()
        if isCompact {
            hot.shape = try number(as: UInt32.self)
            hot.stateTime = try signed()
            hot.stateDelta1 = try number(as: UInt32.self)
            hot.stateDelta2 = try number(as: UInt32.self)
        }
        guard hot.desiredText < state.descriptions.values.count, hot.shape < state.shapes.values.count else {
            throw error("no such interned text")
        }
        let changed = hot
        state.allocations.hot.update(Int(row)) { $0 = changed }
        guard !isCompact else { return }
        var extra = AllocationExtra()
        extra.taskStates = PackedTaskStates(shape: Array(try data()), times: try column(of: Int64.self))
        state.allocations.setExtra(row, extra)
    }

    /// Interned values with the numbers they had.
    fileprivate mutating func interned(_ state: inout State) throws(CodecError) {
        for path in [\State.shapes, \State.descriptions] {
            for number in 0..<(try count(elementSize: 1)) {
                guard state[keyPath: path].intern(Array(try data())) == UInt32(number) else {
                    throw error("interned text \(number) repeated")
                }
            }
        }
    }

    /// An earlier release that kept the record without knowing it may have collected the allocation.
    fileprivate mutating func disconnection(_ state: inout State) throws(CodecError) {
        guard let row = state.allocations.row(try id()) else { return }
        var extra = state.allocations.extra(row) ?? AllocationExtra()
        extra.disconnectedAt = try time()
        state.allocations.setExtra(row, extra)
    }

    fileprivate mutating func extra(_ state: inout State) throws(CodecError) {
        guard let row = state.allocations.row(try id()) else { throw error("no such allocation") }
        var extra = state.allocations.extra(row) ?? AllocationExtra()
        extra.deploymentStatus = try optional(AllocationDeploymentStatus.self)
        extra.networkStatus = try optional(AllocationNetworkStatus.self)
        extra.desiredTransition = try document(DesiredTransition.self)
        extra.followupEvalID = try id()
        extra.nextAllocation = try id()
        extra.preemptedByAllocation = try id()
        extra.preemptedAllocations = try ids()
        let description = try text()
        if !description.isEmpty { extra.desiredDescription = description }
        state.allocations.setExtra(row, extra)
    }
}

extension State {
    /// Enters a batch's restored rows in the lists and counts of their nodes, their job and their evaluation.
    fileprivate mutating func enter(_ rows: Range<UInt32>, of batch: AllocationBatch) {
        // All rows are of one job, but for what a damaged or foreign history may hold.
        var entered: (key: JobKey, body: JobBody)?
        for row in rows {
            let hot = allocations.hot[Int(row)]
            hold(row, hot, batch)
            let key = jobVersion(hot.version).key
            if entered?.key != key {
                if let entered { jobs[entered.key] = JobRecord(key: entered.key, body: entered.body) }
                entered = jobs[key].map { (key, $0.body) }
            }
            entered?.body.allocations.append(row)
            entered?.body.liveCount += hot.isTerminal ? 0 : 1
            if let slot = entered?.body.versions.firstIndex(where: { $0.version.row == hot.version }) {
                entered?.body.versions[slot].allocationCount += 1
            }
        }
        if let entered { jobs[entered.key] = JobRecord(key: entered.key, body: entered.body) }
        guard let number = evaluationRow(batch.evalID), let record = evaluations[Int(number)] else { return }
        var list = record.allocations
        for row in rows { list.append(row) }
        evaluations[Int(number)] = EvaluationRecord(evaluation: record.evaluation, allocations: list)
    }

    /// Enters a row on its node, with what it holds there unless it has ended.
    private mutating func hold(_ row: UInt32, _ hot: HotRow, _ batch: AllocationBatch) {
        let node = allocations.node(row)
        addAllocation(row, toNode: node)
        guard !hot.isTerminal else { return }
        let version = jobVersion(hot.version)
        if let hardware = allocations.hardware(row) { hold(hardware, on: node, sign: 1) }
        let amounts = version.groups[Int(hot.group)].resources
        nodeLoads.update(Int(node)) { $0.usage += amounts }
        work.add(version.work[Int(hot.group)], 1)
        ledger.add(amounts, namespace: version.job.namespace, quota: quota(ofNamespace: version.job.namespace))
        let ports = batch.ports(ofRow: row)
        guard !ports.isEmpty else { return }
        nodePorts.update(Int(node), default: PortSet()) { set in
            for port in ports { set.insert(port) }
        }
    }
}
