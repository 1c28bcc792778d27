internal import Basics
internal import Consensus
internal import Logging
internal import RPC
internal import Raft
internal import StateStore
internal import Synchronization

/// Servers of two releases in one cluster, on the way to the later one or back.
///
/// Each says which kinds of log entries it knows, and the leader proposes what all members know. A server that goes back to the
/// earlier release takes no entry it does not know: the leader, told so, saves a snapshot, and sends that in place of them. The
/// records of a snapshot that the earlier release does not know it keeps, for when the later one comes again.
extension ServerAgent {
    /// The greatest kind of entry that all members know, as far as they have said.
    ///
    /// One that says nothing for a while is not waited for, or a dead member would keep the others from what is new. Should it
    /// come back, and of an earlier release, a snapshot is handed over to it.
    var knownKindMax: UInt8 {
        let now = seam.time.uptime
        return consensus.status.membership.members.map { member in
            guard member.id.name != settings.id else { return StateEntry.kindMax }
            guard let told = directory[member.id.name]?.record.entryKindMax else {
                let isSilent = silence(of: member.id, now: now) > ServerDirectory.silenceMax
                return isSilent ? StateEntry.kindMax : StateEntry.commonKindMax
            }
            return max(StateEntry.commonKindMax, UInt8(clamping: told))
        }.min() ?? StateEntry.kindMax
    }

    /// Throws unless every member knows entries of this kind.
    func requireKnownToAll(_ entry: StateEntry) throws(CallError) {
        let kind = entry.kindNumber
        guard kind > StateEntry.commonKindMax, kind > knownKindMax else { return }
        let earlier = directory.all.map(\.record).filter { $0.entryKindMax < Int(kind) }
        let titles = earlier.map { "\($0.title), release \($0.build)" }.joined(separator: "; ")
        throw CallError(
            .undone,
            "servers of the cluster do not know this yet: upgrade all of them, and ask again"
                + (titles.isEmpty ? "" : " (\(titles))"))
    }

    /// An entry of the message that this release does not know, if there is one. Such a message is as good as lost on the way.
    func laterEntry(in message: Message) -> LogEntry? {
        guard case .append(let append) = message.body else { return nil }
        return append.entries.first { !ReplicatedState.knows($0) }
    }

    /// Tells the operator, once, and the sender that a snapshot is wanted in place of entries: of this one, or of some that this
    /// server already had when it was of the later release.
    func refuse(_ entry: LogEntry?) throws(CallError) {
        if !hasMetLaterKinds.exchange(true, ordering: .relaxed) {
            log.warning(
                "the log has entries of a later release; waiting for a snapshot in their place",
                metadata: entry.map { ["raft.index": "\($0.index)", "entry.kind": "\($0.data.first ?? 0)"] })
        }
        throw CallError(.unsupported, "this release does not know some of the log's entries")
    }

    /// On the leader: saves a snapshot when members said that they do not know entries of the log, and sends them that.
    func handOver() async throws {
        let misunderstood = peers.takeMisunderstood()
        guard !misunderstood.isEmpty else { return }
        let metadata = try await consensus.saveSnapshot()
        for peer in misunderstood { consensus.handOver(to: peer) }
        log.info("saved a snapshot for a server of an earlier release", metadata: ["raft.index": "\(metadata.index)"])
    }

    /// Before this server stops: saves a snapshot if the log has entries that an earlier release does not know, so that one can
    /// go on from here.
    package func prepareForEarlierRelease() async {
        guard state.hasLaterKinds else { return }
        await attempt("save a snapshot that an earlier release can read") { try await self.saveSnapshot() }
    }
}
