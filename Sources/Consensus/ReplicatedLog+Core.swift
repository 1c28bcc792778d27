internal import Basics
internal import Raft
internal import Synchronization

extension ReplicatedLog {
    /// Feeds the core with what the inbox holds, again and again.
    func runCore() async throws {
        guard let core = node.withLock({ $0.take() }) else { throw ConsensusError.stopped("run() was called twice") }
        var loop = CoreLoop(shell: self, node: core)
        defer { loop.leaveAll() }
        try loop.step(.start)
        for await _ in inbox.wakes { try loop.take(inbox.drain()) }
    }

    /// The core and who waits for what it does; lives in ``runCore()`` alone.
    private struct CoreLoop {
        let shell: ReplicatedLog
        var node: RaftNode
        /// When the inputs at hand were taken.
        private var now: Uptime
        /// Ascending by index.
        private var waiters: [Waiter] = []
        /// Who waits for each read of the core, and who came since the last one.
        private var barriers: [UInt64: [IndexCompletion]] = [:]
        private var barrierCount: UInt64 = 0
        private var newBarriers: [IndexCompletion] = []
        private var cache: CacheLedger
        private var proposals: [Proposal] = []
        private var proposers: [any Proposer] = []

        init(shell: ReplicatedLog, node: RaftNode) {
            self.shell = shell
            self.node = node
            now = shell.seam.time.uptime
            cache = CacheLedger(bytesMax: shell.configuration.cacheBytesMax)
        }

        mutating func take(_ inputs: [CoreInput]) throws(ConsensusError) {
            now = shell.seam.time.uptime
            for input in inputs {
                if case .proposal(let proposal, let term, let proposer) = input {
                    if let term, term != node.term {
                        refuse(proposal, proposer)
                        continue
                    }
                    proposals.append(proposal)
                    proposers.append(proposer)
                    continue
                }
                try flushProposals()
                try take(input)
            }
            try flushProposals()
            try flushBarriers()
        }

        private mutating func take(_ input: CoreInput) throws(ConsensusError) {
            switch input {
            case .event(let event):
                if case .tick = event { shell.board.tickTaken() }
                try step(event)
            case .proposal: break
            case .membership(let event, let completion): try changeMembership(event, completion)
            case .progress(let completion):
                let matches = Dictionary(node.peerMatches.map { ($0.id, $0.match) }) { first, _ in first }
                completion(.success(ReplicationProgress(lastIndex: node.lastIndex, matches: matches)))
            case .barrier(let completion): newBarriers.append(completion)
            case .applied(let index, let bytes):
                let isAlone = node.membership.members.count == 1
                if let through = cache.applied(index, bytes: bytes, keepsNone: isAlone) {
                    try step(.trim(through: through))
                }
            }
        }

        /// What was proposed for another term than this one.
        private func refuse(_ proposal: Proposal, _ proposer: any Proposer) {
            shell.release(count: 1, bytes: proposal.data.count)
            proposer.fail(error(of: .notLeader(leader: node.status.leader)))
        }

        /// All proposals of one wake go to the core, and so to disk, together.
        private mutating func flushProposals() throws(ConsensusError) {
            guard !proposals.isEmpty else { return }
            defer {
                proposals.removeAll(keepingCapacity: true)
                proposers.removeAll(keepingCapacity: true)
            }
            let ready = advance(.propose(proposals))
            switch ready.proposal {
            case .appended(let first, let term):
                waiters.reserveCapacity(waiters.count + proposals.count)
                for position in proposers.indices {
                    waiters.append(
                        Waiter(
                            index: first + UInt64(position), term: term, bytes: proposals[position].data.count,
                            outcome: .proposal(proposers[position])))
                }
            case .refused(let refusal):
                shell.release(count: proposals.count, bytes: proposals.reduce(0) { $0 + $1.data.count })
                for proposer in proposers { proposer.fail(error(of: refusal)) }
            case nil: break
            }
            try carryOut(ready)
        }

        /// All barriers of one wake share one read.
        private mutating func flushBarriers() throws(ConsensusError) {
            guard !newBarriers.isEmpty else { return }
            barrierCount += 1
            barriers[barrierCount] = newBarriers
            newBarriers.removeAll(keepingCapacity: true)
            try step(.read(barrierCount))
        }

        private mutating func changeMembership(
            _ event: Event, _ completion: @escaping IndexCompletion
        ) throws(ConsensusError) {
            let ready = advance(event)
            switch ready.proposal {
            case .appended(let index, let term):
                waiters.append(Waiter(index: index, term: term, bytes: 0, outcome: .membership(completion)))
            case .refused(let refusal): completion(.failure(error(of: refusal)))
            case nil: break
            }
            try carryOut(ready)
        }

