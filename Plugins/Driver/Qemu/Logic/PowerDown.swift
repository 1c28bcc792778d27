internal import DroverSDK
internal import Synchronization

/// The stop of a machine whose power button has been pressed: its guest powers off, or the emulator is ended before the timeout.
///
/// ```
///  button ──────────────► signal ───────► kill
///  0        guest's time   timeout − tail   timeout
/// ```
/// Completes the call when the emulator has ended, whatever ended it.
final class PowerDown: Sendable {
    /// What is left of the timeout for the signal; at most a quarter of it.
    private static let tailMax: Int64 = 2_000_000_000

    private struct State {
        var call: Call?
        var cancellation: CancelHandle?
        var timer: PendingCall?
    }

    private let host: Host
    private let id: String
    private let signal: String
    private let state: Mutex<State>

    init(host: Host, id: String, signal: String, call: Call) {
        self.host = host
        self.id = id
        self.signal = signal
        state = Mutex(State(call: call))
    }

    /// Waits for the end, and sends the signal when `nanoseconds` are nearly over.
    func begin(within nanoseconds: Int64) {
        let call = state.withLock { $0.call }
        // Whoever no longer waits leaves the signal and the kill scheduled.
        let cancellation = call?.onCancel { [self] in
            finish(
                .failure(PluginError(.cancelled, "no longer waited for; the machine is still being stopped")),
                keepsTimer: true)
        }
        let tail = min(PowerDown.tailMax, nanoseconds / 4)
        let timer = host.clock.after(nanoseconds: nanoseconds - tail) { [self] in
            let stop = PendingCall { [self] in finish($0) }
            host.executor.stop(id, signal: signal, timeoutNanoseconds: tail, call: stop.call)
        }
        let isOver = state.withLock { state in
            state.cancellation = cancellation
            state.timer = timer
            return state.call == nil
        }
        if isOver { cancellation?.forget() }
        host.executor.wait(id, call: PendingCall { [self] in finish($0) }.call)
    }

    private func finish(_ result: Result<String, PluginError>, keepsTimer: Bool = false) {
        let last = state.withLock { state in
            defer {
                state.call = nil
                state.cancellation = nil
                if !keepsTimer { state.timer = nil }
            }
            return state
        }
        if !keepsTimer { last.timer?.cancel() }
        last.cancellation?.forget()
        last.call?.finish(result.map { _ in "{}" })
    }
}
