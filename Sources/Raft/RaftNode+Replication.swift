internal import Basics

// A leader's side: appending, replicating (Raft §5.3), committing (§5.4.2), membership (dissertation §4.1), reads
// (§6.4).

extension RaftNode {
    // MARK: - Proposals

    mutating func propose(_ proposals: [Proposal]) {
        guard mayAppend() else { return }
        guard proposals.allSatisfy({ $0.kind.rawValue >= EntryKind.firstApplication.rawValue }) else {
            return refuse(.reservedKind)
        }
        guard leading.uncommittedBytes < settings.uncommittedBytesMax else { return refuse(.overloaded) }
        ready.proposal = .appended(first: log.lastIndex + 1, term: term)
        appendAsLeader(proposals)
    }

    mutating func changeMembership(to new: Membership) {
        guard mayAppend() else { return }
        // Ongaro's correction of 2015: no change before an entry of this term is committed.
        guard memberships[memberships.count - 1].index <= log.commitIndex, log.term(at: log.commitIndex) == term else {
            return refuse(.membershipChangePending)
        }
        guard new.isEncodable, !new.voters.isEmpty, new.votersChanged(from: membership) <= 1 else {
            return refuse(.invalidMembership)
        }
        ready.proposal = .appended(first: log.lastIndex + 1, term: term)
        appendAsLeader([Proposal(kind: .membership, data: new.bytes)])
        // A majority of the old members need not be one of the next but one.
        leading.leaseEnd = nil
        leading.rounds = []
    }

    /// A new group begins with its membership, as if a leader of term 1 had written it.
    mutating func bootstrap(_ membership: Membership) {
        guard hardState == HardState(), log.lastIndex == 0 else { return refuse(.notEmpty) }
        guard membership.isEncodable, membership.isVoter(id) else { return refuse(.invalidMembership) }
        setHardState(term: 1, vote: nil)
        ready.proposal = .appended(first: 1, term: 1)
        appendToLog([LogEntry(index: 1, term: 1, kind: .membership, data: membership.bytes)])
        start()
    }

    private mutating func mayAppend() -> Bool {
        guard isLeader else {
            refuse(.notLeader(leader: leader))
            return false
        }
        if let target = leading.transferTarget {
            refuse(.transferring(to: target))
            return false
        }
        return true
    }

    private mutating func refuse(_ refusal: ProposalRefusal) { ready.proposal = .refused(refusal) }

    mutating func appendAsLeader(_ proposals: [Proposal]) {
        var index = log.lastIndex
        var entries: [LogEntry] = []
        entries.reserveCapacity(proposals.count)
        for proposal in proposals {
            index += 1
            leading.uncommittedBytes += proposal.data.count
            entries.append(LogEntry(index: index, term: term, kind: proposal.kind, data: proposal.data))
        }
        appendToLog(entries)
        updatePeers()
        broadcastAppend(evenEmpty: false)
    }

    /// Keeps one progress for each other member in force.
    mutating func updatePeers() {
        leading.peers = membership.members.filter { $0.id != id }.map { member in
            leading.peers.first { $0.id == member.id } ?? Progress(id: member.id, next: log.lastIndex + 1)
        }
    }

    // MARK: - Sending

    mutating func broadcastAppend(evenEmpty: Bool) {
        for position in leading.peers.indices { sendAppend(to: position, evenEmpty: evenEmpty) }
    }

    /// Begins a round: an answer to it shows that this server still led when it began.
    mutating func broadcastHeartbeat() {
        leading.round += 1
        if settings.lease != nil { leading.rounds.append((leading.round, now)) }
        for peer in leading.peers {
            let commit = min(peer.match, log.commitIndex)
            sendEarly(.heartbeat(commit: commit, context: leading.round), to: peer.id)
        }
        // A lone voter needs no answer.
        extendLease()
    }

    /// Sends what follows `next`, from the cache; else asks for a read from disk; else for a snapshot.
    mutating func sendAppend(to position: Int, evenEmpty: Bool) {
        let peer = leading.peers[position]
        guard !peer.isPaused(inflightMax: settings.inflightMax) else { return }
        guard peer.next > log.start, let previousTerm = log.term(at: peer.next - 1) else {
            return catchUpFromDisk(position)
        }
        let entries = log.entries(from: peer.next, bytesMax: settings.appendBytesMax)
        if !entries.isEmpty || evenEmpty { send(entries, previousTerm: previousTerm, to: position) }
    }

