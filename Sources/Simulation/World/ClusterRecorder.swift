internal import Basics
internal import Model
internal import RPC
internal import Raft
internal import SimulatedSeam
internal import StateStore
internal import Synchronization

/// Sees every entry the server applies: traces it, keeps a second state beside the server's, and checks what must
/// always hold.
///
/// The second state never restarts. After a restart of the server the entries it replays must be those seen before, and
/// the state it restored from snapshot and log must be equal to the one kept here.
final class ClusterRecorder: Sendable {
    private struct State {
        var shadow = StateTables()
        var hashes: [UInt64: UInt64] = [:]
        var violations: [String] = []
        var checkedIndex: UInt64 = 0
        var acknowledgedIndex: UInt64 = 0
        var placed = 0
        /// The server's state has to be compared once it is at the shadow's index.
        var comesBack = false
    }

    /// Violations kept; more of them say nothing new.
    private static let violationsMax = 10

    private let trace: Trace
    private let state = Mutex(State())

    init(trace: Trace) { self.trace = trace }

    var violations: [String] { state.withLock { $0.violations } }
    var placed: Int { state.withLock { $0.placed } }
    var acknowledgedIndex: UInt64 { state.withLock { $0.acknowledgedIndex } }
    /// The state as it must be.
    var snapshot: Snapshot { state.withLock { $0.shadow.snapshot() } }

    func report(_ violation: String) {
        trace.record("broken: \(violation)")
        state.withLock { state in
            if state.violations.count < Self.violationsMax { state.violations.append(violation) }
        }
    }

    /// A server's answer named this index: whatever it wrote is promised to last.
    func acknowledge(_ index: UInt64) {
        state.withLock { $0.acknowledgedIndex = max($0.acknowledgedIndex, index) }
    }

    /// A server has opened the log and holds what its snapshot had.
    func opened(_ snapshot: Snapshot) {
        state.withLock { state in
            state.comesBack = true
            state.checkedIndex = 0
        }
        compare(snapshot)
    }

    /// Takes in a batch that the server has just applied.
    func applied(_ entries: ArraySlice<LogEntry>, _ outcomes: [ApplyOutcome], _ snapshot: Snapshot) {
        for entry in entries { take(entry) }
        let checked = state.withLock { state in
            defer { state.checkedIndex = snapshot.index }
            return state.checkedIndex
        }
        let rows = Set(snapshot.touchedNodes(since: checked) ?? Array(0..<snapshot.nodeRowLimit))
        let nodes = StateChecker.nodes(rows.sorted(), in: snapshot)
        for violation in nodes { report("at \(snapshot.index): \(violation)") }
        for key in Set(outcomes.flatMap(\.jobs)).sorted() {
            guard let record = snapshot.jobRecord(key.namespace, key.id) else { continue }
            for violation in StateChecker.job(record, in: snapshot) { report("at \(snapshot.index): \(violation)") }
        }
        compare(snapshot)
    }

    private func take(_ entry: LogEntry) {
        var hasher = StableHasher()
        hasher.combine(entry.data)
        let hash = hasher.value
        let known = state.withLock { $0.hashes.updateValue(hash, forKey: entry.index) }
        guard entry.index > state.withLock({ $0.shadow.index }) else {
            trace.record("replay \(entry.index) \(String(hash, radix: 16))")
            if known != hash { report("entry \(entry.index) is not what it was before the restart") }
            return
        }
        guard let change = try? StateEntry(decoding: entry.data) else {
            return report("entry \(entry.index) cannot be decoded")
        }
        trace.record("apply \(entry.index) \(change.label) \(String(hash, radix: 16))")
        for line in change.details { trace.record(line) }
        state.withLock { state in
            state.placed += state.shadow.apply(change, index: entry.index).placedCount
        }
    }

    /// After a restart, once the server is where the shadow is: both must be equal.
    private func compare(_ snapshot: Snapshot) {
        let own = state.withLock { state -> Snapshot? in
            guard state.comesBack, snapshot.index >= state.shadow.index else { return nil }
            state.comesBack = false
            return state.shadow.snapshot()
        }
        guard let own else { return }
        if let difference = StateDigest.difference(StateDigest.lines(own), StateDigest.lines(snapshot)) {
            report("the restored state differs at \(snapshot.index): \(difference)")
        }
    }
}

