package import Basics
internal import Consensus
package import Logging
package import PluginHost
internal import RPC
package import Raft
internal import Recovery
package import StateStore
internal import Synchronization

/// One server: a member of the replicated log with the state behind it, and, while it leads, the queues and clocks of
/// the cluster.
///
/// ```
/// calls ─► propose ─► ReplicatedLog ─► ReplicatedState ─► ChangeFeed (readers, clients)
///                                        └─► EvaluationQueue ─► Worker ─► PlanPipeline ─► propose
/// ```
/// Made by ``open(_:seam:placers:log:)``; alive while ``run()`` runs in its caller's task tree.
package final class ServerAgent: Sendable {
    let settings: ServerOptions
    let seam: Seam
    let log: Logger
    let placers: any SchedulerRegistry
    let state: ReplicatedState
    let consensus: ReplicatedLog<ReplicatedState>
    let queue: EvaluationQueue
    let plans: PlanPipeline
    /// Who makes a large plan.
    let largePlans: Turnstile
    let journal: SchedulerJournal
    let shadow: ShadowPipeline
    let accessControl = AccessControl()
    let heartbeats: HeartbeatMonitor
    /// Heartbeats for the leader that came here.
    let heartbeatLine = HeartbeatLine()
    /// Connections between callers and clients that cannot reach each other.
    let relays = RelayHub()
    let locks: VariableLocks
    let keystore: Keystore
    /// One new root key at a time.
    let rootKeyChanges = Turnstile(limit: 1)
    /// Before then no more variables are encrypted anew.
    let nextResealing = Mutex(Uptime(nanoseconds: 0))
    /// Which cluster this is, who else is in it, and what goes to and comes from them.
    let allegiance: Allegiance
    let directory = ServerDirectory()
    let peers: PeerTransport
    /// Who else there is, by gossip; nil when only what is configured and greeted is known.
    let pool: (any MemberPool)?
    /// Which server of another region is next to be asked.
    let regionTurn = Atomic(0)
    let snapshotInbox = SnapshotInbox()
    /// One change of the membership at a time, one beginning or end of leading, and one restore.
    let membershipChanges = Turnstile(limit: 1)
    let leadershipChanges = Turnstile(limit: 1)
    let restores = Turnstile(limit: 1)
    /// Snapshots on their way out of the cluster and into it.
    let archives: ArchiveShelf
    /// This life of the server.
    let incarnation: ID
    let introductions: Mutex<Introductions>
    /// When the leader was last heard of.
    let leaderContact: Mutex<Uptime>
    let contacts: Mutex<Contacts>
    let autopilot = Mutex(Autopilot())
    /// Set while this server leads, has applied all that was committed before, and its queues are filled.
    let isEstablished = Atomic(false)
    /// Entries of a later release were turned away, which is logged once.
    let hasMetLaterKinds = Atomic(false)
    /// Set once this server was told that an operator removed it from the cluster.
    let isExpelled = Atomic(false)
    /// Wakes those who watch for another leader.
    let successions = Waiters<Bool>()

    /// When Raft's messages of each server came last, and since when this one leads.
    struct Contacts {
        var last: [ServerID: Uptime] = [:]
        var leadingSince: Uptime
    }

    /// What is said to other servers, and what came of it.
    struct Introductions {
        var ballot = ID.none
        var version: UInt64 = 0
        /// Addresses at which this server found itself.
        var ownAddresses: Set<String> = []
        /// Addresses that could not be greeted, and why; logged once.
        var failures: [String: CallError.Code] = [:]
    }

    private init(
        settings: ServerOptions, seam: Seam, placers: any SchedulerRegistry, log: Logger, state: ReplicatedState,
        consensus: ReplicatedLog<ReplicatedState>, queue: EvaluationQueue, locks: VariableLocks, keystore: Keystore,
        allegiance: Allegiance, peers: PeerTransport, pool: (any MemberPool)?
    ) {
        self.settings = settings
        self.seam = seam
        self.placers = placers
        self.log = log
        self.state = state
        self.consensus = consensus
        self.queue = queue
        self.locks = locks
        self.keystore = keystore
        self.allegiance = allegiance
        self.peers = peers
        self.pool = pool
        incarnation = seam.random.id()
        introductions = Mutex(Introductions(version: allegiance.version))
        leaderContact = Mutex(seam.time.uptime)
        contacts = Mutex(Contacts(leadingSince: seam.time.uptime))
        archives = ArchiveShelf(folder: settings.folder + "/archives", seam: seam)
        plans = PlanPipeline(seam: seam, limit: settings.plansPerEntryMax)
        largePlans = Turnstile(limit: settings.workers)
        journal = SchedulerJournal(time: seam.time)
        shadow = ShadowPipeline(time: seam.time)
        heartbeats = HeartbeatMonitor(
            seam: seam,
            settings: Heartbeats.Settings(
                intervalMin: settings.heartbeatIntervalMin, grace: settings.heartbeatGrace,
                perSecondMax: settings.heartbeatsPerSecondMax, failover: settings.heartbeatFailover))
    }

    /// Opens the log and restores the state; the data folder is locked until ``run()`` has ended.
    ///
    /// `pool` tells of other servers, of this region and of others, while the server runs; `probe` sees what a simulation
    /// wants to see.
    /// Throws ``ConsensusError`` when the folder is in use, unwritable, or holds a damaged log.
    package static func open(
        _ settings: ServerOptions, seam: Seam, placers: any SchedulerRegistry, log: Logger,
        pool: (any MemberPool)? = nil, probe: ServerProbe = ServerProbe()
    ) async throws -> ServerAgent {
        let queue = EvaluationQueue(time: seam.time, region: settings.region, desks: settings.workers)
        let locks = VariableLocks(time: seam.time)
        let state = ReplicatedState { entries, outcomes, snapshot in
            probe.applied(entries, outcomes, snapshot)
            for outcome in outcomes {
                queue.take(outcome, snapshot: snapshot)
                locks.take(outcome, snapshot: snapshot)
            }
        }
        var configuration = ConsensusConfiguration(
            id: ServerID(settings.id), folder: settings.folder + "/raft", bootstrap: settings.bootstrap)
        configuration.log.segmentBytes = settings.logSegmentBytes
        configuration.snapshotAfterBytes = settings.snapshotAfterBytes
        configuration.tickMultiplier = settings.raftMultiplier
        configuration.raft.appendBytesMax = settings.appendBytesMax
        configuration.raft.seededBug = probe.seededBug
        configuration.inspect = probe.stepped
        configuration.report = { report in
            switch report {
            case .tornTail(let bytes, let folder):
                log.warning(
                    "cut a torn tail off the log; nothing in it had been acknowledged",
                    metadata: ["bytes": "\(bytes)", "folder": "\(folder)"])
            case .snapshotFailed(let error): log.error("snapshot failed", metadata: ["error": "\(error)"])
            }
        }
        let recovery = settings.folder + "/" + ClusterRecord.recoveryFileName
        guard try await !seam.blocking.run({ seam.disk.exists(recovery) }) else {
            throw CallError(
                .conflict,
                "\(recovery) says that the recovery of a lost quorum was interrupted; run \"drover operator raft recover\" again"
            )
        }
        let keystore = try await Keystore.load(folder: settings.folder + "/keystore", seam: seam)
        try await ArchiveShelf.clear(settings.folder + "/archives", seam: seam)
        let raft = configuration.folder
        if let count = try await seam.blocking.run({ try PeersFile.takeIn(raft, disk: seam.disk) }) {
            log.warning("took the members of the raft group from peers.json", metadata: ["servers": "\(count)"])
        }
        let allegiance = try await Allegiance.load(folder: settings.folder, id: settings.id, seam: seam)
        let peers = PeerTransport(
            id: configuration.id, address: settings.rpcAddress, allegiance: allegiance, seam: seam, log: log)
        let consensus = try await ReplicatedLog.open(configuration, machine: state, transport: peers, seam: seam)
        // A group that was begun alone, by this start or by a release that knew no others, gets its name here.
        if allegiance.cluster == nil, !consensus.status.membership.members.isEmpty {
            try await allegiance.join(seam.random.id())
        }
        return ServerAgent(
            settings: settings, seam: seam, placers: placers, log: log, state: state, consensus: consensus,
            queue: queue, locks: locks, keystore: keystore, allegiance: allegiance, peers: peers,
            pool: pool)
    }

    /// This server's id in the group.
    package var id: String { settings.id }

    /// The state as this server knows it.
    package var snapshot: Snapshot { state.feed.snapshot }

    /// Saves a snapshot now and drops the log before it.
    package func saveSnapshot() async throws { _ = try await consensus.saveSnapshot() }

    /// Its place in the Raft group.
    package var raftStatus: RaftStatus { consensus.status }

    /// Whether it leads and its state holds all that was ever acknowledged.
    package var isLeader: Bool { isEstablished.load(ordering: .acquiring) && consensus.isLeader }

    /// Returns once this server's state holds all that was acknowledged before the call.
    ///
    /// A server that has just started leads before its log is read back. Until then its state is that of an earlier time, in
    /// which allocations that run are missing: a client that believed it would end them.
    /// - Parameter isConfirmed: make sure that no other server leads by now, which costs a round of messages; what is read
    ///   from the state afterwards is linearizable (dissertation §6.4). Writes need it not: the log refuses them.
    /// - Throws: ``CallError``: `undone` when it does not lead.
    func waitForLeadership(isConfirmed: Bool) async throws {
        let isLeading = isLeader
        guard !isLeading || isConfirmed else { return }
        let isAlone = consensus.status.membership.members.map(\.id.name) == [settings.id]
        guard !isLeading || !isAlone else { return }
        guard consensus.isLeader else { throw CallError(.undone, "No cluster leader") }
        do {
            try await consensus.barrier()
        } catch let error as ConsensusError {
            throw CallError(error)
        }
    }

    /// Does the work until cancelled or until the log fails; then throws what it failed of.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.consensus.run() }
            group.addTask { try await self.peers.run() }
            group.addTask { try await self.runJoining() }
            group.addTask { try await self.followLeadership() }
            group.addTask { try await self.runClock() }
            group.addTask { try await self.passHeartbeatsOn() }
            group.addTask { try await self.runKeyring() }
            group.addTask { try await self.plans.run(self) }
            group.addTask { try await self.shadow.run(self) }
            for number in 0..<settings.workers {
                let desk = Worker.Desk(number: number)
                for _ in 0..<Worker.perDesk { group.addTask { await Worker(server: self, desk: desk).run() } }
            }
            defer { group.cancelAll() }
            try await group.next()
            group.cancelAll()
            // When the log fails, what hangs on it may end first and without an error.
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
    }

    /// Logs an entry and returns what it changed, once it is durable and applied.
    ///
    /// - Throws: ``CallError``: `unavailable` without leadership, or what the entry was refused for.
    @discardableResult
    package func propose(_ entry: StateEntry) async throws -> ApplyOutcome {
        let outcome = try await carryOut(entry)
        if let refusal = outcome.refusal { throw CallError(refusal) }
        return outcome
    }

    /// As ``propose(_:)``, for callers that look at the outcome's refusal themselves.
    func carryOut(_ entry: StateEntry) async throws -> ApplyOutcome {
        try requireKnownToAll(entry)
        do {
            return try await consensus.propose(ReplicatedState.entryKind, entry.encoded, command: entry).output
        } catch let error as ConsensusError {
            throw CallError(error)
        }
    }
}

