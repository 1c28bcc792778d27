internal import Basics
internal import Synchronization

/// Tasks that wait for one of several keys to change, each until a deadline.
///
/// One timer serves them all: ``expire(now:)`` is called by the server's clock loop, so ten thousand waiting clients
/// cost no sleeping task each.
final class Waiters<Key: Hashable & Sendable>: Sendable {
    fileprivate struct Waiter {
        let keys: [Key]
        let deadline: Uptime
        let continuation: CheckedContinuation<Bool, Never>
    }

    fileprivate struct State {
        var nextToken: UInt64 = 0
        var waiters: [UInt64: Waiter] = [:]
        var tokens: [Key: [UInt64]] = [:]
    }

    private let state = Mutex(State())

    /// Waits until one of `keys` is fired or the deadline has passed; false after the deadline or cancellation.
    ///
    /// `isReady` is asked once after registration; true returns at once. Whoever fires must make the change visible first.
    func wait(for keys: [Key], until deadline: Uptime, isReady: @Sendable () -> Bool) async -> Bool {
        let token = state.withLock { state -> UInt64 in
            state.nextToken += 1
            return state.nextToken
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { $0.add(Waiter(keys: keys, deadline: deadline, continuation: continuation), token) }
                if isReady() { finish(token, changed: true) } else if Task.isCancelled { finish(token, changed: false) }
            }
        } onCancel: {
            finish(token, changed: false)
        }
    }

    /// Wakes all who wait for one of `keys`, in the order in which they came, whatever the order of the keys.
    func fire(_ keys: some Sequence<Key>) {
        let woken = state.withLock { state -> [Waiter] in
            guard !state.waiters.isEmpty else { return [] }
            var tokens = keys.flatMap { state.tokens.removeValue(forKey: $0) ?? [] }
            tokens.sort()
            return tokens.compactMap { state.remove($0) }
        }
        for waiter in woken { waiter.continuation.resume(returning: true) }
    }

    /// Wakes everybody.
    func fireAll() {
        let woken = state.withLock { state in state.waiters.keys.sorted().compactMap { state.remove($0) } }
        for waiter in woken { waiter.continuation.resume(returning: true) }
    }

    /// Wakes all whose deadline has passed.
    func expire(now: Uptime) {
        let woken = state.withLock { state -> [Waiter] in
            let late = state.waiters.filter { $0.value.deadline <= now }.keys.sorted()
            return late.compactMap { state.remove($0) }
        }
        for waiter in woken { waiter.continuation.resume(returning: false) }
    }

    private func finish(_ token: UInt64, changed: Bool) {
        let waiter = state.withLock { $0.remove(token) }
        waiter?.continuation.resume(returning: changed)
    }
}

extension Waiters.State {
    fileprivate mutating func add(_ waiter: Waiters.Waiter, _ token: UInt64) {
        waiters[token] = waiter
        for key in waiter.keys { tokens[key, default: []].append(token) }
    }

    fileprivate mutating func remove(_ token: UInt64) -> Waiters.Waiter? {
        guard let waiter = waiters.removeValue(forKey: token) else { return nil }
        for key in waiter.keys {
            tokens[key]?.removeAll { $0 == token }
            if tokens[key]?.isEmpty == true { tokens[key] = nil }
        }
        return waiter
    }
}
