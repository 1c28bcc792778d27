internal import Raft
internal import Synchronization

/// The newest status of the core, for whoever asks or watches.
final class StatusBoard: Sendable {
    private let state: Mutex<State>

    private struct State {
        var status: RaftStatus
        var watchers: [(id: Int, continuation: AsyncStream<RaftStatus>.Continuation)] = []
        var nextID = 0
        var isFinished = false
        var isTickQueued = false
    }

    init(_ status: RaftStatus) { state = Mutex(State(status: status)) }

    var current: RaftStatus { state.withLock { $0.status } }

    var isLeader: Bool { state.withLock { $0.status.role == .leader } }

    /// Yields under the lock, here and in ``updates()``: of two statuses a watcher must see the newer one last, and it keeps
    /// only that.
    func publish(_ status: RaftStatus) {
        state.withLock { state in
            state.status = status
            for watcher in state.watchers { watcher.continuation.yield(status) }
        }
    }

    func updates() -> AsyncStream<RaftStatus> {
        let (stream, continuation) = AsyncStream.makeStream(of: RaftStatus.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state -> Int? in
            continuation.yield(state.status)
            guard !state.isFinished else { return nil }
            state.nextID += 1
            state.watchers.append((state.nextID, continuation))
            return state.nextID
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.remove(id) }
        return stream
    }

    private func remove(_ id: Int) { state.withLock { $0.watchers.removeAll { $0.id == id } } }

    func finish() {
        let watchers = state.withLock { state in
            state.isFinished = true
            defer { state.watchers = [] }
            return state.watchers.map(\.continuation)
        }
        for watcher in watchers { watcher.finish() }
    }

    /// True if no tick waits for the core: a core that was held up must not take old ticks for passing time.
    func mayTick() -> Bool {
        state.withLock { state in
            defer { state.isTickQueued = true }
            return !state.isTickQueued
        }
    }

    func tickTaken() { state.withLock { $0.isTickQueued = false } }
}
