/// A moment of wall-clock time: nanoseconds since 1970-01-01T00:00:00Z; zero stands for "never".
public struct Timestamp: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var nanoseconds: Int64

    public static let never = Timestamp(nanoseconds: 0)

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public init(seconds: Int64) { nanoseconds = seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue }

    public var seconds: Int64 { nanoseconds / 1_000_000_000 }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.nanoseconds < right.nanoseconds }

    public static func + (left: Timestamp, right: Duration) -> Timestamp {
        Timestamp(nanoseconds: left.nanoseconds &+ right.nanosecondCount)
    }

    public static func - (left: Timestamp, right: Timestamp) -> Duration {
        .nanoseconds(left.nanoseconds &- right.nanoseconds)
    }
}

/// A moment on a clock that never goes back: nanoseconds since an arbitrary start; for intervals and deadlines.
public struct Uptime: Hashable, Comparable, Sendable, BitwiseCopyable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func < (left: Uptime, right: Uptime) -> Bool { left.nanoseconds < right.nanoseconds }

    public static func + (left: Uptime, right: Duration) -> Uptime {
        Uptime(nanoseconds: left.nanoseconds &+ right.nanosecondCount)
    }

    public static func - (left: Uptime, right: Uptime) -> Duration {
        .nanoseconds(left.nanoseconds &- right.nanoseconds)
    }
}

extension Duration {
    /// Whole nanoseconds, clipped to the range of `Int64` (292 years).
    public var nanosecondCount: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }

    /// Reads Go's duration form: a sequence of decimal numbers with units, such as `1h30m`, `-1.5s`, `300ms`; `0` needs no unit.
    public init?(goText: String) {
        var rest = Substring(goText)
        var negative = false
        if let sign = rest.first, sign == "-" || sign == "+" {
            negative = sign == "-"
            rest.removeFirst()
        }
        if rest == "0" {
            self = .zero
            return
        }
        guard !rest.isEmpty else { return nil }
        var total = 0.0
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let value = Double(number) else { return nil }
            rest = rest[number.endIndex...]
            let unit = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            guard let scale = Duration.nanosecondsPerUnit(unit) else { return nil }
            rest = rest[unit.endIndex...]
            total += value * scale
        }
        guard total < 9.2e18 else { return nil }
        self = .nanoseconds(negative ? -Int64(total) : Int64(total))
    }

    private static func nanosecondsPerUnit(_ unit: Substring) -> Double? {
        switch unit {
        case "ns": 1
        case "us", "µs", "μs": 1e3
        case "ms": 1e6
        case "s": 1e9
        case "m": 60e9
        case "h": 3600e9
        default: nil
        }
    }

    /// Go's form of a duration: `1h0m0s`, `1m30s`, `250ms`, `0s`.
    public var goText: String {
        let count = nanosecondCount
        guard count != 0 else { return "0s" }
        let sign = count < 0 ? "-" : ""
        let size = count.magnitude
        guard size >= 1_000_000_000 else {
            let (scale, unit): (UInt64, String) =
                size < 1_000 ? (1, "ns") : size < 1_000_000 ? (1_000, "µs") : (1_000_000, "ms")
            return sign + Duration.decimal(size, scale: scale) + unit
        }
        let hours = size / 3_600_000_000_000
        let minutes = size / 60_000_000_000 % 60
        let seconds = Duration.decimal(size % 60_000_000_000, scale: 1_000_000_000) + "s"
        if hours > 0 { return "\(sign)\(hours)h\(minutes)m\(seconds)" }
        return minutes > 0 ? "\(sign)\(minutes)m\(seconds)" : sign + seconds
    }

    /// `count / scale` with the fraction's trailing zeros cut.
    private static func decimal(_ count: UInt64, scale: UInt64) -> String {
        let fraction = count % scale
        guard fraction > 0 else { return "\(count / scale)" }
        var digits = String(fraction)
        digits = String(repeating: "0", count: String(scale).count - 1 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(count / scale).\(digits)"
    }
}
