/// Civil date and time in UTC, by Hinnant's days-from-civil algorithm (proleptic Gregorian calendar).
public struct CalendarTime: Hashable, Sendable {
    public var year: Int64
    public var month: Int64
    public var day: Int64
    public var hour: Int64
    public var minute: Int64
    public var second: Int64
    public var nanosecond: Int64

    public init(_ time: Timestamp) {
        let total = time.nanoseconds
        // Rounded down without going below the smallest Int64 on the way.
        let (quotient, remainder) = total.quotientAndRemainder(dividingBy: 1_000_000_000)
        let seconds = remainder < 0 ? quotient - 1 : quotient
        nanosecond = remainder < 0 ? remainder + 1_000_000_000 : remainder
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let inDay = seconds - days * 86_400
        (hour, minute, second) = (inDay / 3600, inDay / 60 % 60, inDay % 60)
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Seconds since the epoch of these fields; the fraction is left out.
    public var epochSeconds: Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * 86_400 + hour * 3600 + minute * 60 + second
    }
}

extension Timestamp {
    /// RFC 3339 in UTC with the fraction's trailing zeros cut, Go's zero time for ``never``.
    public var rfc3339: String {
        guard self != .never else { return "0001-01-01T00:00:00Z" }
        let time = CalendarTime(self)
        var fraction = ""
        if time.nanosecond > 0 {
            let digits = String(time.nanosecond)
            fraction = "." + String(repeating: "0", count: 9 - digits.count) + digits
            while fraction.hasSuffix("0") { fraction.removeLast() }
        }
        return "\(padded(time.year, 4))-\(padded(time.month, 2))-\(padded(time.day, 2))T"
            + "\(padded(time.hour, 2)):\(padded(time.minute, 2)):\(padded(time.second, 2))\(fraction)Z"
    }

    /// Reads RFC 3339 with any offset; Go's zero time is ``never``.
    public init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[4] == 0x2d, bytes[7] == 0x2d, bytes[13] == 0x3a, bytes[16] == 0x3a else {
            return nil
        }
        func number(_ range: Range<Int>) -> Int64? { Int64(String(decoding: bytes[range], as: UTF8.self)) }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), (1...12).contains(month),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1...31).contains(day)
        else { return nil }
        var position = 19
        var nanosecond: Int64 = 0
        if bytes[position] == UInt8(ascii: ".") {
            var scale: Int64 = 100_000_000
            position += 1
            while position < bytes.count, let digit = Hex.value(bytes[position]), digit < 10 {
                nanosecond += Int64(digit) * scale
                scale /= 10
                position += 1
            }
        }
        guard let offset = Timestamp.offsetSeconds(bytes[position...]) else { return nil }
        if year == 1 {
            self = .never
            return
        }
        var time = CalendarTime(.never)
        (time.year, time.month, time.day) = (year, month, day)
        (time.hour, time.minute, time.second) = (hour, minute, second)
        self.init(nanoseconds: (time.epochSeconds - offset) &* 1_000_000_000 &+ nanosecond)
    }

    private static func offsetSeconds(_ text: ArraySlice<UInt8>) -> Int64? {
        let bytes = Array(text)
        if bytes == [UInt8(ascii: "Z")] || bytes == [UInt8(ascii: "z")] { return 0 }
        guard bytes.count == 6, bytes[3] == UInt8(ascii: ":") else { return nil }
        guard let hours = Int64(String(decoding: bytes[1..<3], as: UTF8.self)),
            let minutes = Int64(String(decoding: bytes[4..<6], as: UTF8.self))
        else { return nil }
        let size = hours * 3600 + minutes * 60
        return bytes[0] == UInt8(ascii: "-") ? -size : size
    }

    private func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
