internal import Basics
internal import Raft

/// What Raft promises (Raft figure 3), checked after every step of every server's core.
///
/// What was once seen stays noted, whatever becomes of the servers: a committed entry is that entry for ever.
struct RaftChecker {
    /// An entry's place and term name its content and all that precedes it.
    private struct Position: Hashable {
        let index: UInt64
        let term: UInt64
    }

    private struct Content: Equatable {
        let hash: UInt64
        /// Nil where it was not known.
        let previousTerm: UInt64?
    }

    /// What is known of one server, beyond its restarts.
    private struct Server {
        /// The votes that its disk was to remember, by term.
        var votes: [UInt64: ServerID] = [:]
        var durableTerm: UInt64 = 0
        var commitIndex: UInt64 = 0
        var deliveredIndex: UInt64 = 0
        /// Reads under way, and what was committed when they were asked for.
        var reads: [UInt64: UInt64] = [:]
    }

    private var contents: [Position: Content] = [:]
    /// Terms of what any server took for committed.
    private var committed: [UInt64: UInt64] = [:]
    private var committedIndex: UInt64 = 0
    private var leaders: [UInt64: ServerID] = [:]
    private var servers: [ServerID: Server] = [:]
    private var membershipIndex: UInt64 = 0
    /// The newest membership that is committed.
    private(set) var membership = Membership(members: [])

    /// Terms that had a leader.
    var termsLed: Int { leaders.count }

    /// Takes in a step of a server's core; returns what it broke.
    mutating func take(_ event: Event, _ node: RaftNode, _ ready: Ready) -> [String] {
        var found: [String] = []
        if case .start = event { restart(node, &found) }
        if case .persisted(let mark) = event { remember(mark.hardState, node, &found) }
        if let fault = ready.fault { found.append("\(node.id): \(fault)") }
        if case .read(let id) = event { servers[node.id]?.reads[id] = committedIndex }
        for read in ready.reads { answer(read, node, &found) }
        log(ready.entries, node, &found)
        if let metadata = ready.install { install(metadata, node, &found) }
        commit(node, &found)
        deliver(ready.committed, node, &found)
        if let status = ready.status, status.role == .leader { lead(node, &found) }
        return found
    }

    /// A server is there again with what its disk kept.
    private mutating func restart(_ node: RaftNode, _ found: inout [String]) {
        let durable = servers[node.id]?.durableTerm ?? 0
        if node.term < durable { found.append("\(node.id) forgot term \(durable), it is back in \(node.term)") }
        servers[node.id, default: Server()].commitIndex = node.snapshot.index
        servers[node.id]?.deliveredIndex = node.snapshot.index
        servers[node.id]?.reads = [:]
        log(node.entries(from: node.snapshot.index + 1), node, &found)
    }

    /// Raft §5.2: one vote a term, restarts or not.
    private mutating func remember(_ state: HardState, _ node: RaftNode, _ found: inout [String]) {
        let before = servers[node.id]?.durableTerm ?? 0
        servers[node.id]?.durableTerm = max(state.term, before)
        guard let vote = state.vote else { return }
        let known = servers[node.id]?.votes.updateValue(vote, forKey: state.term)
        if let known, known != vote {
            found.append("Election Safety: \(node.id) votes for \(known) and \(vote) in term \(state.term)")
        }
    }

    /// Log Matching: with index and term equal, so is the entry, and the term of the one before.
    private mutating func log(_ entries: [LogEntry], _ node: RaftNode, _ found: inout [String]) {
        var previousTerm = entries.first.flatMap { node.term(at: $0.index - 1) }
        for entry in entries {
            let content = Content(hash: Self.hash(entry), previousTerm: previousTerm)
            previousTerm = entry.term
            let position = Position(index: entry.index, term: entry.term)
            guard let known = contents[position] else {
                contents[position] = content
                continue
            }
            let isSame = known.previousTerm == nil || content.previousTerm == nil || known == content
            if known.hash != content.hash || !isSame {
                found.append("Log Matching: \(node.id) has another entry \(entry.index) of term \(entry.term)")
            }
        }
    }

