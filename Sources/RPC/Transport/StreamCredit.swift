internal import Basics
internal import Synchronization

/// How many more bytes a reader takes; senders wait here while it is none.
final class CreditGate: Sendable {
    private let state: Mutex<State>

    private struct State {
        var bytes: Int
        var isClosed = false
        var waiters: [(id: Int, continuation: CheckedContinuation<Void, any Error>)] = []
        var nextID = 0
    }

    init(bytes: Int) { state = Mutex(State(bytes: bytes)) }

    /// Takes `count` bytes once there is any credit; it may go below zero by one item, so that any item fits.
    func take(_ count: Int) async throws {
        while !(try tryTake(count)) { try await wait() }
    }

    private func tryTake(_ count: Int) throws -> Bool {
        try state.withLock { state in
            guard !state.isClosed else { throw CallError(.unavailable, "the reader is gone") }
            guard state.bytes > 0 else { return false }
            state.bytes -= count
            return true
        }
    }

    private func wait() async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isWaiting = state.withLock { state in
                    guard !state.isClosed, state.bytes <= 0, !Task.isCancelled else { return false }
                    state.waiters.append((id, continuation))
                    return true
                }
                if !isWaiting { continuation.resume() }
            }
            try Task.checkCancellation()
        } onCancel: {
            let waiter = state.withLock { state in
                let position = state.waiters.firstIndex { $0.id == id }
                return position.map { state.waiters.remove(at: $0).continuation }
            }
            waiter?.resume()
        }
    }

    func grant(_ count: Int) { wake { $0.bytes = min($0.bytes + count, 1 << 40) } }

    func close() { wake { $0.isClosed = true } }

    private func wake(_ change: (inout State) -> Void) {
        let waiters = state.withLock { state in
            change(&state)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume() }
    }
}

/// Where a handler sends the items of one stream.
struct CreditSink: ItemSink {
    let id: UInt32
    let gate: CreditGate
    let outbox: Outbox
    let bytesMax: Int

    func send(_ item: [UInt8]) async throws {
        guard item.count <= bytesMax else { throw CallError.tooLarge("stream item", item.count, bytesMax) }
        // Empty items cost their header, or they would escape flow control.
        try await gate.take(item.count + Frame.headerBytes)
        let isSent = outbox.add { Frame.write(.item, id: id, body: item, to: &$0) }
        guard isSent else { throw CallError(.unavailable, "the reader is gone") }
    }
}
