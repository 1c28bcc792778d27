internal import Basics
package import Raft
internal import Synchronization

/// A server's share of the replicated log: proposals in, applied results out.
///
/// Owns the pure core, feeds it, writes what it wants durable, applies what it commits. Made by
/// ``open(_:machine:transport:seam:)``, alive
/// while ``run()`` runs as a child of the server's task tree:
///
///     propose ─► inbox ─► core ─┬─► log writer ─(one sync for all that queued meanwhile)─► "persisted" ─► core
///                               └─► applier ─► state machine ─► proposers resume
///                                       └─► snapshot writer ─► log writer (compaction)
package final class ReplicatedLog<Machine: StateMachine>: Sendable {
    /// What a proposal came to.
    package struct Applied: Sendable {
        package let index: UInt64
        package let output: Machine.Output
    }

    package typealias Completion = @Sendable (Result<Applied, ConsensusError>) -> Void

    let configuration: ConsensusConfiguration
    let machine: Machine
    let transport: any RaftTransport
    let seam: Seam
    let log: WriteAheadLog
    let snapshots: SnapshotStore
    let lane: BlockingLane
    private let lock: any DiskLock
    /// Where the state machine stands when ``run()`` begins.
    let startSnapshot: SnapshotMetadata
    let node: Mutex<RaftNode?>

    let inbox = WorkQueue<CoreInput>()
    let writes = WorkQueue<WriteJob>()
    let applies = WorkQueue<ApplyJob>()
    let snapshotRequests = WorkQueue<SnapshotRequest>()
    let snapshotsToSend = WorkQueue<SnapshotDelivery>()
    private let admission = Mutex(Admission())
    let board: StatusBoard
    let applied: Mutex<UInt64>
    private let isRetired = Atomic(false)
    /// Who still waited when a loop ended.
    private let leftovers = Mutex<[@Sendable (ConsensusError) -> Void]>([])

    private struct Admission {
        var count = 0
        var bytes = 0
        var stopped: ConsensusError?
    }

    init(
        configuration: ConsensusConfiguration, machine: Machine, transport: any RaftTransport, seam: Seam,
        opened: Opened
    ) {
        self.configuration = configuration
        self.machine = machine
        self.transport = transport
        self.seam = seam
        log = opened.log
        snapshots = opened.snapshots
        lock = opened.lock
        lane = BlockingLane("raft.log." + configuration.id.name)
        startSnapshot = opened.restored.snapshot
        var settings = configuration.raft
        settings.lease = configuration.tick * (settings.electionTicks - 2)
        let core = RaftNode(
            id: configuration.id, restored: opened.restored, settings: settings, seed: seam.random.next())
        board = StatusBoard(core.status)
        node = Mutex(core)
        applied = Mutex(opened.restored.snapshot.index)
    }

    // MARK: - Proposing

    /// Logs `data` and returns once it is committed and applied here. Many may be under way at once; they are batched.
    /// `command` is what the data say: handed to the state machine as it is, it saves decoding them.
    ///
    /// Cancelling the caller does not take the proposal back. Throws ``ConsensusError``; after
    /// ``ConsensusError/leadershipLost`` and
    /// ``ConsensusError/stopped(_:)`` it may have been committed all the same.
    package func propose(
        _ kind: EntryKind, _ data: [UInt8], command: Machine.Command? = nil
    ) async throws -> Applied {
        try await withCheckedThrowingContinuation { continuation in
            submit(kind, data, command: command) { continuation.resume(with: $0) }
        }
    }

    /// As ``propose(_:_:command:)``, for callers with many at once; `completion` runs on the applier and must be quick.
    ///
    /// With a `term` it is logged only while this server leads in that term, and else refused with
    /// ``ConsensusError/notLeader(leader:)``: for what was decided on a state in which all since then is this leader's.
    package func submit(
        _ kind: EntryKind, _ data: [UInt8], command: Machine.Command? = nil, term: UInt64? = nil,
        _ completion: @escaping Completion
    ) {
        guard data.count <= LogFormat.entryBytesMax else { return completion(.failure(.tooLarge(bytes: data.count))) }
        if let refusal = admit(bytes: data.count) { return completion(.failure(refusal)) }
        let proposer = PendingProposal<Machine>(command: command, completion: completion)
        let isTaken = inbox.push(.proposal(Proposal(kind: kind, data: data), term: term, proposer))
        if !isTaken { completion(.failure(stopReason)) }
    }

    private func admit(bytes: Int) -> ConsensusError? {
        admission.withLock { admission in
            if let stopped = admission.stopped { return stopped }
            guard admission.count < configuration.waitingCountMax, admission.bytes < configuration.waitingBytesMax
            else {
                return .overloaded
            }
            admission.count += 1
            admission.bytes += bytes
            return nil
        }
    }

    /// Proposals that waited are done with.
    func release(count: Int, bytes: Int) {
        admission.withLock { admission in
            admission.count -= count
            admission.bytes -= bytes
        }
    }

    private var stopReason: ConsensusError {
        admission.withLock { $0.stopped } ?? .stopped("the server is shutting down")
    }

    /// Returns once everything committed before the call is applied here, having made sure that this server still leads, by its
    /// lease or by asking the others: what is read from the state machine afterwards is linearizable (dissertation §6.4).
    /// - Returns: the index that is applied.
    @discardableResult
    package func barrier() async throws -> UInt64 {
        try await indexed { .barrier($0) }
    }

    /// Proposes a new membership, at most one voter different; returns once it is committed.
    package func changeMembership(to membership: Membership) async throws -> UInt64 {
        try await indexed { .membership(.changeMembership(membership), $0) }
    }

    /// Begins a new group with this membership, on a server that knows nothing yet; returns once the entry is applied.
    package func bootstrap(_ membership: Membership) async throws -> UInt64 {
        try await indexed { .membership(.bootstrap(membership), $0) }
    }

    /// How far this server's log goes and, if it leads, how much of it the others have.
    package func progress() async throws -> ReplicationProgress {
        try await withCheckedThrowingContinuation { continuation in
            let isTaken = inbox.push(.progress { continuation.resume(with: $0) })
            if !isTaken { continuation.resume(throwing: stopReason) }
        }
    }

    private func indexed(_ input: (@escaping IndexCompletion) -> CoreInput) async throws -> UInt64 {
        try await withCheckedThrowingContinuation { continuation in
            let completion: IndexCompletion = { continuation.resume(with: $0) }
            if !inbox.push(input(completion)) { completion(.failure(stopReason)) }
        }
    }

    /// Asks a caught-up voter to take over; watch ``statusUpdates()`` for the outcome.
    package func transferLeadership(to peer: ServerID) { inbox.push(.event(.transferLeadership(to: peer))) }

    /// Stops campaigning, for good: the group goes on without this server.
    package func retire() { isRetired.store(true, ordering: .relaxed) }

    /// A message of another server.
    package func receive(_ message: Message) { inbox.push(.event(.receive(message))) }

    /// Begins to receive a snapshot. Once it is finished, pass its install message to ``receive(_:)``.
    package func receiveSnapshot(_ metadata: SnapshotMetadata) async throws -> IncomingSnapshot {
        let store = snapshots
        let writer = try await seam.blocking.run { try store.receive(metadata) }
        return IncomingSnapshot(metadata, writer: writer, store: store, blocking: seam.blocking)
    }

    /// Saves a snapshot now and returns what it covers.
    package func saveSnapshot() async throws -> SnapshotMetadata {
        try await withCheckedThrowingContinuation { continuation in
            let isTaken = applies.push(.snapshotNow { continuation.resume(with: $0) })
            if !isTaken { continuation.resume(throwing: stopReason) }
        }
    }

    /// On the leader: gives a server that does not know entries of the log the newest saved snapshot in their place.
    package func handOver(to peer: ServerID) { inbox.push(.event(.handOver(to: peer))) }

    // MARK: - Looking

    package var status: RaftStatus { board.current }

    package var isLeader: Bool { board.isLeader }

    package var appliedIndex: UInt64 { applied.withLock { $0 } }

    /// The status now and after each change; a slow reader sees the newest only.
    package func statusUpdates() -> AsyncStream<RaftStatus> { board.updates() }

    // MARK: - Running

    /// Does the work until cancelled, or until the disk or the state machine fails; then everything waiting fails with
    /// the same error.
    ///
    /// Runs once. Afterwards the folder is unlocked.
    package func run() async throws {
        var reason = ConsensusError.stopped("the server is shutting down")
        defer { stop(reason) }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.runCore() }
                group.addTask { try await self.runWriter() }
                group.addTask { try await self.runApplier() }
                group.addTask { try await self.runSnapshotWriter() }
                group.addTask { try await self.runSnapshotSender() }
                group.addTask { try await self.runTicker() }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch let error as ConsensusError {
            reason = error
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            reason = .stopped("\(error)")
            throw error
        }
    }

    private func stop(_ reason: ConsensusError) {
        admission.withLock { $0.stopped = reason }
        for fail in leftovers.withLock({ $0 }) { fail(reason) }
        for input in inbox.close() { fail(input, reason) }
        _ = writes.close()
        for job in applies.close() { fail(job, reason) }
        _ = snapshotRequests.close()
        _ = snapshotsToSend.close()
        board.finish()
        log.close()
        lock.release()
    }

    /// Keeps somebody who waits until the reason for stopping is known.
    func leave(_ waiting: [@Sendable (ConsensusError) -> Void]) { leftovers.withLock { $0 += waiting } }

    private func fail(_ input: CoreInput, _ reason: ConsensusError) {
        switch input {
        case .proposal(_, _, let proposer): proposer.fail(reason)
        case .membership(_, let completion), .barrier(let completion): completion(.failure(reason))
        case .progress(let completion): completion(.failure(reason))
        case .event, .applied: break
        }
    }

    /// Time passes for the core; a lone server needs none.
    private func runTicker() async throws {
        while !Task.isCancelled {
            let isAlone = status.membership.members.map(\.id) == [configuration.id] && isLeader
            try await seam.time.sleep(for: isAlone ? .seconds(1) : configuration.tick * configuration.tickMultiplier)
            if !isAlone, !isRetired.load(ordering: .relaxed), board.mayTick() { inbox.push(.event(.tick)) }
        }
    }
}
