internal import Basics
internal import Model
internal import StateStore
internal import Synchronization

/// What a reader can wait for.
enum WatchKey: Hashable, Sendable {
    case table(StateTable)
    case job(JobKey)
    case node(ID)
    case variable(VariableKey)
    /// What a node's client has to learn.
    case clientOf(NodeRow)
}

/// The newest snapshot, and those who wait for a newer one.
///
/// Written by the applier alone: it publishes, then wakes. Readers take ``snapshot`` and keep it as long as they like.
final class ChangeFeed: Sendable {
    private let newest: Mutex<Snapshot>
    private let waiters = Waiters<WatchKey>()
    private let indexWaiters = Waiters<Bool>()

    init(_ snapshot: Snapshot) { newest = Mutex(snapshot) }

    var snapshot: Snapshot { newest.withLock { $0 } }

    /// Makes a snapshot the newest and wakes those who wait for what `outcomes` changed.
    func publish(_ snapshot: Snapshot, _ outcomes: [ApplyOutcome]) {
        newest.withLock { $0 = snapshot }
        indexWaiters.fire([true])
        // Some twice: to look a key up that was found before takes no longer than to see that it was.
        var keys: [WatchKey] = []
        for outcome in outcomes {
            for table in outcome.tables { keys.append(.table(table)) }
            for job in outcome.jobs { keys.append(.job(job)) }
            for node in outcome.nodes { keys.append(.node(node)) }
            for variable in outcome.variables { keys.append(.variable(variable)) }
            for row in outcome.servedNodes { keys.append(.clientOf(row)) }
        }
        waiters.fire(keys)
    }

    /// Makes a snapshot the newest that has little to do with the one before, and wakes everybody.
    func replace(with snapshot: Snapshot) {
        newest.withLock { $0 = snapshot }
        indexWaiters.fireAll()
        waiters.fireAll()
    }

    /// Wakes those who wait for one of `keys`, to look again at something else than the state.
    func wake(_ keys: [WatchKey]) { waiters.fire(keys) }

    /// Waits for a change of one of `keys`, until `deadline`; returns false when there was none.
    func wait(for keys: [WatchKey], until deadline: Uptime, isReady: @Sendable () -> Bool) async -> Bool {
        await waiters.wait(for: keys, until: deadline, isReady: isReady)
    }

    /// The newest snapshot once it is at `index` or beyond; nil when that takes longer than until `deadline`.
    func snapshot(at index: UInt64, until deadline: Uptime) async -> Snapshot? {
        while snapshot.index < index {
            let changed = await indexWaiters.wait(for: [true], until: deadline) { snapshot.index >= index }
            if !changed, snapshot.index < index { return nil }
        }
        return snapshot
    }

    func expire(now: Uptime) {
        waiters.expire(now: now)
        indexWaiters.expire(now: now)
    }
}
