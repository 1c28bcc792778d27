internal import Basics
internal import Raft
internal import Synchronization

/// What waits to be sent to one server, in order.
final class PeerLine: Sendable {
    /// Bytes and messages that wait at most: 96 MiB, more than a leader sends ahead of its followers' answers, and 16,384.
    /// What comes beyond is dropped, which Raft mends.
    private static let bytesMax = 96 << 20
    private static let messagesMax = 16_384

    let id: ServerID
    /// Yields after something came.
    let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation
    private let state: Mutex<State>

    private struct State {
        var address: String
        var messages: [Message] = []
        var bytes = 0
        /// Whether the last batch did not arrive, and whether one ever did.
        var isFailing = false
        var wasReached = false
    }

    init(id: ServerID, address: String) {
        self.id = id
        state = Mutex(State(address: address))
        (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    var address: String { state.withLock { $0.address } }

    /// - Returns: false if there was no room.
    @discardableResult
    func push(_ message: Message, address: String?) -> Bool {
        let isTaken = state.withLock { state in
            if let address { state.address = address }
            let bytes = message.bytesEstimate
            guard state.messages.count < PeerLine.messagesMax, state.bytes + bytes <= PeerLine.bytesMax else {
                return false
            }
            state.messages.append(message)
            state.bytes += bytes
            return true
        }
        if isTaken { wake.yield() }
        return isTaken
    }

    /// The next messages for one batch; empty when nothing waits.
    func take() -> [Message] {
        state.withLock { state in
            var count = 0
            var bytes = 0
            while count < min(state.messages.count, RaftBatch.messagesMax), bytes < RaftBatch.bytesMax {
                bytes += state.messages[count].bytesEstimate
                count += 1
            }
            let taken = Array(state.messages.prefix(count))
            state.messages.removeFirst(count)
            state.bytes -= bytes
            return taken
        }
    }

    /// Whether any batch has arrived; a new server refuses them until it knows that it is a member.
    var wasReached: Bool { state.withLock { $0.wasReached } }

    /// Notes how a batch fared; returns whether that has changed.
    func noteDelivery(failed: Bool) -> Bool {
        state.withLock { state in
            defer { state.isFailing = failed }
            state.wasReached = state.wasReached || !failed
            return state.isFailing != failed
        }
    }

    func end() { wake.finish() }
}
