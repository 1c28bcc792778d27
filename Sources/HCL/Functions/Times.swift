import Basics

extension StandardFunctions {
    static let times: FunctionTable = [
        "formatdate": Function(2) { (a: inout Arguments) throws(FunctionError) in
            .string(try DateText.format(try a.string(0), try a.timestamp(1)))
        },
        "timeadd": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let (time, text) = (try a.timestamp(0), try a.string(1))
            guard let duration = Duration(goText: text) else {
                throw a.fault(1, "\"\(text.prefix(60))\" is not a duration such as 1h30m")
            }
            return .string((time + duration).rfc3339)
        },
    ]
}

extension Arguments {
    fileprivate func timestamp(_ index: Int) throws(FunctionError) -> Timestamp {
        let text = try string(index)
        guard let time = Timestamp(rfc3339: text) else {
            throw fault(index, "\"\(text.prefix(60))\" is not a time such as 2006-01-02T15:04:05Z")
        }
        return time
    }
}

/// `formatdate` of HCL: runs of one letter are fields, quoted parts and other characters stand for themselves.
private enum DateText {
    static func format(_ pattern: String, _ time: Timestamp) throws(FunctionError) -> String {
        var out = ""
        var rest = pattern[...]
        while let first = rest.first {
            if first == "'" {
                let quoted = rest.dropFirst()
                guard let end = quoted.firstIndex(of: "'") else {
                    throw FunctionError("A quote in the date format is not closed.")
                }
                out += end == quoted.startIndex ? "'" : String(quoted[..<end])
                rest = quoted[end...].dropFirst()
            } else if first.isASCII, first.isLetter {
                let run = rest.prefix { $0 == first }
                out += try field(String(run), time)
                rest = rest.dropFirst(run.count)
            } else {
                out.append(first)
                rest.removeFirst()
            }
        }
        return out
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    private static func field(_ run: String, _ time: Timestamp) throws(FunctionError) -> String {
        let calendar = CalendarTime(time)
        var midnight = calendar
        (midnight.hour, midnight.minute, midnight.second) = (0, 0, 0)
        // 1970-01-01 was a Thursday.
        let weekday = Int(((midnight.epochSeconds / 86_400 + 4) % 7 + 7) % 7)
        let hour12 = (calendar.hour + 11) % 12 + 1
        switch run {
        case "YYYY": return padded(calendar.year, 4)
        case "YY": return padded(calendar.year % 100, 2)
        case "MMMM": return months[Int(calendar.month) - 1]
        case "MMM": return String(months[Int(calendar.month) - 1].prefix(3))
        case "MM", "M": return padded(calendar.month, run.count)
        case "DD", "D": return padded(calendar.day, run.count)
        case "EEEE": return Self.days[weekday]
        case "EEE": return String(Self.days[weekday].prefix(3))
        case "hh", "h": return padded(calendar.hour, run.count)
        case "HH", "H": return padded(hour12, run.count)
        case "AA": return calendar.hour < 12 ? "AM" : "PM"
        case "aa": return calendar.hour < 12 ? "am" : "pm"
        case "mm", "m": return padded(calendar.minute, run.count)
        case "ss", "s": return padded(calendar.second, run.count)
        case "ZZZZZ": return "+00:00"
        case "ZZZZ": return "+0000"
        case "ZZZ": return "UTC"
        case "Z": return "Z"
        default: throw FunctionError("\"\(run.prefix(20))\" is not a field of a date format.")
        }
    }

    private static func padded(_ value: some BinaryInteger, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
