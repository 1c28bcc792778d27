import Basics
import Raft

/// Some servers, their disks and the messages between them, all in one value; the tests decide what happens next.
///
/// A server's writes are durable only after `sync`; a crash loses the rest. Every applied entry is compared with what
/// any server applied at
/// that index before, every new leader with all that was ever applied (Raft figure 3).
struct Cluster {
    struct Disk {
        var hardState = HardState()
        var snapshot = SnapshotMetadata.empty
        var entries: [LogEntry] = []
    }

    struct Server {
        var node: RaftNode?
        var disk = Disk()
        var unsynced: [Ready] = []
        var appliedIndex: UInt64 = 0
    }

    var servers: [ServerID: Server] = [:]
    let ids: [ServerID]
    var network: [Message] = []
    /// What was committed anywhere, by index.
    var canon: [UInt64: LogEntry] = [:]
    var leaders: [UInt64: ServerID] = [:]
    var violations: [String] = []
    var outcomes: [ProposalOutcome] = []
    /// Reads under way: the index they must not be served below.
    var reads: [UInt64: UInt64] = [:]
    var readsServed = 0
    var snapshotsInstalled = 0
    /// Servers of an earlier release, which knows no entries that begin with `n`.
    var earlier: Set<ServerID> = []
    var strandedStarts = 0
    /// A disk that says it synced but loses everything since the last real sync: to show that the checks notice.
    var isSyncALie = false
    /// Everybody's clock, in ticks. A server's own ticks are at least that far apart.
    private(set) var now = 0
    private var ticked: [ServerID: Int] = [:]
    private(set) var readsByLease = 0
    private var settings = RaftSettings()
    private var generator: SeededGenerator

    init(
        voters: [String], learners: [String] = [], spares: [String] = [], seed: UInt64,
        settings: RaftSettings = RaftSettings()
    ) {
        generator = SeededGenerator(seed: seed)
        self.settings = settings
        let members =
            voters.map { Membership.Member(id: ServerID($0), address: "") }
            + learners.map { Membership.Member(id: ServerID($0), address: "", isVoter: false) }
        let start = SnapshotMetadata(index: 0, term: 0, membership: Membership(members: members))
        ids = (voters + learners + spares).map(ServerID.init)
        for id in ids {
            servers[id] = Server(disk: Disk(snapshot: spares.contains(id.name) ? .empty : start))
        }
        for id in ids { restart(id) }
    }

    // MARK: - What may happen

    mutating func restart(_ id: ServerID) {
        guard let disk = servers[id]?.disk else { return }
        var restored = RaftNode.Restored(hardState: disk.hardState, snapshot: disk.snapshot, entries: disk.entries)
        if earlier.contains(id) { restored.unknown = disk.entries.filter(Cluster.isLater).map(\.index) }
        if !restored.unknown.isEmpty { strandedStarts += 1 }
        servers[id]?.node = RaftNode(id: id, restored: restored, settings: settings, seed: generator.next())
        servers[id]?.unsynced = []
        servers[id]?.appliedIndex = disk.snapshot.index
        committed[id] = 0
        step(id, .start)
    }

    mutating func crash(_ id: ServerID) {
        servers[id]?.node = nil
        servers[id]?.unsynced = []
    }

    @discardableResult
    mutating func step(_ id: ServerID, _ event: Event) -> Ready {
        guard let ready = servers[id]?.node?.step(event, at: Cluster.time(now)) else { return Ready() }
        handle(ready, of: id)
        return ready
    }

    /// Makes everything written so far durable, in order, then sends what waited for it.
    mutating func sync(_ id: ServerID) {
        while var server = servers[id], let ready = server.unsynced.first, server.node != nil {
            server.unsynced.removeFirst()
            if !isSyncALie { Cluster.write(ready, to: &server.disk) }
            servers[id] = server
            network.append(contentsOf: ready.messages)
            if let mark = ready.mark { step(id, .persisted(mark)) }
        }
    }

