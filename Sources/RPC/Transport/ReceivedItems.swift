internal import Basics
internal import Synchronization

/// Items that arrived and were not read yet; bounded by the stream's credit, which the sender is not trusted to keep.
final class ItemBuffer: Sendable {
    private let bytesMax: Int
    private let state = Mutex(State())

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    private struct State {
        var items: [[UInt8]] = []
        var bytes = 0
        var ended: Result<Void, CallError>?
        var waiter: CheckedContinuation<[[UInt8]]?, any Error>?
    }

    func add(_ item: [UInt8]) {
        let waiter = state.withLock { state -> CheckedContinuation<[[UInt8]]?, any Error>? in
            guard state.ended == nil else { return nil }
            guard state.waiter == nil else { return state.waiter.take() }
            state.bytes += item.count
            if state.bytes > bytesMax {
                state.ended = .failure(CallError(.limited, "the server sent more items than it was given credit for"))
            } else {
                state.items.append(item)
            }
            return nil
        }
        waiter?.resume(returning: [item])
    }

    func end(_ result: Result<Void, CallError>) {
        let waiter = state.withLock { state in
            state.ended = state.ended ?? result
            return state.waiter.take()
        }
        waiter?.resume(with: result.map { nil }.mapError { $0 as any Error })
    }

    /// All that waits, or what comes next.
    func next() async throws -> [[UInt8]]? {
        try await withCheckedThrowingContinuation { continuation in
            let ready = state.withLock { state -> Result<[[UInt8]]?, any Error>? in
                if !state.items.isEmpty {
                    defer { (state.items, state.bytes) = ([], 0) }
                    return .success(state.items)
                }
                if let ended = state.ended { return ended.map { nil }.mapError { $0 as any Error } }
                guard state.waiter == nil else {
                    return .failure(CallError(.invalid, "a stream is read by one task at a time"))
                }
                state.waiter = continuation
                return nil
            }
            if let ready { continuation.resume(with: ready) }
        }
    }
}

/// A streamed answer as its reader holds it; letting go of it cancels the call.
final class ReceivedItems: ItemStream {
    private let id: UInt32
    private let buffer: ItemBuffer
    private let session: ClientSession

    init(id: UInt32, buffer: ItemBuffer, session: ClientSession) {
        (self.id, self.buffer, self.session) = (id, buffer, session)
    }

    deinit { session.cancel(id) }

    func next() async throws -> [[UInt8]]? {
        let items = try await withTaskCancellationHandler {
            try await buffer.next()
        } onCancel: {
            session.cancel(id)
        }
        if let items { session.grant(id, bytes: items.reduce(0) { $0 + $1.count + Frame.headerBytes }) }
        return items
    }

    func cancel() { session.cancel(id) }
}
