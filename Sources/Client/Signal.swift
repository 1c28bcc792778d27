internal import Synchronization

/// A value that is set once and awaited by any number of tasks; the bridge between callers and run loops.
final class OneShot<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiters: [UInt64: CheckedContinuation<Value?, Never>] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let state = Mutex(State())

    /// The value, when it has been set.
    var current: Value? { state.withLock { $0.value } }

    /// Sets the value unless it is set; true when this call did it.
    @discardableResult
    func set(_ value: Value) -> Bool {
        let waiters = state.withLock { state -> [CheckedContinuation<Value?, Never>]? in
            guard state.value == nil else { return nil }
            state.value = value
            defer { state.waiters = [:] }
            return state.waiters.sorted { $0.key < $1.key }.map(\.value)
        }
        for waiter in waiters ?? [] { waiter.resume(returning: value) }
        return waiters != nil
    }

    /// Waits for the value; throws `CancellationError` when the waiting task is cancelled first.
    func get() async throws -> Value {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let value = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Value?, Never>) in
                let now = state.withLock { state -> Value?? in
                    if let value = state.value { return .some(value) }
                    if Task.isCancelled { return .some(nil) }
                    state.waiters[id] = continuation
                    return nil
                }
                if let now { continuation.resume(returning: now) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: nil)
        }
        guard let value else { throw CancellationError() }
        return value
    }
}

/// Counts changes: a reader waits until something has changed since it last looked. Several changes count as one.
final class ChangeSignal: Sendable {
    private struct State {
        var count: UInt64 = 0
        var gate = OneShot<Void>()
    }

    private let state = Mutex(State())

    var count: UInt64 { state.withLock { $0.count } }

    func notify() {
        let gate = state.withLock { state in
            state.count += 1
            defer { state.gate = OneShot() }
            return state.gate
        }
        gate.set(())
    }

    /// Waits until the count is above `seen`; returns the count. Throws `CancellationError`.
    func changed(since seen: UInt64) async throws -> UInt64 {
        while true {
            let (count, gate) = state.withLock { ($0.count, $0.gate) }
            if count > seen { return count }
            try await gate.get()
        }
    }
}

/// Runs all bodies; returns the first result and cancels the others.
@discardableResult
func race<Value: Sendable>(_ bodies: [@Sendable () async throws -> Value]) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        for body in bodies { group.addTask { try await body() } }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}
