internal import Basics
internal import Synchronization

/// A call whose caller may have gone.
protocol AbandonedCall: AnyObject, Sendable {
    var isFinished: Bool { get }
}

/// Joins a plug-in's answer with the Swift task that waits for it.
final class AsyncCall: AbandonedCall {
    private struct State {
        var continuation: CheckedContinuation<Answer, Never>?
        var open: (any OpenCall)?
        var isCancelled = false
        var isFinished = false
    }

    private let state = Mutex(State())

    var isFinished: Bool { state.withLock { $0.isFinished } }

    /// Keeps the continuation, or resumes it at once when the task has been cancelled already.
    func begin(_ continuation: CheckedContinuation<Answer, Never>) {
        let isCancelled = state.withLock { state in
            if !state.isCancelled { state.continuation = continuation }
            return state.isCancelled
        }
        if isCancelled { continuation.resume(returning: AsyncCall.cancelled) }
    }

    func started(_ call: any OpenCall) {
        let isCancelled = state.withLock { state in
            state.open = call
            return state.isCancelled
        }
        if isCancelled { call.cancel() }
    }

    func finish(_ answer: Answer) {
        let continuation = state.withLock { state in
            state.isFinished = true
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume(returning: answer)
    }

    func cancel() {
        let (continuation, call) = state.withLock { state in
            state.isCancelled = true
            defer { state.continuation = nil }
            return (state.continuation, state.open)
        }
        call?.cancel()
        continuation?.resume(returning: AsyncCall.cancelled)
    }

    private static let cancelled = Answer(PluginError(.cancelled, "no longer wanted"))
}

/// Joins a plug-in's answer with the thread that waits for it.
final class BlockingCall: AbandonedCall, @unchecked Sendable {
    private let condition = Condition()
    private var answer: Answer?
    private var open: (any OpenCall)?

    var isFinished: Bool { condition.locked { answer != nil } }

    func started(_ call: any OpenCall) { condition.locked { open = call } }

    func finish(_ answer: Answer) {
        condition.locked {
            self.answer = answer
            condition.broadcast()
        }
    }

    /// The answer, or nil, and the call cancelled, when `timeout` has passed.
    func wait(for timeout: Duration) -> Answer? {
        let deadline = Condition.moment(after: timeout.nanosecondCount)
        let found = condition.locked { () -> Answer? in
            while answer == nil, condition.wait(until: deadline) {}
            return answer
        }
        if found == nil { condition.locked { open }?.cancel() }
        return found
    }
}
