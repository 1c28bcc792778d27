internal import Synchronization

/// What is to be looked at now, by "machine:", "driver:" or "devices:" and a plug-in's name; filled by events, emptied by the loop.
final class DueLooks: Sendable {
    private struct State {
        var names: Set<String> = []
        var all = false
    }

    private let state = Mutex(State())
    let signal = ChangeSignal()

    func add(_ name: String) {
        state.withLock { _ = $0.names.insert(name) }
        signal.notify()
    }

    /// Everything there is.
    func addAll() {
        state.withLock { $0.all = true }
        signal.notify()
    }

    func take() -> (names: Set<String>, all: Bool) {
        state.withLock { state in
            defer { state = State() }
            return (state.names, state.all)
        }
    }
}