    private mutating func install(_ metadata: SnapshotMetadata, _ node: RaftNode, _ found: inout [String]) {
        if let term = committed[metadata.index], term != metadata.term {
            found.append("\(node.id) installs a snapshot at \(metadata.index) of term \(metadata.term), not \(term)")
        }
        servers[node.id]?.commitIndex = metadata.index
        servers[node.id]?.deliveredIndex = metadata.index
    }

    /// What is committed once is never another entry; and a leader commits by counting only what is of its own term
    /// (Raft §5.4.2).
    private mutating func commit(_ node: RaftNode, _ found: inout [String]) {
        guard let before = servers[node.id]?.commitIndex, node.commitIndex > before else { return }
        servers[node.id]?.commitIndex = node.commitIndex
        for entry in node.entries(from: before + 1).prefix(Int(node.commitIndex - before)) {
            if let term = committed[entry.index], term != entry.term {
                found.append(
                    "Leader Completeness: \(node.id) commits entry \(entry.index) of term \(entry.term), "
                        + "which was committed as one of term \(term)")
            }
            committed[entry.index] = entry.term
            committedIndex = max(committedIndex, entry.index)
            if entry.kind == .membership, entry.index > membershipIndex, let new = Membership(bytes: entry.data) {
                (membershipIndex, membership) = (entry.index, new)
            }
        }
        if node.isLeader, let term = node.term(at: node.commitIndex), term != node.term {
            found.append(
                "\(node.id), leader of term \(node.term), commits entry \(node.commitIndex) of term \(term) by counting"
            )
        }
    }

    /// Dissertation §6.4: a read sees all that was committed when it was asked for, by whomever.
    private mutating func answer(_ read: ReadOutcome, _ node: RaftNode, _ found: inout [String]) {
        switch read {
        case .ready(let id, let index):
            guard let floor = servers[node.id]?.reads.removeValue(forKey: id), index < floor else { return }
            found.append("Linearizability: \(node.id) serves a read at \(index), asked for when \(floor) was committed")
        case .refused(let id, _): servers[node.id]?.reads[id] = nil
        }
    }

    /// Committed entries are handed out in order, as they are in the log.
    private mutating func deliver(_ entries: [LogEntry], _ node: RaftNode, _ found: inout [String]) {
        for entry in entries {
            let before = servers[node.id]?.deliveredIndex ?? 0
            if entry.index != before + 1 { found.append("\(node.id) applies entry \(entry.index) after \(before)") }
            servers[node.id]?.deliveredIndex = entry.index
            let content = contents[Position(index: entry.index, term: entry.term)]
            if content?.hash != Self.hash(entry) {
                found.append("State Machine Safety: \(node.id) applies another entry \(entry.index) than was logged")
            }
        }
    }

    /// Election Safety: one leader a term. Leader Completeness: it has all that is committed.
    private mutating func lead(_ node: RaftNode, _ found: inout [String]) {
        if let other = leaders.updateValue(node.id, forKey: node.term), other != node.id {
            found.append("Election Safety: \(other) and \(node.id) lead term \(node.term)")
        }
        let lost = committed.keys.sorted().first { index in
            guard index > node.snapshot.index else { return false }
            // What left the memory was applied here.
            return index > node.lastIndex || node.term(at: index).map { $0 != committed[index] } ?? false
        }
        if let lost {
            found.append("Leader Completeness: \(node.id) leads term \(node.term) without committed entry \(lost)")
        }
    }

    private static func hash(_ entry: LogEntry) -> UInt64 {
        var hasher = StableHasher()
        hasher.combine(UInt64(entry.kind.rawValue))
        hasher.combine(entry.data)
        return hasher.value
    }
}