extension StateEntry {
    /// The kind of change, for the trace.
    var label: String {
        switch self {
        case .noop: "noop"
        case .jobRegister(let registration): "jobRegister \(registration.job.id)"
        case .jobDeregister(let request): "jobDeregister \(request.key.id)"
        case .nodeRegister(let registration): "nodeRegister \(registration.node.name)"
        case .nodeStatus(let change): "nodeStatus \(change.status.rawValue) \(change.nodes.count)"
        case .nodeEligibility(let change): "nodeEligibility \(change.eligibility.rawValue)"
        case .evaluationsUpdate(let evaluations, _): "evaluations \(evaluations.count)"
        case .plans(let plans): "plans \(plans.count)"
        case .allocationUpdates(let reports): "reports \(reports.reports.count)"
        case .allocationTransition(let request): "transition \(request.allocations.count)"
        case .schedulerConfiguration(let change): "scheduler \(change.configuration.schedulerAlgorithm)"
        case .namespaceUpsert(let namespace): "namespace \(namespace.name)"
        case .namespaceDelete(let name): "namespaceDelete \(name)"
        case .quotaUpsert(let quota): "quota \(quota.name)"
        case .quotaDelete(let name): "quotaDelete \(name)"
        case .nodePoolUpsert(let pool): "nodePool \(pool.name)"
        case .nodePoolDelete(let name): "nodePoolDelete \(name)"
        case .clusterIdentity(let identity): "identity \(identity.id)"
        case .variableWrite(let write): "variable \(write.key.path)"
        case .variableDelete(let deletion): "variableDelete \(deletion.key.path)"
        case .variableUnlock(let unlock): "unlock \(unlock.step) \(unlock.locks.count)"
        case .variableReseal(let resealing): "reseal \(resealing.items.count)"
        case .rootKeyAdd(let addition): "rootKey \(addition.id)"
        case .rootKeyDelete(let deletion): "rootKeyDelete \(deletion.id)"
        #if DEBUG
            case .namespaceNote(let namespace, _): "namespaceNote \(namespace.name)"
        #endif
        case .restorePart(let part): "restorePart \(part.offset)"
        case .restore(let order): "restore \(order.size)"
        case .restoreAbandon(let id): "restoreAbandon \(id)"
        case .autopilotConfiguration: "autopilot"
        case .serverExpel(let id): "serverExpel \(id)"
        case .collect(let garbage): "collect \(garbage.evaluations.count) \(garbage.allocations.count)"
        }
    }

    /// Placements, stops, reports and evaluations, a line each.
    var details: [String] {
        switch self {
        case .plans(let plans):
            return plans.flatMap { plan in
                plan.stops.map { "stop \($0.id) \($0.description)" }
                    + plan.placements.flatMap { batch in
                        batch.ids.indices.map { position in
                            "place \(batch.ids[position]) \(plan.jobID).\(batch.taskGroup)"
                                + "[\(batch.nameIndexes[position])] on \(batch.nodes[position])"
                        }
                    } + plan.ending.map(\.traceLine)
            }
        case .allocationUpdates(let reports):
            return reports.reports.map { "report \($0.id) \($0.clientStatus.rawValue)" }
        case .evaluationsUpdate(let evaluations, _):
            return evaluations.map(\.traceLine)
        default: return []
        }
    }
}

extension Evaluation {
    fileprivate var traceLine: String { "evaluation \(id) \(jobID) \(status.rawValue) \(triggeredBy)" }
}

/// Makes calls and notes the indexes their answers promise.
struct RecordingCaller: Caller {
    let caller: any Caller
    let recorder: ClusterRecorder

    func call<Call: ServerCall>(_ call: Call, context: CallContext, deadline: Duration) async throws -> Call.Reply {
        let reply = try await caller.call(call, context: context, deadline: deadline)
        switch reply {
        case let reply as JobReply: recorder.acknowledge(reply.index)
        case let reply as IndexReply: recorder.acknowledge(reply.index)
        case let reply as RegisterNodeReply: recorder.acknowledge(reply.index)
        case let reply as UpdatedReply: recorder.acknowledge(reply.index)
        case let reply as NodeUpdateReply: recorder.acknowledge(reply.index)
        default: break
        }
        return reply
    }
}
