internal import Synchronization

/// Work that is done once for all who ask for it at the same time, and ends when none of them wants it any more.
final class SharedWork<Key: Hashable & Sendable>: Sendable {
    private struct Item {
        var number: Int
        var work: Task<Void, Never>
        var waiting: [String: CheckedContinuation<Void, any Error>] = [:]
    }

    private struct State {
        var items: [Key: Item] = [:]
        var count = 0
    }

    private let executor: any TaskExecutor
    private let state = Mutex(State())

    init(on executor: any TaskExecutor) { self.executor = executor }

    /// Those who wait for `key`.
    func waiting(for key: Key) -> [String] { state.withLock { Array($0.items[key]?.waiting.keys ?? [:].keys) } }

    /// Waits, as `name`, for the work on `key`; begins it with `body` unless it is under way.
    func join(_ key: Key, as name: String, _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = state.withLock { state -> Bool in
                    guard !Task.isCancelled else { return true }
                    if state.items[key] == nil { begin(&state, key, body) }
                    state.items[key]?.waiting[name] = continuation
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            leave(key, name)
        }
    }

    private func begin(_ state: inout State, _ key: Key, _ body: @escaping @Sendable () async throws -> Void) {
        state.count += 1
        let number = state.count
        let work = Task(executorPreference: executor) { [self] in
            let result: Result<Void, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            let item = self.state.withLock { state -> Item? in
                state.items[key]?.number == number ? state.items.removeValue(forKey: key) : nil
            }
            for waiter in item?.waiting.values ?? [:].values { waiter.resume(with: result) }
        }
        state.items[key] = Item(number: number, work: work)
    }

    private func leave(_ key: Key, _ name: String) {
        let (waiter, abandoned) = state.withLock {
            state -> (CheckedContinuation<Void, any Error>?, Task<Void, Never>?) in
            let waiter = state.items[key]?.waiting.removeValue(forKey: name)
            guard let item = state.items[key], item.waiting.isEmpty else { return (waiter, nil) }
            state.items[key] = nil
            return (waiter, item.work)
        }
        abandoned?.cancel()
        waiter?.resume(throwing: CancellationError())
    }

    /// Ends all work; those who wait hear of it.
    func cancelAll() async {
        let items = state.withLock { state in
            defer { state.items = [:] }
            return Array(state.items.values)
        }
        for item in items {
            item.work.cancel()
            for waiter in item.waiting.values { waiter.resume(throwing: CancellationError()) }
        }
        for item in items { await item.work.value }
    }
}
