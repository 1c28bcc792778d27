internal import Basics
internal import Consensus
internal import Logging
internal import RPC
internal import Raft
internal import Synchronization

/// Carries Raft's messages to the other servers over RPC.
///
/// ``send(_:membership:)`` queues and never waits. ``run()`` has one child for each server: it sends all that queued meanwhile
/// in one call, and the next batch once that was answered, so the order is kept. What cannot be delivered is dropped: Raft
/// sends again what matters.
final class PeerTransport: RaftTransport {
    /// How long a batch may take before it counts as lost; 2 s.
    private static let batchDeadline = Duration.seconds(2)
    /// How long a part of a snapshot may take, and the last one, after which the receiver syncs it all.
    private static let partDeadline = Duration.seconds(10)
    private static let lastPartDeadline = Duration.seconds(120)

    private let id: ServerID
    private let address: String
    private let allegiance: Allegiance
    private let seam: Seam
    private let log: Logger
    private let state = Mutex(State())
    private let newLines: AsyncStream<PeerLine>
    private let addLine: AsyncStream<PeerLine>.Continuation

    private struct State {
        var lines: [ServerID: PeerLine] = [:]
        /// Where servers said they are; for those not in the membership this server knows.
        var addresses: [ServerID: String] = [:]
        /// Who has said that it does not know entries it was sent, or has.
        var misunderstood: Set<ServerID> = []
    }

    init(id: ServerID, address: NetworkAddress, allegiance: Allegiance, seam: Seam, log: Logger) {
        self.id = id
        self.address = address.description
        self.allegiance = allegiance
        self.seam = seam
        self.log = log
        (newLines, addLine) = AsyncStream.makeStream()
    }

    /// Notes where a server said it is reached.
    func learn(_ server: ServerID, at address: String) {
        state.withLock { state in
            if state.addresses.count >= Membership.membersMax { state.addresses.removeAll() }
            state.addresses[server] = address
        }
    }

    func send(_ messages: [Message], membership: Membership) {
        for message in messages {
            let known = membership.members.first { $0.id == message.to }?.address
            let (line, isNew) = state.withLock { state -> (PeerLine?, Bool) in
                if let line = state.lines[message.to] { return (line, false) }
                guard let address = known ?? state.addresses[message.to] else { return (nil, false) }
                let line = PeerLine(id: message.to, address: address)
                state.lines[message.to] = line
                return (line, true)
            }
            guard let line else { continue }
            line.push(message, address: known)
            if isNew { addLine.yield(line) }
        }
    }

    /// The servers that have said, since this was last asked, that they do not know entries of the log.
    func takeMisunderstood() -> [ServerID] {
        state.withLock { state in
            defer { state.misunderstood = [] }
            return state.misunderstood.sorted()
        }
    }

    /// Sends until cancelled.
    func run() async throws {
        await withDiscardingTaskGroup { group in
            for await line in newLines { group.addTask { await self.run(line) } }
        }
        try Task.checkCancellation()
    }

    private func run(_ line: PeerLine) async {
        for await _ in line.wakes {
            while true {
                let messages = line.take()
                guard !messages.isEmpty, !Task.isCancelled else { break }
                await deliver(messages, line)
            }
        }
    }

    private func deliver(_ messages: [Message], _ line: PeerLine) async {
        guard let cluster = allegiance.cluster, let target = NetworkAddress(line.address, defaultPort: 4647) else {
            return
        }
        let batch = RaftBatch(cluster: cluster, from: id, address: address, to: line.id, messages: messages)
        let facts: Logger.Metadata = ["server.id": "\(line.id)", "address": "\(target)"]
        do {
            _ = try await seam.network.peer(at: target).call(
                CallMethod.raftMessages.rawValue, batch.encoded, deadline: PeerTransport.batchDeadline)
            if line.noteDelivery(failed: false) { log.info("a server is reached again", metadata: facts) }
        } catch let error as CallError where error.code == .unsupported {
            state.withLock { _ = $0.misunderstood.insert(line.id) }
        } catch {
            guard !(error is CancellationError), line.noteDelivery(failed: true) else { return }
            log.log(
                level: line.wasReached ? .warning : .info, "a server cannot be reached",
                metadata: facts.merging(["error": "\(error)"]) { first, _ in first })
        }
    }

    func sendSnapshot(
        _ metadata: SnapshotMetadata, _ chunks: SnapshotChunks, to peer: Membership.Member, term: UInt64
    ) async -> Bool {
        guard let cluster = allegiance.cluster, let target = NetworkAddress(peer.address, defaultPort: 4647) else {
            return false
        }
        let remote = seam.network.peer(at: target)
        var part = SnapshotPart(
            cluster: cluster, from: id, address: address, to: peer.id, term: term, metadata: metadata,
            transfer: seam.random.next(), offset: 0)
        var facts: Logger.Metadata = ["server.id": "\(peer.id)", "raft.index": "\(metadata.index)"]
        do {
            while let chunk = try await chunks.next() {
                part.content = chunk
                _ = try await remote.call(
                    CallMethod.snapshotPart.rawValue, part.encoded, deadline: PeerTransport.partDeadline)
                part.offset += UInt64(chunk.count)
            }
            (part.content, part.isLast) = ([], true)
            _ = try await remote.call(
                CallMethod.snapshotPart.rawValue, part.encoded, deadline: PeerTransport.lastPartDeadline)
            facts["bytes"] = "\(part.offset)"
            log.info("sent a snapshot", metadata: facts)
            return true
        } catch {
            facts["error"] = "\(error)"
            log.warning("a snapshot could not be sent; it is tried again", metadata: facts)
            return false
        }
    }
}
