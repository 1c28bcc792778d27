// Receiving: the rules on terms common to all messages (Raft §5.1), and a follower's side (§5.3, §7).

extension RaftNode {
    mutating func receive(_ message: Message) {
        guard message.to == id, message.from != id, message.isPlausible else { return }
        if message.term >= term, case .voteRequest(let request) = message.body, !request.isTransfer, isPromised {
            return
        }
        if message.term > term {
            guard adopt(message) else { return }
        } else if message.term < term {
            return answerStale(message)
        }
        switch message.body {
        case .voteRequest(let request): receive(request, from: message.from, term: message.term)
        case .voteResponse(let response): receive(response, from: message.from, term: message.term)
        case .append(let append) where follow(message.from): receive(append, from: message.from)
        case .heartbeat(let commit, let context) where follow(message.from):
            receiveHeartbeat(commit: commit, context: context, from: message.from)
        case .installSnapshot(let metadata) where follow(message.from): install(metadata, from: message.from)
        case .appendResponse(let response) where isLeader: receive(response, from: message.from)
        case .heartbeatResponse(let context) where isLeader:
            receiveHeartbeatResponse(context: context, from: message.from)
        case .timeoutNow where leader == message.from && unknown.isEmpty: campaign(isTransfer: true)
        case .append, .heartbeat, .installSnapshot, .appendResponse, .heartbeatResponse, .timeoutNow: break
        }
    }

    /// A message of a newer term: whether to go on with it, after following its term where the message proves that
    /// term.
    private mutating func adopt(_ message: Message) -> Bool {
        switch message.body {
        case .voteRequest(let request):
            if !request.isPreVote { becomeFollower(term: message.term, leader: nil) }
        case .voteResponse(let response) where response.isPreVote && response.isGranted: break
        case .append, .heartbeat, .installSnapshot: becomeFollower(term: message.term, leader: message.from)
        case .voteResponse, .appendResponse, .heartbeatResponse, .timeoutNow:
            becomeFollower(term: message.term, leader: nil)
        }
        return true
    }

    /// Tells an old leader or candidate the newer term, or it would never learn that it lost.
    private mutating func answerStale(_ message: Message) {
        switch message.body {
        case .append, .heartbeat, .installSnapshot:
            send(.appendResponse(Message.AppendResponse(index: 0)), to: message.from)
        case .voteRequest(let request) where request.isPreVote:
            send(.voteResponse(Message.VoteResponse(isGranted: false, isPreVote: true)), to: message.from)
        case .voteRequest, .voteResponse, .appendResponse, .heartbeatResponse, .timeoutNow: break
        }
    }

    /// The sender leads this term. There is one leader a term, so nothing here is believed from a second one.
    private mutating func follow(_ sender: ServerID) -> Bool {
        guard !isLeader, leader == nil || leader == sender else { return false }
        if role != .follower { becomeFollower(term: term, leader: sender) }
        leader = sender
        electionElapsed = 0
        promiseElapsed = 0
        return true
    }

    // MARK: - A follower's log

    private mutating func receive(_ append: Message.Append, from sender: ServerID) {
        if append.previousIndex < log.commitIndex {
            return send(.appendResponse(Message.AppendResponse(index: log.commitIndex)), to: sender)
        }
        guard log.term(at: append.previousIndex) == append.previousTerm, append.isWellFormed else {
            let hint = log.possibleMatch(upTo: append.previousIndex, term: append.previousTerm)
            let rejection = Message.Rejection(hintIndex: hint.index, hintTerm: hint.term)
            return send(
                .appendResponse(Message.AppendResponse(index: append.previousIndex, rejection: rejection)), to: sender)
        }
        if let conflict = append.entries.firstIndex(where: { log.term(at: $0.index) != $0.term }) {
            // A log that waits for a snapshot to cover it must not grow meanwhile.
            guard unknown.isEmpty || append.entries[conflict].index <= log.lastIndex else { return }
            guard replaceTail(with: Array(append.entries[conflict...])) else { return }
        }
        let last = append.previousIndex + UInt64(append.entries.count)
        commit(to: min(append.commit, last))
        send(.appendResponse(Message.AppendResponse(index: last)), to: sender)
    }

    /// Raft §5.3: an entry that conflicts with the leader's goes, and all after it.
    private mutating func replaceTail(with entries: [LogEntry]) -> Bool {
        guard let first = entries.first?.index else { return true }
        guard first > log.commitIndex else {
            fault = .committedConflict(index: first)
            return false
        }
        if first <= log.lastIndex {
            log.truncate(from: first)
            unknown.removeAll { $0 >= first }
            memberships.removeAll { $0.index >= first }
        }
        appendToLog(entries)
        return true
    }

    private mutating func receiveHeartbeat(commit: UInt64, context: UInt64, from sender: ServerID) {
        guard commit <= log.lastIndex else {
            fault = .lostLog(expected: commit, found: log.lastIndex)
            return
        }
        self.commit(to: commit)
        sendEarly(.heartbeatResponse(context: context), to: sender)
    }

    private mutating func commit(to index: UInt64) { _ = log.commit(to: min(index, (unknown.first ?? .max) - 1)) }

    private mutating func install(_ metadata: SnapshotMetadata, from sender: ServerID) {
        defer { send(.appendResponse(Message.AppendResponse(index: log.commitIndex)), to: sender) }
        guard metadata.index > log.commitIndex else { return }
        if unknown.isEmpty, log.term(at: metadata.index) == metadata.term, metadata.index <= log.durableIndex {
            commit(to: metadata.index)
            return
        }
        // The group may count on what this log has beyond the snapshot.
        guard unknown.isEmpty || metadata.index >= log.lastIndex else { return }
        log.install(metadata)
        unknown = []
        memberships = [(metadata.index, metadata.membership)]
        deliveredIndex = metadata.index
        ready.entries = []
        ready.install = metadata
    }

    mutating func snapshotSaved(_ metadata: SnapshotMetadata, firstIndex: UInt64) {
        guard metadata.index <= deliveredIndex else { return }
        log.saved(metadata, firstIndex: firstIndex)
        let keep = memberships.lastIndex { $0.index <= metadata.index } ?? 0
        memberships.removeFirst(keep)
    }
}

extension Message {
    /// Terms and indexes beyond this come from a broken or hostile sender; below it, adding one cannot overflow.
    private static let numberMax: UInt64 = 1 << 62

    var isPlausible: Bool {
        let index: UInt64 =
            switch body {
            case .voteRequest(let request): max(request.lastIndex, request.lastTerm)
            case .append(let append): max(append.previousIndex, append.commit)
            case .appendResponse(let response): max(response.index, response.rejection?.hintIndex ?? 0)
            case .heartbeat(let commit, _): commit
            case .installSnapshot(let metadata): max(metadata.index, metadata.term)
            case .voteResponse, .heartbeatResponse, .timeoutNow: 0
            }
        return term < Message.numberMax && index < Message.numberMax
    }
}

extension Message.Append {
    /// Successive indexes and terms that do not go back: anything else comes from a broken or hostile sender.
    var isWellFormed: Bool {
        var index = previousIndex
        var term = previousTerm
        for entry in entries {
            index += 1
            guard entry.index == index, entry.term >= term else { return false }
            term = entry.term
        }
        return true
    }
}
