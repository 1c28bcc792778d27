// Elections: Raft §5.2 and §5.4.1, pre-vote and check-quorum from dissertation §9.6 and §6.2, transfer from §3.10.

extension RaftNode {
    mutating func start() {
        if membership.voters == [id] { campaign(isTransfer: false) }
    }

    mutating func tick() {
        electionElapsed += 1
        promiseElapsed = min(promiseElapsed + 1, settings.electionTicks)
        if isLeader { return tickLeader() }
        guard electionElapsed >= electionTimeout, membership.isVoter(id), unknown.isEmpty else { return }
        campaign(isTransfer: false)
    }

    private mutating func tickLeader() {
        if electionElapsed >= settings.electionTicks {
            electionElapsed = 0
            leading.transferTarget = nil
            checkQuorum()
            guard isLeader else { return }
        }
        leading.heartbeatElapsed += 1
        if leading.heartbeatElapsed >= settings.heartbeatTicks {
            leading.heartbeatElapsed = 0
            broadcastHeartbeat()
        }
    }

    /// A leader that has not heard from a majority for an election timeout steps down: somebody else may lead by now.
    private mutating func checkQuorum() {
        let active = [id] + leading.peers.filter(\.isActive).map(\.id)
        guard membership.isQuorum(active) else { return becomeFollower(term: term, leader: nil) }
        for position in leading.peers.indices { leading.peers[position].isActive = false }
    }

    mutating func resetElectionTimer() {
        electionElapsed = 0
        electionTimeout = settings.electionTicks + Int.random(in: 0..<settings.electionTicks, using: &generator)
    }

    // MARK: - Roles

    mutating func becomeFollower(term newTerm: UInt64, leader newLeader: ServerID?) {
        refuseReads(leader: newLeader)
        if newTerm > term { setHardState(term: newTerm, vote: nil) }
        role = .follower
        leader = newLeader
        votes = []
        leading = Leading()
        resetElectionTimer()
    }

    /// A transfer skips the trial round, for the old leader agreed to be deposed.
    mutating func campaign(isTransfer: Bool) {
        guard membership.isVoter(id) else { return }
        let isTrial = !isTransfer && membership.voters.count > 1
        leader = nil
        resetElectionTimer()
        if isTrial {
            role = .preCandidate
        } else {
            role = .candidate
            setHardState(term: term + 1, vote: id)
        }
        votes = [(id, true)]
        if membership.isQuorum([id]) { return becomeLeader() }
        let request = Message.VoteRequest(
            lastIndex: log.lastIndex, lastTerm: log.lastTerm, isPreVote: isTrial, isTransfer: isTransfer)
        for voter in membership.voters where voter != id {
            send(.voteRequest(request), to: voter, term: isTrial ? term + 1 : term)
        }
    }

    private mutating func becomeLeader() {
        role = .leader
        leader = id
        votes = []
        leading = Leading()
        electionElapsed = 0
        // The only leader that could count on this server is itself.
        promiseElapsed = settings.electionTicks
        updatePeers()
        // Raft §8: only an entry of its own term tells a leader what is committed.
        appendAsLeader([Proposal(kind: .noop, data: [])])
    }

    // MARK: - Votes

    /// Whether a leader may count on it that this server elects nobody else: dissertation §4.2.3 for those that were cut off, §6.4.1
    /// for the lease. It holds whatever terms this server has heard of since, and over restarts.
    var isPromised: Bool { isLeader || promiseElapsed < settings.electionTicks }

    mutating func receive(_ request: Message.VoteRequest, from candidate: ServerID, term requestTerm: UInt64) {
        let mayVote =
            hardState.vote == candidate || (hardState.vote == nil && leader == nil)
            || (request.isPreVote && requestTerm > term) || settings.seededBug == .votesTwice
        let isGranted =
            requestTerm >= term && mayVote && log.isUpToDate(lastIndex: request.lastIndex, lastTerm: request.lastTerm)
        if isGranted, !request.isPreVote {
            resetElectionTimer()
            setHardState(term: term, vote: candidate)
        }
        let response = Message.VoteResponse(isGranted: isGranted, isPreVote: request.isPreVote)
        send(.voteResponse(response), to: candidate, term: isGranted ? requestTerm : term)
    }

    mutating func receive(_ response: Message.VoteResponse, from voter: ServerID, term responseTerm: UInt64) {
        let isCurrent = role == .preCandidate ? (!response.isGranted || responseTerm == term + 1) : responseTerm == term
        guard role == (response.isPreVote ? .preCandidate : .candidate), isCurrent, membership.isVoter(voter),
            !votes.contains(where: { $0.voter == voter })
        else { return }
        votes.append((voter, response.isGranted))
        if membership.isQuorum(votes.filter(\.isGranted).map(\.voter)) {
            if response.isPreVote { becomeCandidate() } else { becomeLeader() }
        } else if membership.isQuorum(votes.filter { !$0.isGranted }.map(\.voter)) {
            becomeFollower(term: term, leader: nil)
        }
    }

    /// The trial round was won: now the real one.
    private mutating func becomeCandidate() {
        role = .candidate
        leader = nil
        resetElectionTimer()
        setHardState(term: term + 1, vote: id)
        votes = [(id, true)]
        let request = Message.VoteRequest(
            lastIndex: log.lastIndex, lastTerm: log.lastTerm, isPreVote: false, isTransfer: false)
        for voter in membership.voters where voter != id { send(.voteRequest(request), to: voter) }
    }

    // MARK: - Transfer

    mutating func transferLeadership(to target: ServerID) {
        guard isLeader, target != id, membership.isVoter(target) else { return }
        leading.transferTarget = target
        electionElapsed = 0
        if let position = leading.peers.firstIndex(where: { $0.id == target }) { continueTransfer(to: position) }
    }

    /// Once the target has everything it may campaign; until then it gets the rest.
    mutating func continueTransfer(to position: Int) {
        let peer = leading.peers[position]
        guard leading.transferTarget == peer.id else { return }
        if peer.match == log.lastIndex {
            leading.hasInvited = true
            sendEarly(.timeoutNow, to: peer.id)
        } else {
            sendAppend(to: position, evenEmpty: false)
        }
    }
}
