internal import Basics

/// Values as the command line writes them.
struct Shown: Sendable {
    /// The moment of the output, for ages.
    var now: Timestamp
    /// Whole ids and moments instead of short ids and ages.
    var verbose = false
    var paint = Paint.none

    func id(_ id: ID) -> String { verbose ? id.description : id.short }

    /// How long ago, or with ``verbose`` when.
    func age(_ time: Timestamp) -> String { verbose ? Shown.moment(time) : Shown.difference(from: time, to: now) }

    /// RFC 3339 to the second; `N/A` for never.
    static func moment(_ time: Timestamp) -> String {
        time == .never ? "N/A" : Timestamp(seconds: time.seconds).rfc3339
    }

    /// The two largest units of a difference: `1h5m ago`, `3d2h ago`, `10s from now`; empty for never.
    static func difference(from time: Timestamp, to now: Timestamp) -> String {
        guard time != .never else { return "" }
        let seconds = (now - time).nanosecondCount / 1_000_000_000
        return span(seconds: seconds.magnitude) + (seconds < 0 ? " from now" : " ago")
    }

    private static func span(seconds: UInt64) -> String {
        let units: [(UInt64, String)] = [
            (365 * 86_400, "y"), (30 * 86_400, "mo"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s"),
        ]
        guard let first = units.firstIndex(where: { seconds >= $0.0 }) else { return "0s" }
        let (size, name) = units[first]
        let text = "\(seconds / size)\(name)"
        guard first + 1 < units.count else { return text }
        let (next, nextName) = units[first + 1]
        let rest = seconds % size / next
        return rest == 0 ? text : text + "\(rest)\(nextName)"
    }

    /// Bytes in the largest binary unit: `1.5 GiB`, `300 MiB`, `12 B`.
    static func bytes(_ count: Int64) -> String {
        var value = Double(count)
        for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
            if value < 1024 || unit == "TiB" { return number(value, digits: unit == "B" ? 0 : 1) + " " + unit }
            value /= 1024
        }
        return "\(count) B"
    }

    /// With so many digits after the point; a fraction of zeros is cut.
    static func number(_ value: Double, digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (value * scale).rounded()
        guard scaled.magnitude < 9e15 else { return "\(value)" }
        let whole = Int64(scaled)
        let divisor = Int64(scale)
        let fraction = String(whole.magnitude % UInt64(divisor))
        let sign = whole < 0 ? "-" : ""
        guard digits > 0, whole.magnitude % UInt64(divisor) != 0 else {
            return "\(sign)\(whole.magnitude / UInt64(divisor))"
        }
        return "\(sign)\(whole.magnitude / UInt64(divisor))."
            + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}
