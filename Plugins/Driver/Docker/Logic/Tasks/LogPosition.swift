internal import DroverSDK
internal import Glibc

/// How far the output of a container has been copied: kept in a file, so that after any end of this process nothing is copied
/// twice and nothing left out.
struct LogPosition: Equatable, Sendable {
    /// Of one stream: the message with the latest time, and how many have come with it and after it. The engine sends a stream's
    /// messages in the same order each time. Parts of one long line have the same time; times fall where somebody sets the clock.
    struct Stream: Equatable, Sendable {
        /// The latest time of a message, in nanoseconds since 1970; 0: none has come yet.
        var time: Int64 = 0
        /// Messages that have been copied since the first one with that time, itself included.
        var count: Int64 = 0
        /// The earliest time of those: with a clock that was set back, less than ``time``.
        var floor: Int64 = 0
        var log = RotatedLog.Position()
        /// Of those messages, how many have come over the present connection.
        private var seen: Int64 = 0

        init(
            time: Int64 = 0, count: Int64 = 0, floor: Int64 = 0, log: RotatedLog.Position = RotatedLog.Position()
        ) {
            self.time = time
            self.count = count
            self.floor = floor
            self.log = log
        }

        /// A connection begins: messages come again.
        mutating func reconnect() { seen = 0 }

        /// Whether a message with this time is still to be copied; if so it counts as copied.
        mutating func takes(_ time: Int64) -> Bool {
            guard time <= self.time else {
                self = Stream(time: time, count: 1, floor: time, log: log)
                seen = 1
                return true
            }
            // Up to the first message with the latest time all have been copied.
            guard seen > 0 || time == self.time else { return false }
            seen += 1
            guard seen > count else { return false }
            count = seen
            floor = min(floor, time)
            return true
        }
    }

    /// How much earlier than the last message of one stream the engine may yet give out one of the other; 10 s.
    static let slackNanoseconds: Int64 = 10_000_000_000

    var output = Stream()
    var error = Stream()

    /// From when on messages are wanted: those that may not have come yet, and those that they are told apart by.
    ///
    /// - Parameter now: the time; before that of a message the clock was set back, and what came since may have any time.
    /// - Returns: 0 for all.
    func since(now: Int64) -> Int64 {
        let latest = max(output.time, error.time)
        guard now >= latest else { return 0 }
        var since = latest - LogPosition.slackNanoseconds
        for stream in [output, error, output] where stream.time >= since { since = min(since, stream.floor) }
        return max(0, since)
    }

    /// One line of ten numbers.
    var text: String {
        let numbers = [output, error].flatMap { [$0.time, $0.count, $0.floor, $0.log.index, $0.log.bytes] }
        return numbers.map { String($0) }.joined(separator: " ") + "\n"
    }

    init() {}

    /// Reads ``text``, and the eight numbers of an earlier release, which knew no floor: it counted only what has the latest time.
    init?(_ text: String) {
        guard text.hasSuffix("\n") else { return nil }
        var numbers = text.dropLast().split(separator: " ").map { Int64($0) ?? -1 }
        if numbers.count == 8 {
            numbers.insert(numbers[0], at: 2)
            numbers.insert(numbers[5], at: 7)
        }
        guard numbers.count == 10, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
        func stream(_ at: Int) -> Stream {
            Stream(
                time: numbers[at], count: numbers[at + 1], floor: numbers[at + 2],
                log: RotatedLog.Position(index: numbers[at + 3], bytes: numbers[at + 4]))
        }
        output = stream(0)
        error = stream(5)
    }
}

/// The time before each message: RFC 3339 with nanoseconds.
enum LogTime {
    /// Nanoseconds since 1970 of text such as "2026-11-26T12:37:03.990493118Z"; `nil` when it is none.
    static func parse(_ text: Substring) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 40, bytes[4] == 0x2d, bytes[7] == 0x2d, bytes[10] == 0x54,
            bytes[13] == 0x3a, bytes[16] == 0x3a, let year = number(bytes[0..<4]), let month = number(bytes[5..<7]),
            let day = number(bytes[8..<10]), let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]),
            let second = number(bytes[17..<19]), (1970...2200).contains(year), (1...12).contains(month)
        else { return nil }
        var rest = bytes[19...]
        var fraction: Int64 = 0
        if rest.first == 0x2e {
            let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
            guard digits.count <= 9, let value = number(digits) else { return nil }
            fraction = (0..<(9 - digits.count)).reduce(value) { value, _ in value * 10 }
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let offset = offset(rest) else { return nil }
        let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
        return seconds * 1_000_000_000 + fraction
    }

    /// Seconds east of Greenwich of "Z" or "+01:30".
    private static func offset(_ bytes: ArraySlice<UInt8>) -> Int64? {
        if bytes.elementsEqual("Z".utf8) { return 0 }
        let all = Array(bytes)
        guard all.count == 6, all[0] == 0x2b || all[0] == 0x2d, all[3] == 0x3a, let hours = number(all[1..<3]),
            let minutes = number(all[4..<6])
        else { return nil }
        return (hours * 3_600 + minutes * 60) * (all[0] == 0x2d ? -1 : 1)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int64? {
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    /// Days since 1970-01-01 in the Gregorian calendar, with years that begin in March.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }

    /// As the engine takes the parameter "since".
    static func parameter(_ time: Int64) -> String {
        let fraction = String(time % 1_000_000_000)
        return "\(time / 1_000_000_000).\(String(repeating: "0", count: 9 - fraction.count))\(fraction)"
    }
}
