internal import Basics
internal import Model
internal import Synchronization

/// Requests to a running task; a kill is final, restarts come one at a time.
final class TaskControl: Sendable {
    /// Ends the task for good.
    struct Kill: Sendable {
        /// Why, for the event list; nil for an ordinary stop.
        var event: TaskEvent?
        /// Leave out the task's shutdown delay.
        var skipsDelay = false
        /// The task has failed by this, so its allocation fails.
        var fails = false
    }

    enum Command: Sendable {
        case kill(Kill)
        case restart(reason: String)
    }

    /// Opened when the task may start.
    let gate = OneShot<Void>()
    let killed = OneShot<Kill>()
    private let restarts = Mutex(OneShot<String>())

    func kill(_ kill: Kill) { killed.set(kill) }

    /// Asks for a restart; one that is under way already covers it.
    func restart(_ reason: String) { restarts.withLock { $0 }.set(reason) }

    /// The next request; a kill goes first. A restart is taken by being returned.
    func next() async throws -> Command {
        if let kill = killed.current { return .kill(kill) }
        let pending = restarts.withLock { $0 }
        let command = try await race(
            [
                { [killed] in .kill(try await killed.get()) }, { .restart(reason: try await pending.get()) },
            ] as [@Sendable () async throws -> Command])
        if case .restart = command { forgetRestarts() }
        if let kill = killed.current { return .kill(kill) }
        return command
    }

    /// Drops a request that came before the task (re)started.
    func forgetRestarts() {
        restarts.withLock { if $0.current != nil { $0 = OneShot() } }
    }
}
