internal import DroverSDK
internal import Glibc
internal import Synchronization

/// What is under way for the host: each operation runs on the loop, and shutdown awaits all of them.
final class Operations: Sendable {
    private struct State {
        var tasks: [Int: Task<Void, Never>] = [:]
        var count = 0
        var isClosed = false
    }

    private let loop: EventLoop
    private let state = Mutex(State())

    init(on loop: EventLoop) { self.loop = loop }

    /// Whether ``close(_:)`` has begun, which cancels all.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Runs `body` on its own; after ``close()`` nothing begins.
    @discardableResult
    func spawn(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never>? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            state.count += 1
            let number = state.count
            let task = Task(executorPreference: loop) { [self] in
                await body()
                self.state.withLock { state in state.tasks[number] = nil }
            }
            state.tasks[number] = task
            return task
        }
    }

    /// Runs `body` for `call` and completes it with the result; the caller's cancellation is `body`'s.
    func begin(_ call: Call, _ body: @escaping @Sendable () async throws -> JSON) {
        let cancel = Cancellation()
        let handle = call.onCancel { cancel.cancel() }
        let task = spawn {
            let result: Result<String, PluginError>
            do { result = .success(try await body().text) } catch { result = .failure(Operations.pluginError(error)) }
            handle.forget()
            call.finish(result)
        }
        if let task {
            cancel.set(task)
        } else {
            handle.forget()
            call.fail(PluginError(.cancelled, "the plug-in ends"))
        }
    }

    /// Runs `body` and waits for it, on a thread of the host's.
    func blocking<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws(PluginError) -> Value {
        let box = ResultBox<Value>()
        let task = spawn {
            do { box.set(.success(try await body())) } catch { box.set(.failure(Operations.pluginError(error))) }
        }
        guard task != nil else { throw PluginError(.cancelled, "the plug-in ends") }
        return try box.wait().get()
    }

    /// Cancels everything and waits for its end, on a thread of the host's; `last` runs after.
    func close(_ last: @escaping @Sendable () async -> Void) {
        let tasks = state.withLock { state in
            state.isClosed = true
            return Array(state.tasks.values)
        }
        for task in tasks { task.cancel() }
        let box = ResultBox<Void>()
        _ = Task(executorPreference: loop) {
            for task in tasks { await task.value }
            await last()
            box.set(.success(()))
        }
        _ = box.wait()
    }

    static func pluginError(_ error: any Error) -> PluginError {
        switch error {
        case let error as PluginError: error
        case is CancellationError: PluginError(.cancelled, "cancelled")
        default: PluginError(.internalError, "unexpected error: \(error)")
        }
    }
}

/// Cancels a task that may not be known yet.
private final class Cancellation: Sendable {
    private let state = Mutex<(task: Task<Void, Never>?, isCancelled: Bool)>((nil, false))

    func set(_ task: Task<Void, Never>) {
        let isCancelled = state.withLock { state in
            state.task = task
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    func cancel() {
        let task = state.withLock { state in
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }
}

/// A result that a thread waits for.
private final class ResultBox<Value: Sendable>: @unchecked Sendable {
    private let result = Mutex<Result<Value, PluginError>?>(nil)
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func set(_ value: Result<Value, PluginError>) {
        result.withLock { $0 = value }
        sem_post(semaphore)
    }

    func wait() -> Result<Value, PluginError> {
        while sem_wait(semaphore) != 0, errno == EINTR {}
        return result.withLock { $0 } ?? .failure(PluginError(.internalError, "no result"))
    }
}
