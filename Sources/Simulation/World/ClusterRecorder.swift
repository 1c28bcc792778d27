internal import Basics
internal import Model
internal import RPC
internal import Raft
internal import SimulatedSeam
internal import StateStore
internal import Synchronization

/// Sees every step of every server: traces what they apply, keeps a state beside theirs, and checks what must always hold.
///
/// That state never restarts. Each server must apply the entries that it was given, and hold an equal state at an equal
/// index: looked at after restarts, after snapshots from the leader, and every ``compareInterval`` entries.
final class ClusterRecorder: Sendable {
    fileprivate struct State {
        var raft = RaftChecker()
        var shadow = StateTables()
        /// The shadow as it was after each of the last entries, for comparing.
        var past: [UInt64: Snapshot] = [:]
        var digest: (index: UInt64, lines: [String])?
        /// Of the entries that were applied.
        var hashes: [UInt64: UInt64] = [:]
        var replicas: [String: Replica] = [:]
        var violations: [String] = []
        var acknowledgedIndex: UInt64 = 0
        var placed = 0
    }

    /// How far one server's state is, and how far it was looked at.
    fileprivate struct Replica {
        var appliedIndex: UInt64 = 0
        var checkedIndex: UInt64 = 0
        var comparedIndex: UInt64 = 0
        /// Its state was restored and has to be compared as soon as it can be.
        var isRestored = false
    }

    /// Violations kept; more of them say nothing new.
    private static let violationsMax = 10
    /// Entries between two comparisons of a server's whole state.
    private static let compareInterval: UInt64 = 60
    /// Past states kept: servers that lag by more are compared once they have caught up.
    private static let pastMax: UInt64 = 200

    private let trace: Trace
    private let state = Mutex(State())

    init(trace: Trace) { self.trace = trace }

    var violations: [String] { state.withLock { $0.violations } }
    var placed: Int { state.withLock { $0.placed } }
    var acknowledgedIndex: UInt64 { state.withLock { $0.acknowledgedIndex } }
    var termsLed: Int { state.withLock { $0.raft.termsLed } }
    /// The newest membership that is committed.
    var membership: Membership { state.withLock { $0.raft.membership } }
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

    /// A server's Raft core has taken a step.
    func stepped(_ event: Event, _ node: RaftNode, _ ready: Ready) {
        if let status = ready.status {
            trace.record("raft \(node.id) \(status.role) \(status.term) leader \(status.leader?.name ?? "none")")
        }
        for violation in state.withLock({ $0.raft.take(event, node, ready) }) { report(violation) }
    }

    /// A server has opened the log and holds what its snapshot had.
    func opened(_ server: String, _ snapshot: Snapshot) { restored(server, snapshot) }

    /// Takes in a batch that a server has just applied; no entries: it has restored the leader's snapshot.
    func applied(_ server: String, _ entries: ArraySlice<LogEntry>, _ outcomes: [ApplyOutcome], _ snapshot: Snapshot) {
        guard !entries.isEmpty else { return restored(server, snapshot) }
        for entry in entries { take(entry, of: server) }
        let checked = state.withLock { state -> UInt64 in
            defer { state.replicas[server]?.checkedIndex = snapshot.index }
            return state.replicas[server]?.checkedIndex ?? 0
        }
        let rows = Set(snapshot.touchedNodes(since: checked) ?? Array(0..<snapshot.nodeRowLimit))
        let nodes = StateChecker.nodes(rows.sorted(), in: snapshot)
        for violation in nodes { report("at \(snapshot.index): \(violation)") }
        for key in Set(outcomes.flatMap(\.jobs)).sorted() {
            guard let record = snapshot.jobRecord(key.namespace, key.id) else { continue }
            for violation in StateChecker.job(record, in: snapshot) { report("at \(snapshot.index): \(violation)") }
        }
        compare(server, snapshot)
    }

    private func restored(_ server: String, _ snapshot: Snapshot) {
        state.withLock { state in
            state.replicas[server] = Replica(appliedIndex: snapshot.index, isRestored: true)
        }
        compare(server, snapshot)
    }

    private func take(_ entry: LogEntry, of server: String) {
        var hasher = StableHasher()
        hasher.combine(entry.data)
        let hash = hasher.value
        let (isNews, broken) = state.withLock { $0.take(entry, hash, of: server) }
        if let broken { report(broken) }
        guard isNews else { return trace.record("apply \(server) \(entry.index)") }
        guard let change = try? StateEntry(decoding: entry.data) else {
            return report("entry \(entry.index) cannot be decoded")
        }
        trace.record("apply \(server) \(entry.index) \(change.label) \(String(hash, radix: 16))")
        for line in change.details { trace.record(line) }
        state.withLock { state in
            state.placed += state.shadow.apply(change, index: entry.index).placedCount
            state.past[entry.index] = state.shadow.snapshot()
            if entry.index > Self.pastMax { state.past[entry.index - Self.pastMax] = nil }
        }
    }

    /// Compares a server's whole state, when it is time to and the state of that index is known.
    private func compare(_ server: String, _ snapshot: Snapshot) {
        let own = state.withLock { state -> Snapshot? in
            guard let replica = state.replicas[server],
                replica.isRestored || snapshot.index >= replica.comparedIndex + Self.compareInterval,
                let own = state.past[snapshot.index]
            else { return nil }
            state.replicas[server]?.isRestored = false
            state.replicas[server]?.comparedIndex = snapshot.index
            return own
        }
        guard let own else { return }
        if let difference = StateDigest.difference(digest(own), StateDigest.lines(snapshot)) {
            report("the state of \(server) differs at \(snapshot.index): \(difference)")
        }
    }

    /// Of one of the past states; servers are often compared with the same one after the other.
    private func digest(_ own: Snapshot) -> [String] {
        if let known = state.withLock({ $0.digest }), known.index == own.index { return known.lines }
        let lines = StateDigest.lines(own)
        state.withLock { $0.digest = (own.index, lines) }
        return lines
    }

    /// Compares a server's whole state with the newest one now.
    func compareAtRest(_ server: String, _ snapshot: Snapshot) {
        state.withLock { $0.replicas[server]?.isRestored = true }
        compare(server, snapshot)
    }
}

extension ClusterRecorder.State {
    /// Notes an entry that a server applies; returns whether none has applied it before, and what is wrong with it.
    fileprivate mutating func take(_ entry: LogEntry, _ hash: UInt64, of server: String) -> (isNews: Bool, String?) {
        let before = replicas[server]?.appliedIndex ?? 0
        replicas[server]?.appliedIndex = entry.index
        guard entry.index > before else { return (false, "\(server) applies entry \(entry.index) after \(before)") }
        if let skipped = (before + 1..<entry.index).first(where: { hashes[$0] != nil }) {
            return (false, "\(server) applies entry \(entry.index) without \(skipped)")
        }
        guard entry.index <= shadow.index else {
            hashes[entry.index] = hash
            return (true, nil)
        }
        let isSame = hashes[entry.index] == hash
        return (false, isSame ? nil : "\(server) applies another entry \(entry.index) than was applied before")
    }
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