        mutating func step(_ event: Event) throws(ConsensusError) { try carryOut(advance(event)) }

        private mutating func advance(_ event: Event) -> Ready {
            let ready = node.step(event, at: now)
            shell.configuration.inspect?(event, node, ready)
            return ready
        }

        // MARK: - Effects

        private mutating func carryOut(_ ready: Ready) throws(ConsensusError) {
            if let fault = ready.fault { throw .fault(fault) }
            if !ready.early.isEmpty { shell.transport.send(ready.early, membership: node.membership) }
            let job = WriteJob(ready, membership: node.membership)
            if !job.isEmpty { shell.writes.push(job) }
            if let last = ready.committed.last {
                let count = waiters.partitioningIndex { $0.index > last.index }
                shell.applies.push(.entries(ready.committed, Array(waiters[..<count])))
                waiters.removeFirst(count)
            }
            // After what is committed: the step that commits a leader's own removal also ends its leadership.
            if let status = ready.status { publish(status) }
            for read in ready.reads { settle(read) }
            for peer in ready.snapshots {
                shell.snapshotsToSend.push(SnapshotDelivery(peer: peer, term: node.term, membership: node.membership))
            }
        }

        private mutating func publish(_ status: RaftStatus) {
            shell.board.publish(status)
            guard status.role != .leader, !waiters.isEmpty else { return }
            // They may be committed yet by the next leader, but nobody can say when.
            for waiter in waiters { waiter.fail(.leadershipLost) }
            shell.release(waiters)
            waiters = []
        }

        private mutating func settle(_ read: ReadOutcome) {
            switch read {
            case .ready(let id, let index):
                for completion in barriers.removeValue(forKey: id) ?? [] {
                    shell.applies.push(.barrier(index, completion))
                }
            case .refused(let id, let leader):
                let member = node.membership.members.first { $0.id == leader }
                for completion in barriers.removeValue(forKey: id) ?? [] {
                    completion(.failure(.notLeader(leader: member)))
                }
            }
        }

        private func error(of refusal: ProposalRefusal) -> ConsensusError {
            switch refusal {
            case .notLeader(let leader): .notLeader(leader: node.membership.members.first { $0.id == leader })
            case .transferring(let target): .notLeader(leader: node.membership.members.first { $0.id == target })
            case .overloaded: .overloaded
            case .membershipChangePending, .invalidMembership, .notEmpty: .membership(refusal)
            case .reservedKind: .stopped("entry kinds below \(EntryKind.firstApplication.rawValue) are Raft's own")
            }
        }

        /// Leaves everybody who waits to ``ReplicatedLog/stop(_:)``, which knows the reason.
        mutating func leaveAll() {
            shell.leave(waiters.map { waiter in { waiter.fail($0) } })
            shell.leave(proposers.map { proposer in { proposer.fail($0) } })
            let waiting = barriers.keys.sorted().flatMap { barriers[$0] ?? [] } + newBarriers
            shell.leave(waiting.map { barrier in { barrier(.failure($0)) } })
        }
    }

    func release(_ waiters: [Waiter]) {
        var (count, bytes) = (0, 0)
        for waiter in waiters {
            guard case .proposal = waiter.outcome else { continue }
            count += 1
            bytes += waiter.bytes
        }
        release(count: count, bytes: bytes)
    }
}

extension [LogEntry] {
    var dataBytes: Int { reduce(0) { $0 + $1.data.count } }
}

extension Array {
    /// The first position where `isAfter` holds, given that it holds for all that follow it.
    fileprivate func partitioningIndex(_ isAfter: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// Decides how many applied entries stay in memory for followers that lag.
struct CacheLedger: Sendable {
    let bytesMax: Int
    private var batches: [(index: UInt64, bytes: Int)] = []
    private var bytes = 0

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// - Returns: the index through which entries may leave memory, if any may.
    mutating func applied(_ index: UInt64, bytes count: Int, keepsNone: Bool) -> UInt64? {
        batches.append((index, count))
        bytes += count
        var dropped = 0
        while dropped < batches.count, keepsNone || bytes > bytesMax {
            bytes -= batches[dropped].bytes
            dropped += 1
        }
        guard dropped > 0 else { return nil }
        defer { batches.removeFirst(dropped) }
        return batches[dropped - 1].index
    }
}
