internal import Basics

/// A node under suspicion: dead at ``deadline`` unless it refutes; each new accuser shortens the wait (Lifeguard §IV.B).
struct Suspicion: Sendable {
    let start: Uptime
    private let wanted: Int
    private let min: Duration
    private let max: Duration
    private var accusers: Set<String>

    /// Begins with `accuser`'s word; `wanted` accusers besides it bring the wait down to `min`, and 0 starts there.
    init(from accuser: String, wanted: Int, min: Duration, max: Duration, at start: Uptime) {
        self.start = start
        self.wanted = wanted
        self.min = min
        self.max = max
        accusers = [accuser]
    }

    var confirmations: Int { accusers.count - 1 }

    var deadline: Uptime {
        start + Scaling.suspicionTimeout(confirmations: confirmations, wanted: wanted, min: min, max: max)
    }

    /// Counts `accuser`; true when that is news, which is worth passing on.
    mutating func confirm(from accuser: String) -> Bool {
        guard confirmations < wanted else { return false }
        return accusers.insert(accuser).inserted
    }
}
