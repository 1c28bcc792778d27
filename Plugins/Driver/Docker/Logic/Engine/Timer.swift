internal import DroverSDK
internal import Synchronization

/// A sleep that may be cancelled before it is known.
final class Timer: Sendable {
    private struct State {
        var pending: PendingCall?
        var isCancelled = false
    }

    private let state = Mutex(State())

    func set(_ pending: PendingCall) {
        let isCancelled = state.withLock { state in
            state.pending = pending
            return state.isCancelled
        }
        if isCancelled { pending.cancel() }
    }

    func cancel() {
        let pending = state.withLock { state in
            state.isCancelled = true
            return state.pending
        }
        pending?.cancel()
    }
}