    private mutating func send(_ entries: [LogEntry], previousTerm: UInt64, to position: Int) {
        let peer = leading.peers[position]
        let append = Message.Append(
            previousIndex: peer.next - 1, previousTerm: previousTerm, entries: entries, commit: log.commitIndex)
        sendEarly(.append(append), to: peer.id)
        leading.peers[position].sent(through: entries.last?.index)
        leading.peers[position].toldCommit = log.commitIndex
    }

    private mutating func catchUpFromDisk(_ position: Int) {
        let peer = leading.peers[position]
        // The entry before the first one sent must be known too, for the consistency check.
        if peer.next > log.firstOnDisk || (peer.next == log.firstOnDisk && log.term(at: peer.next - 1) != nil) {
            leading.peers[position].isFetching = true
            ready.fetches.append(LogFetch(peer: peer.id, firstIndex: peer.next, bytesMax: settings.appendBytesMax))
        } else {
            leading.peers[position].mode = .snapshot(index: log.snapshot.index)
            ready.snapshots.append(peer.id)
        }
    }

    mutating func fetched(_ entries: [LogEntry], previousTerm: UInt64, for peer: ServerID) {
        guard isLeader, let position = leading.peers.firstIndex(where: { $0.id == peer && $0.isFetching }) else {
            return
        }
        leading.peers[position].isFetching = false
        let progress = leading.peers[position]
        guard let first = entries.first else {
            leading.peers[position].mode = .snapshot(index: log.snapshot.index)
            return ready.snapshots.append(peer)
        }
        guard first.index == progress.next else { return sendAppend(to: position, evenEmpty: false) }
        send(entries, previousTerm: log.term(at: first.index - 1) ?? previousTerm, to: position)
    }

    mutating func snapshotSent(to peer: ServerID, isInstalled: Bool) {
        guard isLeader, let position = leading.peers.firstIndex(where: { $0.id == peer }),
            case .snapshot(let index) = leading.peers[position].mode
        else { return }
        if isInstalled { leading.peers[position].next = max(index, leading.peers[position].match) + 1 }
        // Wait for the next sign of life rather than trying again at once.
        leading.peers[position].mode = .probe(isWaiting: true)
    }

    mutating func handOver(to peer: ServerID) {
        guard isLeader, let position = leading.peers.firstIndex(where: { $0.id == peer }) else { return }
        if case .snapshot = leading.peers[position].mode { return }
        leading.peers[position].mode = .snapshot(index: log.snapshot.index)
        ready.snapshots.append(peer)
    }

    // MARK: - Answers

    mutating func receive(_ response: Message.AppendResponse, from sender: ServerID) {
        guard let position = leading.peers.firstIndex(where: { $0.id == sender }) else { return }
        leading.peers[position].isActive = true
        if let rejection = response.rejection {
            let hint =
                rejection.hintTerm > 0
                ? log.possibleMatch(upTo: rejection.hintIndex, term: rejection.hintTerm).index : rejection.hintIndex
            if leading.peers[position].refused(response.index, hint: hint) { sendAppend(to: position, evenEmpty: true) }
            return
        }
        guard response.index <= log.lastIndex else { return }
        let wasPaused = leading.peers[position].isPaused(inflightMax: settings.inflightMax)
        let isNews = leading.peers[position].accepted(response.index)
        if isNews, advanceCommit() { return }
        sendPipeline(to: position)
        // While it was paused it may have missed a commit.
        if wasPaused, leading.peers[position].next > log.lastIndex { sendAppend(to: position, evenEmpty: true) }
        tellCommit(to: position)
        continueTransfer(to: position)
    }

    /// Fills a follower's pipeline.
    private mutating func sendPipeline(to position: Int) {
        while leading.peers[position].next <= log.lastIndex {
            let before = leading.peers[position].next
            sendAppend(to: position, evenEmpty: false)
            if leading.peers[position].next == before { return }
        }
    }

    /// Tells a follower what is committed, unless an append is on its way to it: with its answer comes the next occasion, if not the
    /// next append does before. So a busy leader sends nothing for commits alone.
    private mutating func tellCommit(to position: Int) {
        let peer = leading.peers[position]
        guard peer.toldCommit < log.commitIndex || peer.next <= log.lastIndex else { return }
        sendAppend(to: position, evenEmpty: !peer.hasInflight)
    }

