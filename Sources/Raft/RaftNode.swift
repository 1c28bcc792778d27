package import Basics

/// One server's part in the Raft consensus algorithm, as a value: events in, ordered effects out.
///
/// It knows no clock, disk, network or thread. The same start and the same events at the same times give the same run. After Ongaro and
/// Ousterhout, "In Search of
/// an Understandable Consensus Algorithm" (cited as Raft §), and Ongaro's dissertation; the shape `step -> Ready` is
/// etcd's.
package struct RaftNode: Sendable {
    package let id: ServerID
    let settings: RaftSettings
    var generator: SeededGenerator

    /// Term and vote; `isHardStateDurable` is false from a change until it is synced.
    var hardState: HardState
    var isHardStateDurable = true
    var log: RaftLog
    /// Indexes of entries in the log that only a later release knows, ascending. None of them is delivered, and this server does
    /// not campaign, until a snapshot that covers its whole log has taken their place.
    var unknown: [UInt64]
    /// Memberships in force from an index on, ascending; the last one counts (dissertation §4.1).
    var memberships: [(index: UInt64, membership: Membership)]
    /// The highest index handed out in ``Ready/committed``.
    var deliveredIndex: UInt64

    var role = Role.follower
    var leader: ServerID?
    /// The time of the event being taken.
    var now = Uptime(nanoseconds: 0)
    /// Ticks since the last word of a leader, a vote given, or (as leader) the last quorum check.
    var electionElapsed = 0
    /// Ticks since a leader may last have counted on this server's silence towards candidates; `electionTicks` frees it.
    var promiseElapsed: Int
    /// This round's election timeout, drawn from electionTicks ..< 2 × electionTicks.
    var electionTimeout = 0
    /// While a candidate or pre-candidate: who answered, and how.
    var votes: [(voter: ServerID, isGranted: Bool)] = []
    /// While a leader; reset on every election.
    var leading = Leading()

    var ready = Ready()
    var fault: RaftFault?
    private var reportedStatus: RaftStatus?

    /// What only a leader keeps.
    struct Leading: Sendable {
        /// One for each other member, sorted by id.
        var peers: [Progress] = []
        var heartbeatElapsed = 0
        var transferTarget: ServerID?
        var uncommittedBytes = 0
        /// Reads waiting until a majority answered their round, in the order of their rounds.
        var reads: [PendingRead] = []
        /// The newest round of heartbeats, and when those no majority has answered yet were begun.
        var round: UInt64 = 0
        var rounds: [(round: UInt64, begin: Uptime)] = []
        /// Until when nobody else can lead; nil before a majority has answered.
        var leaseEnd: Uptime?
        /// Somebody was invited to campaign, now or whenever the message arrives: no lease holds any more.
        var hasInvited = false
    }

    struct PendingRead: Sendable {
        let id: UInt64
        let index: UInt64
        let round: UInt64
    }

    /// What a server finds on its disk when it starts.
    package struct Restored: Sendable {
        package var hardState: HardState
        package var snapshot: SnapshotMetadata
        /// All entries after the snapshot, successive indexes.
        package var entries: [LogEntry]
        /// Indexes of those that the state machine does not know, ascending.
        package var unknown: [UInt64] = []

        package init(hardState: HardState = HardState(), snapshot: SnapshotMetadata = .empty, entries: [LogEntry] = [])
        {
            self.hardState = hardState
            self.snapshot = snapshot
            self.entries = entries
        }
    }

    /// `seed` is for election timeouts only; give every server another one.
    package init(id: ServerID, restored: Restored, settings: RaftSettings = RaftSettings(), seed: UInt64) {
        precondition(settings.electionTicks > settings.heartbeatTicks, "electionTicks must exceed heartbeatTicks")
        self.id = id
        self.settings = settings
        generator = SeededGenerator(seed: seed)
        hardState = restored.hardState
        log = RaftLog(snapshot: restored.snapshot, entries: restored.entries)
        unknown = restored.unknown
        memberships = [(restored.snapshot.index, restored.snapshot.membership)]
        deliveredIndex = restored.snapshot.index
        // A leader may count on what this server answered before it was restarted.
        promiseElapsed = restored.hardState.term == 0 ? settings.electionTicks : 0
        adoptMemberships(in: restored.entries)
        resetElectionTimer()
    }

    /// Takes one event and tells what to do. Constant work, but for the entries handed over.
    ///
    /// `now` is a time between what led to the event and the handling of what comes of it, on a clock that never goes back and
    /// counts while the machine sleeps; only the lease looks at it.
    package mutating func step(_ event: Event, at now: Uptime) -> Ready {
        guard fault == nil else { return Ready() }
        self.now = now
        switch event {
        case .start: start()
        case .bootstrap(let membership): bootstrap(membership)
        case .tick: tick()
        case .receive(let message): receive(message)
        case .propose(let proposals): propose(proposals)
        case .changeMembership(let membership): changeMembership(to: membership)
        case .transferLeadership(let target): transferLeadership(to: target)
        case .read(let id): read(id)
        case .persisted(let mark): persisted(mark)
        case .fetched(let peer, let previousTerm, let entries): fetched(entries, previousTerm: previousTerm, for: peer)
        case .snapshotSaved(let metadata, let firstIndex): snapshotSaved(metadata, firstIndex: firstIndex)
        case .snapshotSent(let peer, let isInstalled): snapshotSent(to: peer, isInstalled: isInstalled)
        case .handOver(let peer): handOver(to: peer)
        case .trim(let index): log.trim(through: min(index, deliveredIndex))
        }
        return takeReady()
    }

    // MARK: - Looking in

    package var membership: Membership { memberships[memberships.count - 1].membership }
    package var term: UInt64 { hardState.term }
    package var commitIndex: UInt64 { log.commitIndex }
    package var lastIndex: UInt64 { log.lastIndex }
    package var isLeader: Bool { role == .leader }
    package var status: RaftStatus {
        RaftStatus(role: role, term: term, leader: leader, membership: membership, isStranded: !unknown.isEmpty)
    }

    /// The membership in force at an applied index, for the metadata of a snapshot taken there.
    package func membership(at index: UInt64) -> Membership {
        memberships.last { $0.index <= index }?.membership ?? memberships[0].membership
    }

    /// The term of the entry at `index`; nil when it is not in memory or not there.
    package func term(at index: UInt64) -> UInt64? { log.term(at: index) }

    /// The entries in memory from `first` on; none when `first` has left it.
    package func entries(from first: UInt64) -> [LogEntry] { log.entries(from: first, bytesMax: .max) }

    /// The newest snapshot it knows of: what lies before it cannot be asked for.
    package var snapshot: SnapshotMetadata { log.snapshot }

    /// How far each other member's disk is known to be; empty unless this server leads.
    package var peerMatches: [(id: ServerID, match: UInt64)] { isLeader ? leading.peers.map { ($0.id, $0.match) } : [] }

    // MARK: - Finishing a step

    private mutating func takeReady() -> Ready {
        let applicable = min(log.commitIndex, log.durableIndex)
        if fault == nil, applicable > deliveredIndex {
            ready.committed = log.entries((deliveredIndex + 1)...applicable)
            deliveredIndex = applicable
            if settings.seededBug == .appliesOutOfOrder, !isLeader { exchangeCommitted() }
        }
        if ready.hardState != nil || !ready.entries.isEmpty || ready.install != nil {
            ready.mark = PersistMark(hardState: hardState, lastIndex: log.lastIndex, lastTerm: log.lastTerm)
        }
        if reportedStatus?.role != role || reportedStatus?.term != term || reportedStatus?.leader != leader
            || reportedStatus?.membership != membership || reportedStatus?.isStranded == unknown.isEmpty
        {
            reportedStatus = status
            ready.status = status
        }
        ready.fault = fault
        let result = ready
        ready = Ready()
        return result
    }

    /// ``SeededBug/appliesOutOfOrder``.
    private mutating func exchangeCommitted() {
        guard let last = ready.committed.last, ready.committed.count > 1 else { return }
        let other = ready.committed[ready.committed.count - 2]
        ready.committed.removeLast(2)
        ready.committed += [
            LogEntry(index: other.index, term: other.term, kind: last.kind, data: last.data),
            LogEntry(index: last.index, term: last.term, kind: other.kind, data: other.data),
        ]
    }

    private mutating func persisted(_ mark: PersistMark) {
        if mark.hardState == hardState { isHardStateDurable = true }
        log.persisted(mark)
        if isLeader { advanceCommit() }
    }

    mutating func setHardState(term: UInt64, vote: ServerID?) {
        precondition(term >= hardState.term, "term \(hardState.term) of \(id) would go back to \(term)")
        guard hardState.term != term || hardState.vote != vote else { return }
        hardState = HardState(term: term, vote: vote)
        isHardStateDurable = false
        ready.hardState = hardState
    }

    /// Queues a message for after the disk.
    mutating func send(_ body: Message.Body, to peer: ServerID, term: UInt64? = nil) {
        ready.messages.append(Message(from: id, to: peer, term: term ?? hardState.term, body: body))
    }

    /// Queues a message that promises nothing about entries; it waits for the disk only while the term itself is not
    /// synced.
    mutating func sendEarly(_ body: Message.Body, to peer: ServerID) {
        guard isHardStateDurable else { return send(body, to: peer) }
        ready.early.append(Message(from: id, to: peer, term: hardState.term, body: body))
    }

    /// Adds entries to the log and to what must be persisted.
    mutating func appendToLog(_ entries: [LogEntry]) {
        log.append(entries)
        ready.entries.append(contentsOf: entries)
        adoptMemberships(in: entries)
    }

    mutating func adoptMemberships(in entries: [LogEntry]) {
        for entry in entries where entry.kind == .membership {
            guard let membership = Membership(bytes: entry.data) else { continue }
            memberships.append((entry.index, membership))
        }
    }
}
