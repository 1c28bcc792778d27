internal import Basics

/// How SWIM's figures grow with the pool, without a mathematics library: equal on every machine.
enum Scaling {
    /// Times a rumour is sent: `multiplier` · ⌈log10(n + 1)⌉ (SWIM §4.1).
    static func transmitLimit(multiplier: Int, nodes: Int) -> Int {
        var (digits, power) = (0, 1)
        while power < nodes + 1 {
            power *= 10
            digits += 1
        }
        return multiplier * digits
    }

    /// Shortest time from suspicion to death: `multiplier` · max(1, log10 n) · `interval` (SWIM §4.2).
    static func suspicionMin(multiplier: Int, nodes: Int, interval: Duration) -> Duration {
        let scale = max(1, naturalLogarithm(Double(max(1, nodes))) / naturalLogarithm(10))
        return interval * multiplier * Int(scale * 1_000) / 1_000
    }

    /// Time from suspicion to death once `confirmations` others of the wanted `wanted` agree (Lifeguard §IV.B):
    /// max − (max − min) · ln(C + 1) / ln(K + 1), never below min; min when none are wanted.
    static func suspicionTimeout(confirmations: Int, wanted: Int, min: Duration, max: Duration) -> Duration {
        guard wanted > 0 else { return min }
        let fraction = naturalLogarithm(Double(confirmations) + 1) / naturalLogarithm(Double(wanted) + 1)
        let cut = Double((max - min).nanosecondCount) * fraction
        return Swift.max(min, max - .nanoseconds(Int64(cut)))
    }

    /// Between exchanges of whole states: `interval`, and from 33 nodes on a multiple of it that grows with log2 n.
    static func exchangeInterval(_ interval: Duration, nodes: Int) -> Duration {
        var (multiplier, size) = (1, 32)
        while size < nodes {
            size *= 2
            multiplier += 1
        }
        return interval * multiplier
    }

    /// ln x for x ≥ 1: the exponent times ln 2, and 2·artanh((m − 1) / (m + 1)) of the significand m in 1..<2.
    static func naturalLogarithm(_ x: Double) -> Double {
        precondition(x >= 1 && x.isFinite, "logarithm of \(x)")
        let ratio = (x.significand - 1) / (x.significand + 1)
        var (term, sum) = (ratio, 0.0)
        for divisor in stride(from: 1.0, through: 35, by: 2) {
            sum += term / divisor
            term *= ratio * ratio
        }
        return Double(x.exponent) * 0.693_147_180_559_945_309 + 2 * sum
    }
}
