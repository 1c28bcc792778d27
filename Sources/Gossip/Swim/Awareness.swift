/// How well this node itself keeps up (Lifeguard §IV.A): 0 is healthy; each step lengthens its probes by one more interval,
/// so that a slow node accuses others less.
package struct Awareness: Sendable {
    package private(set) var score = 0
    private let limit: Int

    /// - Parameter limit: scores stay below it; 8 in memberlist.
    init(limit: Int) { self.limit = max(1, limit) }

    mutating func add(_ delta: Int) { score = min(max(0, score + delta), limit - 1) }

    func scale(_ interval: Duration) -> Duration { interval * (score + 1) }
}
