internal import DroverSDK
internal import Synchronization

/// One scripted task.
///
///     starting ──► running(started) ──► ended(exit)
///
/// Decides under its lock and acts outside it. Calls and timers that are left are settled by ``abandon()``.
final class MockTask: Sendable {
    private enum Phase {
        case starting
        case running(startedAt: Int64)
        case ended(startedAt: Int64, TaskExit)
    }

    private struct State {
        var phase = Phase.starting
        var starters: [Call] = []
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
        var timers: [PendingCall] = []
    }

    /// A call that is answered when the task ends.
    private struct Waiter {
        let call: Call
        let answersExit: Bool
        var cancellation: CancelHandle?

        func answer(_ exit: TaskExit) {
            cancellation?.forget()
            if answersExit { call.succeed(exit.json) } else { call.succeed(JSON.null) }
        }

        func fail(_ error: PluginError) {
            cancellation?.forget()
            call.fail(error)
        }
    }

    let document: TaskDocument
    let script: MockScript
    private let state = Mutex(State())

    init(document: TaskDocument, script: MockScript) {
        self.document = document
        self.script = script
    }

    /// How the task ended; `nil` while it has not.
    var exit: TaskExit? {
        state.withLock { if case .ended(_, let exit) = $0.phase { exit } else { nil } }
    }

    /// Answers `call` with the handle now, or when the start is over.
    func whenStarted(_ call: Call) {
        let startedAt = state.withLock { state -> Int64? in
            switch state.phase {
            case .starting:
                state.starters.append(call)
                return nil
            case .running(let startedAt), .ended(let startedAt, _): return startedAt
            }
        }
        if let startedAt { call.succeed(script.result(startedAt: startedAt)) }
    }

    /// The start is over: well, with the wall clock, or with an error.
    func started(_ result: Result<Int64, PluginError>) {
        let starters = state.withLock { state in
            if case .success(let startedAt) = result, case .starting = state.phase {
                state.phase = .running(startedAt: startedAt)
            }
            defer { state.starters = [] }
            return state.starters
        }
        for call in starters {
            switch result {
            case .success(let startedAt): call.succeed(script.result(startedAt: startedAt))
            case .failure(let error): call.fail(error)
            }
        }
    }

    /// Ends the task, unless it has ended; `true` when this call ended it.
    @discardableResult
    func end(_ exit: TaskExit, at time: Int64) -> Bool {
        let released = state.withLock { state -> (waiters: [Waiter], timers: [PendingCall])? in
            let startedAt: Int64
            switch state.phase {
            case .starting: startedAt = time
            case .running(let start): startedAt = start
            case .ended: return nil
            }
            state.phase = .ended(startedAt: startedAt, exit)
            defer { (state.waiters, state.timers) = ([:], []) }
            return (Array(state.waiters.values), state.timers)
        }
        guard let released else { return false }
        for timer in released.timers { timer.cancel() }
        for waiter in released.waiters { waiter.answer(exit) }
        return true
    }

    /// Answers `call` when the task has ended: with its exit for `wait`, without for `stop`.
    func whenEnded(_ call: Call, answersExit: Bool) {
        let (number, exit) = state.withLock { state -> (UInt64, TaskExit?) in
            state.nextWaiter += 1
            if case .ended(_, let exit) = state.phase { return (state.nextWaiter, exit) }
            state.waiters[state.nextWaiter] = Waiter(call: call, answersExit: answersExit)
            return (state.nextWaiter, nil)
        }
        if let exit { return Waiter(call: call, answersExit: answersExit).answer(exit) }
        let handle = call.onCancel { [weak self] in self?.cancelWaiter(number) }
        let isLate = state.withLock { state in
            state.waiters[number]?.cancellation = handle
            return state.waiters[number] == nil
        }
        if isLate { handle.forget() }
    }

    private func cancelWaiter(_ number: UInt64) {
        let waiter = state.withLock { $0.waiters.removeValue(forKey: number) }
        waiter?.fail(PluginError(.cancelled, "cancelled"))
    }

    /// Keeps a timer of the script, to be cancelled when the task ends.
    func keep(_ timer: PendingCall) {
        let isLate = state.withLock { state in
            if case .ended = state.phase { return true }
            state.timers.append(timer)
            return false
        }
        if isLate { timer.cancel() }
    }

    /// The instance goes away: everything that waits is answered, the script goes on in the next instance.
    func abandon() {
        let left = state.withLock { state in
            defer { state = State(phase: state.phase) }
            return state
        }
        for timer in left.timers { timer.cancel() }
        let error = PluginError(.cancelled, "the plug-in is being replaced")
        for call in left.starters { call.fail(error) }
        for waiter in left.waiters.values { waiter.fail(error) }
    }
}
