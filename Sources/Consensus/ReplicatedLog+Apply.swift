internal import Basics
internal import Raft
internal import Synchronization

/// Where the state machine stands; lives in ``ReplicatedLog/runApplier()`` alone.
struct ApplierState {
    var index: UInt64
    var term: UInt64
    var membership: Membership
    var bytesSinceSnapshot: UInt64 = 0
    var lastSnapshotBytes: UInt64 = 0
    /// What the newest snapshot on disk covers, and those on their way there, in order.
    var savedIndex: UInt64
    var saves: [Save] = []
    var barriers: [(index: UInt64, completion: IndexCompletion)] = []

    init(_ snapshot: SnapshotMetadata) {
        index = snapshot.index
        term = snapshot.term
        membership = snapshot.membership
        savedIndex = snapshot.index
    }

    struct Save {
        let metadata: SnapshotMetadata
        var completions: [SnapshotCompletion]
    }
}

extension ReplicatedLog {
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
            leave(state.saves.flatMap(\.completions).map { completion in { completion(.failure($0)) } })
        }
        for await _ in applies.wakes {
            jobs = applies.drain()[...]
            while let job = jobs.first {
                try await perform(job, &state)
                jobs.removeFirst()
            }
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
            if state.bytesSinceSnapshot > limit, state.saves.isEmpty { try await takeSnapshot(&state, completion: nil) }
        case .install(let metadata): try await install(metadata, &state)
        case .barrier(let index, let completion): state.barriers.append((index, completion))
        case .snapshotNow(let completion): try await takeSnapshot(&state, completion: completion)
        case .snapshotEnded(let result): endSave(result, &state)
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
                case .proposal(let proposer) = waiter.outcome
            else { return nil }
            return own(proposer).command
        }
    }

    /// The proposer as one of this state machine: there are no others.
    private func own(_ proposer: any Proposer) -> PendingProposal<Machine> {
        guard let own = proposer as? PendingProposal<Machine> else {
            preconditionFailure("a proposal for another state machine")
        }
        return own
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
            case .proposal(let proposer): own(proposer).succeed(at: entry.index, outputs[output])
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
        state.savedIndex = metadata.index
        state.bytesSinceSnapshot = 0
        applied.withLock { $0 = metadata.index }
    }

    /// Has the state as it is written to disk, unless it is there or on its way already.
    private func takeSnapshot(_ state: inout ApplierState, completion: SnapshotCompletion?) async throws {
        let metadata = SnapshotMetadata(index: state.index, term: state.term, membership: state.membership)
        guard metadata.index > state.savedIndex else {
            completion?(.success(metadata))
            return
        }
        let completions = completion.map { [$0] } ?? []
        if let last = state.saves.indices.last, state.saves[last].metadata.index == metadata.index {
            state.saves[last].completions += completions
            return
        }
        let snapshot = try await machine.snapshot()
        state.bytesSinceSnapshot = 0
        state.saves.append(ApplierState.Save(metadata: metadata, completions: completions))
        // A queue that is closed is that of a server about to stop, which answers for all that wait.
        snapshotRequests.push(SnapshotRequest(metadata: metadata, snapshot: snapshot))
    }

    private func endSave(_ result: Result<UInt64, ConsensusError>, _ state: inout ApplierState) {
        guard !state.saves.isEmpty else { return }
        let save = state.saves.removeFirst()
        if let bytes = try? result.get() {
            state.savedIndex = max(state.savedIndex, save.metadata.index)
            state.lastSnapshotBytes = bytes
        }
        for completion in save.completions { completion(result.map { _ in save.metadata }) }
    }
}
