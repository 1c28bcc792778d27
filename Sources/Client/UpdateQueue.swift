internal import Basics
internal import Model
internal import Synchronization

/// Updates on their way to the servers: the newest of each allocation waits; what is under way is not lost when sending fails.
///
/// An urgent update (a run state changed) goes at once, but no sooner than 10 ms after those before it: each call is an entry of the
/// servers' log, and short tasks by the hundred would make one each. Others wait up to 200 ms for company.
final class UpdateQueue: Sendable {
    private struct State {
        var waiting: [ID: AllocationUpdate] = [:]
        var isUrgent = false
        var lastTaken: Uptime?
    }

    /// How long an update that is not urgent waits.
    static let patience = Duration.milliseconds(200)
    /// From one batch to the next, at least.
    static let spacing = Duration.milliseconds(10)
    /// Updates in one call at most.
    static let batchMax = 1_000

    private let state = Mutex(State())
    private let signal = ChangeSignal()

    func put(_ update: AllocationUpdate, urgent: Bool) {
        state.withLock { state in
            state.waiting[update.id] = update
            state.isUrgent = state.isUrgent || urgent
        }
        signal.notify()
    }

    /// Forgets an allocation that the servers no longer know.
    func drop(_ id: ID) { state.withLock { _ = $0.waiting.removeValue(forKey: id) } }

    /// The next batch, in the order of ids; waits for one. Throws `CancellationError`.
    func next(_ time: any TimeSource) async throws -> [AllocationUpdate] {
        while true {
            let seen = signal.count
            let (isEmpty, isUrgent) = state.withLock { ($0.waiting.isEmpty, $0.isUrgent) }
            if isEmpty {
                _ = try await signal.changed(since: seen)
                continue
            }
            if !isUrgent { try await waitForUrgency(time) }
            if let last = state.withLock({ $0.lastTaken }), time.uptime < last + UpdateQueue.spacing {
                try await time.sleep(until: last + UpdateQueue.spacing)
            }
            return take(time.uptime)
        }
    }

    /// Puts back what could not be sent, unless something newer waits.
    func restore(_ batch: [AllocationUpdate]) {
        state.withLock { state in
            for update in batch where state.waiting[update.id] == nil { state.waiting[update.id] = update }
        }
        signal.notify()
    }

    private func waitForUrgency(_ time: any TimeSource) async throws {
        try await race(
            [
                { try await time.sleep(for: UpdateQueue.patience) },
                { [self] in
                    var seen = signal.count
                    while !state.withLock({ $0.isUrgent }) { seen = try await signal.changed(since: seen) }
                },
            ] as [@Sendable () async throws -> Void])
    }

    private func take(_ now: Uptime) -> [AllocationUpdate] {
        state.withLock { state in
            state.lastTaken = now
            let batch = state.waiting.sorted { $0.key < $1.key }.prefix(UpdateQueue.batchMax).map(\.value)
            for update in batch { state.waiting[update.id] = nil }
            if state.waiting.isEmpty { state.isUrgent = false }
            return batch
        }
    }
}
