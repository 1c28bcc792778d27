internal import Synchronization

/// One long operation asked of the executor: it is completed exactly once, and may be cancelled by the asker.
package protocol ExecutorCall: Sendable {
    /// DROVER_OK and a result, or a code and a message. Returns at once; called from any thread.
    func complete(_ code: Int32, _ result: [UInt8])

    /// Asks for `notify` once on cancellation, maybe at once. Called at most once, before anything can complete the call.
    func onCancel(_ notify: @escaping @Sendable () -> Void)
}

extension ExecutorCall {
    func fail(_ error: ExecutorError) { complete(error.code, Array(error.message.utf8)) }
}

/// What to do when a call is cancelled, set once it is known: registered first, because a completed call must not be touched.
final class Cancellation: Sendable {
    private struct State {
        var cancelled = false
        var action: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    init(_ call: any ExecutorCall) {
        call.onCancel { [self] in
            let action = state.withLock { state in
                state.cancelled = true
                defer { state.action = nil }
                return state.action
            }
            action?()
        }
    }

    /// Sets the action; runs it at once when the call has been cancelled already.
    func set(_ action: @escaping @Sendable () -> Void) {
        let now = state.withLock { state in
            if !state.cancelled { state.action = action }
            return state.cancelled
        }
        if now { action() }
    }
}

/// A call made by Swift code: a closure takes the answer.
package final class ClosureCall: ExecutorCall {
    private struct State {
        var done = false
        var cancelled = false
        var notify: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    private let finish: @Sendable (Int32, [UInt8]) -> Void

    package init(_ finish: @escaping @Sendable (Int32, [UInt8]) -> Void) { self.finish = finish }

    package func complete(_ code: Int32, _ result: [UInt8]) {
        let first = state.withLock { state in
            defer { state.done = true }
            state.notify = nil
            return !state.done
        }
        if first { finish(code, result) }
    }

    package func onCancel(_ notify: @escaping @Sendable () -> Void) {
        let now = state.withLock { state in
            if state.cancelled || state.done { return state.cancelled && !state.done }
            state.notify = notify
            return false
        }
        if now { notify() }
    }

    /// Says that the answer is no longer wanted.
    package func cancel() {
        let notify = state.withLock { state -> (@Sendable () -> Void)? in
            state.cancelled = true
            defer { state.notify = nil }
            return state.notify
        }
        notify?()
    }
}
