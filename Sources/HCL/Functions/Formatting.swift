extension StandardFunctions {
    static let formatting: FunctionTable = [
        "format": Function(1...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            let values = Array(a.values.dropFirst())
            return .string(try Formatter.format(try a.string(0), values, &a.budget))
        },
        "formatlist": Function(1...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            let pattern = try a.string(0)
            var rows: Int?
            for index in 1..<Swift.max(1, a.count) {
                guard case .list(let items) = a[index] else { continue }
                guard rows == nil || rows == items.count else {
                    throw a.fault(index, "all lists must have the same length")
                }
                rows = items.count
            }
            var results: [Value] = []
            for row in 0..<(rows ?? 1) {
                let values = a.values.dropFirst().map { if case .list(let items) = $0 { items[row] } else { $0 } }
                results.append(.string(try Formatter.format(pattern, Array(values), &a.budget)))
            }
            return .list(results)
        },
    ]
}

/// `format` of HCL: the verbs `v # s q d b o x X e f g t %` with flags, width, precision and `[n]` indexes.
private struct Formatter {
    private var pattern: Substring
    private let values: [Value]
    private var next = 0
    private var out = ""

    private struct Verb {
        var minus = false
        var plus = false
        var space = false
        var zero = false
        var alternate = false
        var width = 0
        var precision: Int?
        var letter: Character = "v"
    }

    static func format(
        _ pattern: String, _ values: [Value], _ budget: inout EvaluationBudget
    ) throws(FunctionError) -> String {
        var formatter = Formatter(pattern: pattern[...], values: values)
        while let percent = formatter.pattern.firstIndex(of: "%") {
            formatter.out += formatter.pattern[..<percent]
            formatter.pattern = formatter.pattern[percent...].dropFirst()
            try formatter.formatVerb(&budget)
        }
        guard formatter.next >= values.count || pattern.contains("[") else {
            throw FunctionError("There are \(values.count) values, but the format uses only \(formatter.next).")
        }
        return formatter.out + formatter.pattern
    }

    private init(pattern: Substring, values: [Value]) {
        self.pattern = pattern
        self.values = values
    }

    private mutating func formatVerb(_ budget: inout EvaluationBudget) throws(FunctionError) {
        var verb = Verb()
        while let flag = pattern.first, "-+ 0#".contains(flag) {
            pattern.removeFirst()
            switch flag {
            case "-": verb.minus = true
            case "+": verb.plus = true
            case " ": verb.space = true
            case "0": verb.zero = true
            default: verb.alternate = true
            }
        }
        verb.width = try number() ?? 0
        if pattern.first == "." {
            pattern.removeFirst()
            verb.precision = try number() ?? 0
        }
        if pattern.first == "[" {
            pattern.removeFirst()
            guard let index = try number(), index >= 1, pattern.first == "]" else {
                throw FunctionError("The index in the format string must be [1] or higher.")
            }
            pattern.removeFirst()
            next = index - 1
        }
        guard let letter = pattern.popFirst() else { throw FunctionError("The format string ends with a bare \"%\".") }
        verb.letter = letter
        if letter == "%" {
            out += "%"
            return
        }
        guard next < values.count else {
            throw FunctionError("The format uses value \(next + 1), but there are only \(values.count).")
        }
        try budget.charge(verb.width + (verb.precision ?? 0))
        out += Self.padded(try Self.text(of: values[next], verb), verb)
        next += 1
    }

    private mutating func number() throws(FunctionError) -> Int? {
        let digits = pattern.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty else { return nil }
        pattern.removeFirst(digits.count)
        guard let value = Int(digits), value <= 1_000_000 else {
            throw FunctionError("The number \(digits.prefix(20)) in the format string is too large.")
        }
        return value
    }