    mutating func deliver(at position: Int) {
        let message = network.remove(at: position)
        if case .installSnapshot = message.body { snapshotsInstalled += 1 }
        guard earlier.contains(message.to), servers[message.to]?.node != nil else {
            step(message.to, .receive(message))
            return
        }
        // As a server does: it takes nothing that it does not know, and says so.
        var isRefused = false
        if case .append(let append) = message.body { isRefused = append.entries.contains(where: Cluster.isLater) }
        if !isRefused { step(message.to, .receive(message)) }
        if isRefused || servers[message.to]?.node?.status.isStranded == true {
            snapshot(message.from, keep: 3)
            step(message.from, .handOver(to: message.to))
        }
    }

    private static func isLater(_ entry: LogEntry) -> Bool {
        entry.kind == .firstApplication && entry.data.first == UInt8(ascii: "n")
    }

    /// Saves a snapshot of what is applied and drops the log before it, but for `keep` entries.
    mutating func snapshot(_ id: ServerID, keep: UInt64) {
        sync(id)
        guard let server = servers[id], let node = server.node, server.appliedIndex > server.disk.snapshot.index,
            let last = server.disk.entries.first(where: { $0.index == server.appliedIndex })
        else { return }
        let metadata = SnapshotMetadata(index: last.index, term: last.term, membership: node.membership(at: last.index))
        let first = max(server.disk.entries[0].index, last.index - min(keep, last.index - 1))
        servers[id]?.disk.snapshot = metadata
        // A restart needs what follows the snapshot only; what is kept before it serves slow followers.
        servers[id]?.disk.entries.removeAll { $0.index <= last.index }
        kept[id] = (kept[id, default: []] + server.disk.entries).filter { $0.index >= first && $0.index <= last.index }
        step(id, .snapshotSaved(metadata, firstIndex: first))
        step(id, .trim(through: last.index))
    }

    private var kept: [ServerID: [LogEntry]] = [:]
    private var committed: [ServerID: UInt64] = [:]

    // MARK: - Effects

    private mutating func handle(_ ready: Ready, of id: ServerID) {
        network.append(contentsOf: ready.early)
        servers[id]?.unsynced.append(ready)
        if let fault = ready.fault { violations.append("\(id): \(fault)") }
        if let status = ready.status, status.role == .leader { checkLeader(id, term: status.term) }
        if let install = ready.install { servers[id]?.appliedIndex = install.index }
        for entry in ready.committed { apply(entry, on: id) }
        noteCommitted(by: id)
        for read in ready.reads { check(read) }
        if let outcome = ready.proposal { outcomes.append(outcome) }
        for fetch in ready.fetches { answer(fetch, of: id) }
        for peer in ready.snapshots { sendSnapshot(from: id, to: peer) }
    }

    private mutating func answer(_ fetch: LogFetch, of id: ServerID) {
        let all = kept[id, default: []] + (servers[id]?.disk.entries ?? [])
        let entries = all.filter { $0.index >= fetch.firstIndex }.prefix(3)
        let previous = all.first { $0.index + 1 == fetch.firstIndex }?.term ?? 0
        let isThere = entries.first?.index == fetch.firstIndex
        step(id, .fetched(peer: fetch.peer, previousTerm: previous, entries: isThere ? Array(entries) : []))
    }

    private mutating func sendSnapshot(from id: ServerID, to peer: ServerID) {
        guard let server = servers[id], let term = server.node?.term else { return }
        network.append(Message(from: id, to: peer, term: term, body: .installSnapshot(server.disk.snapshot)))
        step(id, .snapshotSent(peer: peer, isInstalled: true))
    }

    private static func write(_ ready: Ready, to disk: inout Disk) {
        if let install = ready.install {
            disk.snapshot = install
            disk.entries = []
        }
        if let hardState = ready.hardState { disk.hardState = hardState }
        if let first = ready.entries.first {
            disk.entries.removeAll { $0.index >= first.index }
            disk.entries.append(contentsOf: ready.entries)
        }
    }

