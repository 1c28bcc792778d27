internal import Basics
internal import Raft

/// Work for the log, done in order.
struct WriteJob: Sendable {
    /// A received snapshot to take the place of the others, before the records.
    var install: SnapshotMetadata?
    var records: [LogRecord] = []
    /// To be sent once the records are durable.
    var messages: [Message] = []
    var membership: Membership
    var mark: PersistMark?
    var fetches: [LogFetch] = []
    /// A snapshot that is saved, so that the log before it may go.
    var compaction: SnapshotMetadata?

    init(_ ready: Ready, membership: Membership) {
        self.membership = membership
        install = ready.install
        if let install { records.append(.reset(index: install.index, term: install.term)) }
        if let hardState = ready.hardState { records.append(.hardState(hardState)) }
        records.reserveCapacity(records.count + ready.entries.count)
        for entry in ready.entries { records.append(.entry(entry)) }
        messages = ready.messages
        mark = ready.mark
        fetches = ready.fetches
    }

    init(compaction: SnapshotMetadata) {
        self.compaction = compaction
        membership = compaction.membership
    }

    var isEmpty: Bool { records.isEmpty && messages.isEmpty && fetches.isEmpty }
}

/// A snapshot to be sent.
struct SnapshotDelivery: Sendable {
    let peer: ServerID
    let term: UInt64
    let membership: Membership
}

/// A snapshot to be written.
struct SnapshotRequest: Sendable {
    let metadata: SnapshotMetadata
    let snapshot: any StateSnapshot
}

extension ReplicatedLog {
    /// Makes durable what the core wants durable: all that queued while the disk was busy goes out with one sync (group
    /// commit).
    func runWriter() async throws {
        for await _ in writes.wakes {
            let jobs = writes.drain()
            let records = jobs.count == 1 ? jobs[0].records : jobs.flatMap(\.records)
            let (log, store, installs) = (log, snapshots, jobs.compactMap(\.install))
            if !records.isEmpty {
                try await seam.blocking.run(lane: lane) {
                    for metadata in installs { try store.adoptReceived(metadata) }
                    try log.append(records)
                }
            }
            for metadata in installs { applies.push(.install(metadata)) }
            for job in jobs where !job.messages.isEmpty { transport.send(job.messages, membership: job.membership) }
            if let mark = jobs.last(where: { $0.mark != nil })?.mark { inbox.push(.event(.persisted(mark))) }
            for job in jobs {
                for fetch in job.fetches { try await read(fetch) }
                if let metadata = job.compaction { try await compact(behind: metadata) }
            }
        }
    }

    private func read(_ fetch: LogFetch) async throws {
        let log = log
        let found = try await seam.blocking.run(lane: lane) {
            try log.entries(from: fetch.firstIndex, bytesMax: fetch.bytesMax)
        }
        inbox.push(.event(.fetched(peer: fetch.peer, previousTerm: found.before, entries: found.entries)))
    }

    private func compact(behind metadata: SnapshotMetadata) async throws {
        let log = log
        let first = try await seam.blocking.run(lane: lane) { try log.compact(through: metadata.index) }
        inbox.push(.event(.snapshotSaved(metadata, firstIndex: first)))
    }

    /// Writes snapshots, one at a time, while log and state machine go on.
    func runSnapshotWriter() async throws {
        for await _ in snapshotRequests.wakes {
            for request in snapshotRequests.drain() { await save(request) }
        }
    }

    /// A snapshot that cannot be written is reported and tried again later: the log still has everything.
    private func save(_ request: SnapshotRequest) async {
        let store = snapshots
        do {
            let bytes = try await seam.blocking.run { try store.save(request.metadata, request.snapshot) }
            writes.push(WriteJob(compaction: request.metadata))
            applies.push(.snapshotEnded(.success(bytes)))
        } catch {
            let reason = error as? ConsensusError ?? .stopped("\(error)")
            configuration.report(.snapshotFailed(reason))
            applies.push(.snapshotEnded(.failure(reason)))
        }
    }

    /// Streams the newest snapshot to followers that need it, one at a time.
    func runSnapshotSender() async throws {
        for await _ in snapshotsToSend.wakes {
            for delivery in snapshotsToSend.drain() {
                let isInstalled = try await send(delivery)
                inbox.push(.event(.snapshotSent(peer: delivery.peer, isInstalled: isInstalled)))
            }
        }
    }

    private func send(_ delivery: SnapshotDelivery) async throws -> Bool {
        let store = snapshots
        guard let peer = delivery.membership.members.first(where: { $0.id == delivery.peer }),
            let newest = try await seam.blocking.run({ try store.newest() })
        else { return false }
        let chunks = newest.chunks.reading(on: seam.blocking)
        return await transport.sendSnapshot(newest.metadata, chunks, to: peer, term: delivery.term)
    }
}