    private static func text(of value: Value, _ verb: Verb) throws(FunctionError) -> String {
        switch verb.letter {
        case "v": return verb.alternate || value.asString == nil ? JSONText.encode(value) : value.asString ?? ""
        case "s", "q":
            guard let text = value.asString else { throw unsupported(value, verb) }
            let clipped = verb.precision.map { String(text.prefix($0)) } ?? text
            return verb.letter == "q" ? JSONText.encode(.string(clipped)) : clipped
        case "t":
            guard let flag = value.asBool else { throw unsupported(value, verb) }
            return flag ? "true" : "false"
        case "d", "b", "o", "x", "X":
            guard let number = value.asNumber else { throw unsupported(value, verb) }
            guard let int = number.int ?? Int64(exactly: number.double.rounded(.towardZero)) else {
                throw unsupported(value, verb)
            }
            let radix = ["b": 2, "o": 8, "x": 16, "X": 16][verb.letter] ?? 10
            return signed(String(int.magnitude, radix: radix, uppercase: verb.letter == "X"), int < 0, verb)
        case "e", "f", "g":
            guard let number = value.asNumber else { throw unsupported(value, verb) }
            let digits = try Decimal.text(number.double.magnitude, style: verb.letter, precision: verb.precision)
            return signed(digits, number.double < 0, verb)
        default:
            throw FunctionError("The verb \"%\(verb.letter)\" is not known; use v, s, q, d, b, o, x, e, f, g or t.")
        }
    }

    private static func unsupported(_ value: Value, _ verb: Verb) -> FunctionError {
        FunctionError("\"%\(verb.letter)\" does not fit a \(value.typeName).")
    }

    private static func signed(_ digits: String, _ negative: Bool, _ verb: Verb) -> String {
        let sign = negative ? "-" : verb.plus ? "+" : verb.space ? " " : ""
        let missing = verb.zero && !verb.minus ? verb.width - sign.count - digits.count : 0
        return sign + String(repeating: "0", count: max(0, missing)) + digits
    }

    private static func padded(_ text: String, _ verb: Verb) -> String {
        let missing = verb.width - text.count
        guard missing > 0 else { return text }
        let pad = String(repeating: " ", count: missing)
        return verb.minus ? text + pad : pad + text
    }
}

/// Decimal text of doubles without Foundation.
private enum Decimal {
    static func text(_ value: Double, style: Character, precision: Int?) throws(FunctionError) -> String {
        switch style {
        case "f": return try fixed(value, min(precision ?? 6, 30))
        case "e":
            guard value > 0 else { return try fixed(0, min(precision ?? 6, 30)) + "e+00" }
            var exponent = 0
            var mantissa = value
            while mantissa >= 10 {
                mantissa /= 10
                exponent += 1
            }
            while mantissa < 1 {
                mantissa *= 10
                exponent -= 1
            }
            let digits = String(exponent.magnitude)
            let pad = digits.count < 2 ? "0" : ""
            return try fixed(mantissa, min(precision ?? 6, 15)) + "e" + (exponent < 0 ? "-" : "+") + pad + digits
        default: return Number(value)?.description ?? ""
        }
    }

    /// `precision` digits after the point, exact: the double's binary fraction is scaled in 128-bit integers.
    private static func fixed(_ value: Double, _ precision: Int) throws(FunctionError) -> String {
        guard value < 1e18 else { throw FunctionError("The number is too large for this form; use %v.") }
        var whole = UInt64(value)
        // The remaining fraction is below 1 and has at most 53 significant bits, so each step is exact in a double.
        var fraction = value - Double(whole)
        var digits: [UInt8] = []
        for _ in 0..<precision {
            fraction *= 10
            let digit = fraction.rounded(.down)
            digits.append(UInt8(digit))
            fraction -= digit
        }
        let roundsUp = fraction > 0.5 || (fraction == 0.5 && (digits.last.map { $0 % 2 == 1 } ?? (whole % 2 == 1)))
        if roundsUp {
            var index = digits.count - 1
            while index >= 0, digits[index] == 9 {
                digits[index] = 0
                index -= 1
            }
            if index >= 0 { digits[index] += 1 } else { whole += 1 }
        }
        return precision == 0 ? "\(whole)" : "\(whole)." + digits.map { String($0) }.joined()
    }
}
