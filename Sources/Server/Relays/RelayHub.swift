internal import Basics
internal import RPC
internal import Synchronization

/// The relays this server has, and the tickets that clients have yet to fetch.
///
/// A relay is two ends. What is sent from one lies in the mailbox of the other until that is read; a full mailbox holds the
/// sender back. An end that closes, or is not heard of, ends the relay.
final class RelayHub: Sendable {
    /// Relays at a time; 1,024. Another one is refused.
    static let relaysMax = 1_024
    /// Bytes of frames in one mailbox, which one more send may exceed; 256 KiB.
    static let mailboxBytesMax = 256 << 10
    /// Bytes of one send; 1 MiB.
    static let sendBytesMax = 1 << 20
    /// A client that has not used its ticket for so long does not answer; 10 s.
    static let answerMax = Duration.seconds(10)
    /// An end that has made no call for so long is gone; 60 s. One that lives waits in a call nearly always.
    static let silenceMax = Duration.seconds(60)

    private struct End {
        /// The other end's id.
        let other: ID
        var frames: [RawJSON] = []
        var bytes = 0
        /// Set when the other end has closed.
        var closing: Closing?
        var isTaken: Bool
        var lastSeen: Uptime
    }

    struct Closing: Sendable {
        var code = 0
        var message = ""
    }

    private struct State {
        var ends: [ID: End] = [:]
        var tickets: [ID: [RelayTicket]] = [:]
    }

    private let state = Mutex(State())
    /// By the id of the end whose mailbox has changed.
    private let waiters = Waiters<ID>()

    /// Makes a relay and leaves a ticket for the node's client, as `ticket` makes it for that end; `ids` are two new ones, the caller's
    /// and the client's.
    ///
    /// Returns the caller's end. Throws ``CallError``: `limited` at ``relaysMax``.
    func open(
        node: ID, server: String, ids: (ID, ID), now: Uptime, ticket: (RelayEnd) -> RelayTicket
    ) throws -> RelayEnd {
        try state.withLock { state in
            guard state.ends.count / 2 < RelayHub.relaysMax else {
                throw CallError(
                    .limited, "\(RelayHub.relaysMax) commands and streams are relayed already; end some of them first")
            }
            state.ends[ids.0] = End(other: ids.1, isTaken: true, lastSeen: now)
            state.ends[ids.1] = End(other: ids.0, isTaken: false, lastSeen: now)
            state.tickets[node, default: []].append(ticket(RelayEnd(server: server, id: ids.1)))
        }
        return RelayEnd(server: server, id: ids.0)
    }

    func hasTickets(_ node: ID) -> Bool { state.withLock { $0.tickets[node] != nil } }

    func takeTickets(_ node: ID) -> [RelayTicket] { state.withLock { $0.tickets.removeValue(forKey: node) ?? [] } }

    /// Puts frames into the mailbox of the other end; false when there was no room until `deadline`.
    func send(_ frames: [RawJSON], from id: ID, now: Uptime, until deadline: Uptime) async throws -> Bool {
        let bytes = frames.reduce(0) { $0 + $1.bytes.count }
        guard bytes <= RelayHub.sendBytesMax else {
            throw CallError(
                .tooLarge, "\(bytes) bytes of frames; at most \(RelayHub.sendBytesMax) are relayed at a time")
        }
        let other = try see(id, now: now).other
        // A sign of life.
        guard !frames.isEmpty else { return true }
        while true {
            let isTaken = try state.withLock { state -> Bool in
                guard var end = state.ends[other] else { throw RelayHub.gone }
                guard end.bytes < RelayHub.mailboxBytesMax else { return false }
                end.frames += frames
                end.bytes += bytes
                state.ends[other] = end
                return true
            }
            if isTaken {
                waiters.fire([other])
                return true
            }
            let isChanged = await waiters.wait(for: [other], until: deadline) {
                self.state.withLock { $0.ends[other].map { $0.bytes < RelayHub.mailboxBytesMax } ?? true }
            }
            guard isChanged else { return false }
        }
    }

    /// What lies in the mailbox, once something does or the other end has closed; nothing after `deadline`. A reader that is
    /// cancelled is gone, and with it the relay.
    func receive(at id: ID, now: Uptime, until deadline: Uptime) async throws -> (frames: [RawJSON], closing: Closing?)
    {
        _ = try see(id, now: now)
        _ = await waiters.wait(for: [id], until: deadline) {
            self.state.withLock { $0.ends[id].map { !$0.frames.isEmpty || $0.closing != nil } ?? true }
        }
        guard !Task.isCancelled else {
            close(id, Closing(code: 503, message: "the other side of the connection is gone"))
            throw CancellationError()
        }
        let received = try state.withLock { state in
            guard var end = state.ends[id] else { throw RelayHub.gone }
            let frames = end.frames
            (end.frames, end.bytes) = ([], 0)
            // After its last frames the end has no more use.
            state.ends[id] = frames.isEmpty && end.closing != nil ? nil : end
            return (frames, end.closing)
        }
        // Whoever waits for room may go on.
        waiters.fire([id])
        return received
    }

    /// Removes an end; the other one learns of it after the frames that it has yet to read.
    func close(_ id: ID, _ closing: Closing) {
        let other = state.withLock { state -> ID? in
            guard let end = state.ends.removeValue(forKey: id) else { return nil }
            for node in state.tickets.keys.sorted() {
                state.tickets[node]?.removeAll { $0.end.id == id || $0.end.id == end.other }
                if state.tickets[node]?.isEmpty == true { state.tickets[node] = nil }
            }
            if state.ends[end.other]?.closing == nil { state.ends[end.other]?.closing = closing }
            return end.other
        }
        waiters.fire([id] + (other.map { [$0] } ?? []))
    }

    /// Ends relays whose client does not answer or whose ends are not heard of.
    func expire(now: Uptime) {
        waiters.expire(now: now)
        let lost = state.withLock { state in
            state.ends.filter {
                now - $0.value.lastSeen > ($0.value.isTaken ? RelayHub.silenceMax : RelayHub.answerMax)
            }
        }
        for (id, end) in lost.sorted(by: { $0.key < $1.key }) {
            let message =
                end.isTaken
                ? "the other side of the connection has fallen silent"
                : "the node's client did not answer within \(RelayHub.answerMax.goText): it is cut off, or of an "
                    + "earlier release"
            close(id, Closing(code: 503, message: message))
        }
    }

    private func see(_ id: ID, now: Uptime) throws -> End {
        try state.withLock { state in
            guard var end = state.ends[id] else { throw RelayHub.gone }
            end.isTaken = true
            end.lastSeen = now
            state.ends[id] = end
            return end
        }
    }

    private static let gone = CallError(.notFound, "the other side of the connection is gone")
}