    // MARK: - Checks (Raft figure 3)

    private mutating func apply(_ entry: LogEntry, on id: ServerID) {
        let expected = (servers[id]?.appliedIndex ?? 0) + 1
        if entry.index != expected { violations.append("\(id) applied \(entry.index) after \(expected - 1)") }
        servers[id]?.appliedIndex = entry.index
        if earlier.contains(id), Cluster.isLater(entry) {
            violations.append("\(id) applied \(entry.index), unknown to it")
        }
        if let known = canon[entry.index], known != entry {
            violations.append(
                "State Machine Safety: \(id) applied another entry \(entry.index): \(entry.term) for \(known.term)")
        }
        canon[entry.index] = entry
    }

    /// What a server believes committed must be the same everywhere and for ever, applied or not.
    private mutating func noteCommitted(by id: ServerID) {
        guard let commit = servers[id]?.node?.commitIndex, commit > committed[id, default: 0] else { return }
        for entry in held(by: id) where entry.index > committed[id, default: 0] && entry.index <= commit {
            if let known = canon[entry.index], known != entry {
                violations.append("\(id) commits another entry \(entry.index): \(entry.term) for \(known.term)")
            }
            canon[entry.index] = entry
        }
        committed[id] = commit
    }

    /// The log of a server as it sees it: on disk, and on its way there.
    private func held(by id: ServerID) -> [LogEntry] {
        guard let server = servers[id] else { return [] }
        var held = server.disk.entries
        for ready in server.unsynced {
            if ready.install != nil { held = [] }
            if let first = ready.entries.first { held.removeAll { $0.index >= first.index } }
            held += ready.entries
        }
        return held
    }

    private mutating func checkLeader(_ id: ServerID, term: UInt64) {
        if let other = leaders[term], other != id {
            violations.append("Election Safety: \(other) and \(id) lead term \(term)")
        }
        leaders[term] = id
        guard let server = servers[id] else { return }
        let byIndex = Dictionary(held(by: id).map { ($0.index, $0) }) { $1 }
        let snapshot = server.unsynced.compactMap(\.install).last?.index ?? server.disk.snapshot.index
        for (index, entry) in canon where index > snapshot && byIndex[index] != entry {
            violations.append("Leader Completeness: \(id) leads term \(term) without committed entry \(index)")
        }
    }

    /// Raft figure 3, Log Matching, over what lies on the disks.
    mutating func checkLogsMatch() {
        var seen: [UInt64: [UInt64: LogEntry]] = [:]
        for id in ids {
            for entry in servers[id]?.disk.entries ?? [] {
                if let other = seen[entry.index]?[entry.term], other != entry {
                    violations.append("Log Matching: two entries at \(entry.index), term \(entry.term)")
                }
                seen[entry.index, default: [:]][entry.term] = entry
            }
        }
    }

    mutating func read(_ readID: UInt64, at id: ServerID) {
        reads[readID] = canon.keys.max() ?? 0
        let ready = step(id, .read(readID))
        if !ready.reads.isEmpty, ready.early.isEmpty { readsByLease += 1 }
    }

    static func time(_ ticks: Int) -> Uptime { Uptime(nanoseconds: Int64(ticks) * 1_000_000_000) }

    mutating func passTime() { now += 1 }

    /// A tick, unless the server had one since time last passed.
    mutating func tick(_ id: ServerID) {
        guard ticked[id] != now else { return }
        ticked[id] = now
        step(id, .tick)
    }

    private mutating func check(_ outcome: ReadOutcome) {
        switch outcome {
        case .ready(let readID, let index):
            let floor = reads.removeValue(forKey: readID) ?? 0
            readsServed += 1
            if index < floor {
                violations.append("stale read: served at \(index), \(floor) was applied when it was asked")
            }
        case .refused(let readID, _): reads.removeValue(forKey: readID)
        }
    }
}
