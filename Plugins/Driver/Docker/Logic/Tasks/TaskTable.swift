internal import DroverSDK
internal import Synchronization

/// What is known of the tasks whose containers this instance has made or found.
final class TaskTable: Sendable {
    /// One task. It is here from the moment its container runs until it is destroyed.
    struct Entry: Sendable {
        let id: String
        let container: String
        let image: String
        /// The main process, in the engine's view of the machine; 0 when it had ended.
        let pid: Int64
        /// What asks it to end where the job names no signal.
        let stopSignal: String
        /// What `start` and `recover` answer.
        let answer: JSON
        var collection: Collection?
        fileprivate(set) var exit: TaskExit?
    }

    /// Copies a container's output; ends by itself after the container.
    struct Collection: Sendable {
        let work: Task<Void, Never>
        let progress: LogProgress
    }

    private struct Waiter {
        var task: String
        var call: Call
        var handle: CancelHandle?
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Ids whose container is being made.
        var starting: Set<String> = []
        var waiters: [Int: Waiter] = [:]
        var ends: [Int: (task: String, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var count = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    func entry(_ id: String) -> Entry? { state.withLock { $0.entries[id] } }

    /// - Throws: ``PluginError/Code/notFound``.
    func required(_ id: String) throws(PluginError) -> Entry {
        guard let entry = entry(id) else { throw PluginError(.notFound, "no container of a task \(id) is known") }
        return entry
    }

    /// The task whose container has this id.
    func task(ofContainer container: String) -> String? {
        state.withLock { $0.entries.values.first { $0.container == container }?.id }
    }

    /// Tasks that have not ended, as far as is known.
    var running: [Entry] { state.withLock { $0.entries.values.filter { $0.exit == nil } } }

    /// Whether a container with this task's label is wanted.
    func isWanted(_ id: String) -> Bool {
        state.withLock { $0.entries[id] != nil || $0.starting.contains(id) }
    }

    /// Says that the container of `id` is being made, or no longer is.
    func setStarting(_ id: String, _ isStarting: Bool) {
        state.withLock { state in
            if isStarting { state.starting.insert(id) } else { state.starting.remove(id) }
        }
    }

    func insert(_ entry: Entry) { state.withLock { $0.entries[entry.id] = entry } }

    func setCollection(_ collection: Collection, of id: String) {
        state.withLock { $0.entries[id]?.collection = collection }
    }

    func remove(_ id: String) {
        let waiters = state.withLock { state in
            state.entries[id] = nil
            return take(&state) { $0.task == id }
        }
        for waiter in waiters { waiter.call.fail(PluginError(.notFound, "task \(id) has been destroyed")) }
    }

    // MARK: - Ends

    /// Completes `call` with the exit of the task, now or when it comes.
    ///
    /// - Throws: ``PluginError/Code/notFound``.
    func wait(_ id: String, _ call: Call) throws(PluginError) {
        let (number, exit) = try state.withLock { state throws(PluginError) -> (Int, TaskExit?) in
            guard let entry = state.entries[id] else {
                throw PluginError(.notFound, "no container of a task \(id) is known")
            }
            guard entry.exit == nil else { return (0, entry.exit) }
            state.count += 1
            state.waiters[state.count] = Waiter(task: id, call: call)
            return (state.count, nil)
        }
        if let exit { return call.succeed(exit.json) }
        let handle = call.onCancel { [self] in
            let waiter = state.withLock { $0.waiters.removeValue(forKey: number) }
            waiter?.call.fail(PluginError(.cancelled, "cancelled"))
        }
        let isOpen = state.withLock { state in
            state.waiters[number]?.handle = handle
            return state.waiters[number] != nil
        }
        if !isOpen { handle.forget() }
    }

    /// The task has ended: tells all who wait. Only the first end of a task counts.
    func finish(_ id: String, _ exit: TaskExit) {
        let (waiters, ends) = state.withLock { state -> ([Waiter], [CheckedContinuation<Void, any Error>]) in
            guard state.entries[id] != nil, state.entries[id]?.exit == nil else { return ([], []) }
            state.entries[id]?.exit = exit
            let numbers = state.ends.filter { $0.value.task == id }.map(\.key)
            return (
                take(&state) { $0.task == id }, numbers.compactMap { state.ends.removeValue(forKey: $0)?.continuation }
            )
        }
        for waiter in waiters { waiter.call.succeed(exit.json) }
        for end in ends { end.resume() }
    }

    /// Returns when the task has ended; throws `CancellationError` when cancelled before.
    func end(of id: String) async throws {
        let number = state.withLock { state in
            state.count += 1
            return state.count
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (isOver, isCancelled) = state.withLock { state -> (Bool, Bool) in
                    guard let entry = state.entries[id], entry.exit == nil else { return (true, false) }
                    guard !Task.isCancelled else { return (false, true) }
                    state.ends[number] = (id, continuation)
                    return (false, false)
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let end = state.withLock { $0.ends.removeValue(forKey: number) }
            end?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Ends all waits, not the tasks.
    func close() {
        let waiters = state.withLock { take(&$0) { _ in true } }
        for waiter in waiters { waiter.call.fail(PluginError(.cancelled, "the plug-in ends")) }
        for entry in state.withLock({ Array($0.entries.values) }) { entry.collection?.work.cancel() }
    }

    private func take(_ state: inout State, where condition: (Waiter) -> Bool) -> [Waiter] {
        let numbers = state.waiters.filter { condition($0.value) }.map(\.key)
        let waiters = numbers.compactMap { state.waiters.removeValue(forKey: $0) }
        for waiter in waiters { waiter.handle?.forget() }
        return waiters
    }
}