    mutating func receiveHeartbeatResponse(context: UInt64, from sender: ServerID) {
        guard let position = leading.peers.firstIndex(where: { $0.id == sender }) else { return }
        leading.peers[position].heardFrom(inflightMax: settings.inflightMax)
        if leading.peers[position].match < log.lastIndex { sendAppend(to: position, evenEmpty: true) }
        guard context <= leading.round else { return }
        leading.peers[position].heardRound = max(leading.peers[position].heardRound, context)
        extendLease()
        releaseReads()
    }

    // MARK: - Committing

    /// Raft §5.3 and §5.4.2: an entry on a majority is committed if it is of this term; older ones are with it.
    /// - Returns: whether anything was, in which case all followers were sent what they lack, as far as their pipelines have room.
    @discardableResult
    mutating func advanceCommit() -> Bool {
        let voters = membership.voters
        var matches = voters.map { voter in
            voter == id ? log.durableIndex : leading.peers.first { $0.id == voter }?.match ?? 0
        }
        matches.sort(by: >)
        guard let index = matches.dropFirst(voters.count / 2).first, index > log.commitIndex,
            log.term(at: index) == term || settings.seededBug == .commitsOldTerms
        else { return false }
        countCommitted(upTo: index)
        _ = log.commit(to: index)
        if !membership.isVoter(id), memberships[memberships.count - 1].index <= log.commitIndex {
            broadcastAppend(evenEmpty: true)
            becomeFollower(term: term, leader: nil)
            return true
        }
        releaseReadsOfNewLeader()
        for position in leading.peers.indices { tellCommit(to: position) }
        for position in leading.peers.indices { continueTransfer(to: position) }
        return true
    }

    private mutating func countCommitted(upTo index: UInt64) {
        for entry in log.entries((log.commitIndex + 1)...index) where entry.term == term {
            leading.uncommittedBytes -= entry.data.count
        }
    }

    // MARK: - Reads

    /// Dissertation §6.4: note the commit index, make sure nobody else leads, then read at that index.
    mutating func read(_ readID: UInt64) {
        guard isLeader, leading.reads.count < settings.pendingReadsMax else {
            return ready.reads.append(.refused(id: readID, leader: isLeader ? nil : leader))
        }
        if hasLease { return ready.reads.append(.ready(id: readID, index: log.commitIndex)) }
        leading.reads.append(PendingRead(id: readID, index: log.commitIndex, round: leading.round + 1))
        broadcastHeartbeat()
        releaseReads()
    }

    /// The newest round that a majority has answered.
    private var confirmedRound: UInt64 {
        let voters = membership.voters
        var rounds = voters.map { voter in
            voter == id ? leading.round : leading.peers.first { $0.id == voter }?.heardRound ?? 0
        }
        rounds.sort(by: >)
        return rounds.dropFirst(voters.count / 2).first ?? 0
    }

    /// Dissertation §6.4.1: while a majority keeps its votes, nobody else can be elected, so nothing is committed elsewhere. A leader
    /// that is on its way out has none: whoever is left alone asks nobody for votes.
    private var hasLease: Bool {
        guard let end = leading.leaseEnd, !leading.hasInvited, membership.isVoter(id) else { return false }
        return now < end && log.term(at: log.commitIndex) == term
    }

    private mutating func extendLease() {
        guard let lease = settings.lease else { return }
        let confirmed = confirmedRound
        let count = leading.rounds.prefix { $0.round <= confirmed }.count
        guard count > 0 else { return }
        leading.leaseEnd = leading.rounds[count - 1].begin + lease
        leading.rounds.removeFirst(count)
    }

    /// Reads asked for before this term's first commit did not know what is committed; they do now.
    private mutating func releaseReadsOfNewLeader() {
        guard !leading.reads.isEmpty else { return }
        leading.reads = leading.reads.map { read in
            PendingRead(id: read.id, index: max(read.index, log.commitIndex), round: read.round)
        }
        releaseReads()
    }

    private mutating func releaseReads() {
        guard !leading.reads.isEmpty, log.term(at: log.commitIndex) == term else { return }
        let round = confirmedRound
        let confirmed = leading.reads.prefix { $0.round <= round }
        for read in confirmed { ready.reads.append(.ready(id: read.id, index: read.index)) }
        leading.reads.removeFirst(confirmed.count)
    }

    mutating func refuseReads(leader: ServerID?) {
        for read in leading.reads { ready.reads.append(.refused(id: read.id, leader: leader)) }
        leading.reads = []
    }
}
