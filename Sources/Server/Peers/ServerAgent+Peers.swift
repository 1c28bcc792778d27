internal import Basics
internal import Consensus
internal import Logging
internal import Model
internal import Raft
internal import StateStore
internal import Synchronization

/// What other servers' transports send.
extension ServerAgent {
    /// Hands a batch of messages to Raft.
    ///
    /// - Throws: ``CallError``: `unsupported` when some have entries that only a later release knows, and were not taken.
    func receiveMessages(_ body: [UInt8]) throws {
        let batch: RaftBatch
        do {
            batch = try RaftBatch(decoding: body)
        } catch {
            throw CallError(.invalid, "raft messages cannot be read: \(error.message)")
        }
        try check(cluster: batch.cluster, from: batch.from, to: batch.to)
        peers.learn(batch.from, at: batch.address)
        noteContact(of: batch.from)
        var later: LogEntry?
        for message in batch.messages {
            if let entry = laterEntry(in: message) { later = entry } else { consensus.receive(message) }
        }
        if later != nil || consensus.status.isStranded { try refuse(later) }
    }

    /// Stores a part of a snapshot; after the last one tells Raft that it is here.
    func receiveSnapshot(_ body: [UInt8]) async throws {
        let part: SnapshotPart
        do {
            part = try SnapshotPart(decoding: body)
        } catch {
            throw CallError(.invalid, "a part of a snapshot cannot be read: \(error.message)")
        }
        try check(cluster: part.cluster, from: part.from, to: part.to)
        guard part.term >= consensus.status.term else {
            throw CallError(.conflict, "term \(part.term) is over; it is term \(consensus.status.term)")
        }
        peers.learn(part.from, at: part.address)
        noteContact(of: part.from)
        let install = Message(from: part.from, to: part.to, term: part.term, body: .installSnapshot(part.metadata))
        guard part.metadata.index > consensus.appliedIndex else {
            // Not needed; but only the answer tells the leader how far this server is.
            consensus.receive(install)
            throw CallError(.conflict, "this server has applied entry \(part.metadata.index) already")
        }
        guard try await snapshotInbox.take(part, into: consensus) else { return }
        log.info(
            "received a snapshot", metadata: ["raft.index": "\(part.metadata.index)", "server.id": "\(part.from)"])
        consensus.receive(install)
    }

    private func check(cluster: ID, from: ServerID, to: ServerID) throws {
        guard to.name == settings.id, from != to else {
            throw CallError(.conflict, "server \(to) was called, but this is server \(settings.id)")
        }
        guard let own = allegiance.cluster else {
            throw CallError(.conflict, "server \(settings.id) is not a member of a cluster yet")
        }
        guard own == cluster else {
            throw CallError(
                .conflict, "server \(settings.id) is a member of cluster \(own), the caller of cluster \(cluster)")
        }
    }

    /// Another server was heard; if it is the leader, this one's state is fresh as of now.
    func noteContact(of server: ServerID) {
        let now = seam.time.uptime
        directory.heard(server.name, now: now)
        contacts.withLock { contacts in
            if contacts.last.count >= Membership.membersMax { contacts.last = [:] }
            contacts.last[server] = now
        }
        if consensus.status.leader == server { leaderContact.withLock { $0 = now } }
    }

    /// How long ago the leader was heard of last; zero on the leader, and the time since the start when it never was.
    var lastContact: Duration {
        consensus.isLeader ? .zero : seam.time.uptime - leaderContact.withLock { $0 }
    }
}
