internal import Basics
internal import Raft
internal import Synchronization

extension ReplicatedLog {
    /// Work for the state machine, done in order.
    enum ApplyJob: Sendable {
        /// Committed entries, and who waits for some of them; both ascending by index.
        case entries([LogEntry], [Waiter])
        /// Restore from this snapshot, which came from the leader and is on disk.
        case install(SnapshotMetadata)
        /// Tell once this index is applied.
        case barrier(UInt64, IndexCompletion)
        case snapshotNow(@Sendable (Result<SnapshotMetadata, ConsensusError>) -> Void)
        /// The snapshot being written is on disk, or could not be written.
        case snapshotEnded(bytes: UInt64?)
    }

    func fail(_ job: ApplyJob, _ reason: ConsensusError) {
        switch job {
        case .entries(_, let waiters): for waiter in waiters { waiter.fail(reason) }
        case .barrier(_, let completion): completion(.failure(reason))
        case .snapshotNow(let completion): completion(.failure(reason))
        case .install, .snapshotEnded: break
        }
    }

    /// Applies what is committed, in order, and resumes who waits for it.
    func runApplier() async throws {
        var state = ApplierState(startSnapshot)
        var jobs: ArraySlice<ApplyJob> = []
        defer {
            leave(jobs.map { job in { self.fail(job, $0) } })
            leave(state.barriers.map { barrier in { barrier.completion(.failure($0)) } })
        }
        for await _ in applies.wakes {
            jobs = applies.drain()[...]
            while let job = jobs.first {
                try await perform(job, &state)
                jobs.removeFirst()
            }
        }
    }

    /// Where the state machine stands; lives in ``runApplier()`` alone.
    struct ApplierState {
        var index: UInt64
        var term: UInt64
        var membership: Membership
        var bytesSinceSnapshot: UInt64 = 0
        var lastSnapshotBytes: UInt64 = 0
        var lastSnapshotIndex: UInt64
        var isSaving = false
        var barriers: [(index: UInt64, completion: IndexCompletion)] = []

        init(_ snapshot: SnapshotMetadata) {
            index = snapshot.index
            term = snapshot.term
            membership = snapshot.membership
            lastSnapshotIndex = snapshot.index
        }
    }

    private func perform(_ job: ApplyJob, _ state: inout ApplierState) async throws {
        switch job {
        case .entries(let entries, let waiters):
            let outputs = try await apply(entries, waiters, &state)
            resume(waiters, entries, outputs)
            release(waiters)
            let bytes = entries.dataBytes
            inbox.push(.applied(index: state.index, bytes: bytes))
            state.bytesSinceSnapshot += UInt64(bytes + entries.count * LogFormat.recordHeaderBytes)
            let limit = max(configuration.snapshotAfterBytes, state.lastSnapshotBytes)
            if state.bytesSinceSnapshot > limit, !state.isSaving { try await takeSnapshot(&state, completion: nil) }
        case .install(let metadata): try await install(metadata, &state)
        case .barrier(let index, let completion): state.barriers.append((index, completion))
        case .snapshotNow(let completion): try await takeSnapshot(&state, completion: completion)
        case .snapshotEnded(let bytes):
            state.isSaving = false
            state.lastSnapshotBytes = bytes ?? state.lastSnapshotBytes
        }
        releaseBarriers(&state)
    }

    /// One output for each entry that is the state machine's, in order.
    private func apply(
        _ entries: [LogEntry], _ waiters: [Waiter], _ state: inout ApplierState
    ) async throws -> [Machine.Output] {
        for entry in entries where entry.kind == .membership {
            if let membership = Membership(bytes: entry.data) { state.membership = membership }
        }
        let first = EntryKind.firstApplication.rawValue
        let isAllForMachine = entries.allSatisfy { $0.kind.rawValue >= first }
        let forMachine = isAllForMachine ? entries[...] : entries.filter { $0.kind.rawValue >= first }[...]
        let outputs =
            forMachine.isEmpty
            ? [] : try await machine.apply(forMachine, commands: commands(forMachine, waiters))
        guard outputs.count == forMachine.count else {
            throw ConsensusError.stopped(
                "the state machine gave \(outputs.count) outputs for \(forMachine.count) entries")
        }
        if let last = entries.last {
            state.index = last.index
            state.term = last.term
            applied.withLock { $0 = last.index }
        }
        return outputs
    }

    /// What the entries say, as far as they were proposed here.
    private func commands(_ entries: ArraySlice<LogEntry>, _ waiters: [Waiter]) -> [Machine.Command?] {
        var rest = waiters[...]
        return entries.map { entry in
            rest = rest.drop { $0.index < entry.index }
            guard let waiter = rest.first, (waiter.index, waiter.term) == (entry.index, entry.term),
                case .proposal(_, let command) = waiter.outcome
            else { return nil }
            return command
        }
    }

    private func resume(_ waiters: [Waiter], _ entries: [LogEntry], _ outputs: [Machine.Output]) {
        var output = 0
        var waiter = 0
        for entry in entries where waiter < waiters.count {
            let isForMachine = entry.kind.rawValue >= EntryKind.firstApplication.rawValue
            defer { if isForMachine { output += 1 } }
            guard waiters[waiter].index == entry.index else { continue }
            let current = waiters[waiter]
            waiter += 1
            switch current.outcome {
            case _ where current.term != entry.term: current.fail(.leadershipLost)
            case .proposal(let completion, _):
                completion(.success(Applied(index: entry.index, output: outputs[output])))
            case .membership(let completion): completion(.success(entry.index))
            }
        }
    }

    private func releaseBarriers(_ state: inout ApplierState) {
        guard !state.barriers.isEmpty else { return }
        let index = state.index
        for barrier in state.barriers where barrier.index <= index { barrier.completion(.success(index)) }
        state.barriers.removeAll { $0.index <= index }
    }

    private func install(_ metadata: SnapshotMetadata, _ state: inout ApplierState) async throws {
        let store = snapshots
        let chunks = try await seam.blocking.run { try store.open(metadata) }
        try await machine.restore(from: chunks.reading(on: seam.blocking))
        try await seam.blocking.run { try store.removeOlder(than: metadata) }
        (state.index, state.term, state.membership) = (metadata.index, metadata.term, metadata.membership)
        state.lastSnapshotIndex = metadata.index
        state.bytesSinceSnapshot = 0
        applied.withLock { $0 = metadata.index }
    }

    private func takeSnapshot(
        _ state: inout ApplierState, completion: (@Sendable (Result<SnapshotMetadata, ConsensusError>) -> Void)?
    ) async throws {
        let metadata = SnapshotMetadata(index: state.index, term: state.term, membership: state.membership)
        guard metadata.index > state.lastSnapshotIndex else {
            completion?(.success(metadata))
            return
        }
        let snapshot = try await machine.snapshot()
        state.bytesSinceSnapshot = 0
        state.lastSnapshotIndex = metadata.index
        state.isSaving = true
        let request = SnapshotRequest(metadata: metadata, snapshot: snapshot, completion: completion)
        if !snapshotRequests.push(request) { completion?(.failure(.stopped("the server is shutting down"))) }
    }
}
