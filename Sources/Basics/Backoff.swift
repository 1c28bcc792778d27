/// Exponential delays with full jitter, for everything that tries again.
public struct Backoff: Sendable {
    public let base: Duration
    public let limit: Duration
    public private(set) var attempts = 0

    /// - Parameters:
    ///   - base: the longest first delay.
    ///   - limit: the longest delay of all.
    public init(base: Duration, limit: Duration) {
        self.base = base
        self.limit = limit
    }

    /// The next delay: uniform between half and all of `min(limit, base * 2^attempts)`.
    public mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        let doubled = base * (1 << min(attempts, 20))
        attempts += 1
        let longest = min(doubled, limit).nanosecondCount
        return .nanoseconds(longest / 2 + Int64.random(in: 0...max(1, longest / 2), using: &generator))
    }

    /// Starts over after a success.
    public mutating func reset() { attempts = 0 }
}