extension ServerAgent {
    /// As ``propose(_:)``, for entries that must reach the log in the order of the calls and in this term of leadership;
    /// `completion` runs on the applier and must be quick.
    func submit(
        _ entry: StateEntry, term: UInt64, _ completion: @escaping @Sendable (Result<ApplyOutcome, any Error>) -> Void
    ) {
        do {
            try requireKnownToAll(entry)
        } catch {
            return completion(.failure(error))
        }
        consensus.submit(ReplicatedState.entryKind, entry.encoded, command: entry, term: term) { result in
            switch result {
            case .success(let applied):
                if let refusal = applied.output.refusal { return completion(.failure(CallError(refusal))) }
                completion(.success(applied.output))
            case .failure(let error): completion(.failure(CallError(error)))
            }
        }
    }
}

extension CallError {
    /// `undone` where the log took nothing and another server, or this one a little later, may.
    init(_ error: ConsensusError) {
        switch error {
        case .notLeader(nil): self.init(.undone, "No cluster leader")
        case .notLeader, .membership(.membershipChangePending): self.init(.undone, "\(error)")
        case .overloaded: self.init(.undone, "\(error)")
        case .membership(let refusal): self.init(.conflict, "membership change refused: \(refusal)")
        default: self.init(.unavailable, "\(error)")
        }
    }

    init(_ refusal: ApplyRefusal) {
        switch refusal.kind {
        case .notFound: self.init(.notFound, refusal.message)
        case .conflict: self.init(.conflict, refusal.message)
        case .invalid: self.init(.invalid, refusal.message)
        case .outdated: self.init(.undone, refusal.message)
        }
    }
}
