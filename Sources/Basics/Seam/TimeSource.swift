/// Time as code above the shells sees it.
public protocol TimeSource: Sendable {
    /// Wall-clock time; may jump. Goes into records, never into intervals.
    var now: Timestamp { get }

    /// Time that never goes back; for intervals, deadlines and timers.
    var uptime: Uptime { get }

    /// Suspends for at least `duration`; returns early only by throwing `CancellationError`.
    func sleep(for duration: Duration) async throws
}

extension TimeSource {
    public func sleep(until deadline: Uptime) async throws {
        let left = deadline - uptime
        if left > .zero { try await sleep(for: left) }
    }
}
