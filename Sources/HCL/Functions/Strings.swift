extension StandardFunctions {
    static let strings: FunctionTable = [
        "chomp": Function(1) { (a: inout Arguments) throws(FunctionError) in
            .string(String(try a.string(0).trimmed { $0.isNewline }.trailing))
        },
        "indent": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let text = try a.string(1)
            let width = try a.nonNegative(0)
            let lines = text.utf8.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
            try a.budget.charge(product: width, lines)
            let pad = String(repeating: " ", count: width)
            return .string(text.replacing("\n", with: "\n" + pad))
        },
        "join": Function(2...Arguments.countMax) { (a: inout Arguments) throws(FunctionError) in
            let separator = try a.string(0)
            var parts: [String] = []
            for index in 1..<a.count { parts += try a.strings(index) }
            try a.budget.charge(product: separator.utf8.count, parts.count)
            return .string(parts.joined(separator: separator))
        },
        "lower": Function(1) { (a: inout Arguments) throws(FunctionError) in .string(try a.string(0).lowercased()) },
        "upper": Function(1) { (a: inout Arguments) throws(FunctionError) in .string(try a.string(0).uppercased()) },
        "title": Function(1) { (a: inout Arguments) throws(FunctionError) in .string(try a.string(0).titled) },
        "replace": Function(3) { (a: inout Arguments) throws(FunctionError) in
            let (text, old, new) = (try a.string(0), try a.string(1), try a.string(2))
            guard !old.isEmpty else {
                try a.budget.charge(product: new.utf8.count, text.unicodeScalars.count + 1)
                return .string(new + text.map { String($0) + new }.joined())
            }
            try a.budget.charge(product: new.utf8.count, text.utf8.count / old.utf8.count + 1)
            return .string(text.split(separator: old, omittingEmptySubsequences: false).joined(separator: new))
        },
        "split": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let (separator, text) = (try a.string(0), try a.string(1))
            if separator.isEmpty { return .list(text.map { .string(String($0)) }) }
            return .list(
                text.split(separator: separator, omittingEmptySubsequences: false).map { .string(String($0)) })
        },
        "strlen": Function(1) { (a: inout Arguments) throws(FunctionError) in .int(try a.string(0).count) },
        "strrev": Function(1) { (a: inout Arguments) throws(FunctionError) in
            .string(String(try a.string(0).reversed()))
        },
        "substr": Function(3) { (a: inout Arguments) throws(FunctionError) in
            let characters = Array(try a.string(0))
            var start = try a.int(1)
            let length = try a.int(2)
            if start < 0 { start += characters.count }
            guard start >= 0, start < characters.count, length != 0 else { return .string("") }
            let end = length < 0 ? characters.count : start + Swift.min(length, characters.count - start)
            return .string(String(characters[start..<end]))
        },
        "trim": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let cut = Set(try a.string(1))
            return .string(String(try a.string(0).trimmed { cut.contains($0) }.both))
        },
        "trimprefix": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let (text, prefix) = (try a.string(0), try a.string(1))
            return .string(text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text)
        },
        "trimsuffix": Function(2) { (a: inout Arguments) throws(FunctionError) in
            let (text, suffix) = (try a.string(0), try a.string(1))
            return .string(text.hasSuffix(suffix) ? String(text.dropLast(suffix.count)) : text)
        },
        "trimspace": Function(1) { (a: inout Arguments) throws(FunctionError) in
            .string(String(try a.string(0).trimmed { $0.isWhitespace }.both))
        },
    ]
}

extension Arguments {
    /// A whole number of 0 or more, at most a million: wide enough for every honest use of a width or a count.
    func nonNegative(_ index: Int) throws(FunctionError) -> Int {
        let value = try int(index)
        guard (0...1_000_000).contains(value) else { throw fault(index, "\(value) is not in 0...1000000") }
        return value
    }
}

extension EvaluationBudget {
    /// Charges `count` times `size`.
    mutating func charge(product size: Int, _ count: Int) throws(FunctionError) {
        let (cost, overflow) = size.multipliedReportingOverflow(by: count)
        try charge(overflow ? Int.max : cost)
    }
}

extension String {
    /// The text without the characters `cut` selects at its end, and at both ends.
    fileprivate func trimmed(_ cut: (Character) -> Bool) -> (trailing: Substring, both: Substring) {
        var end = endIndex
        while end > startIndex, cut(self[index(before: end)]) { end = index(before: end) }
        let trailing = self[..<end]
        return (trailing, trailing.drop(while: cut))
    }

    /// The first letter of each word in upper case.
    fileprivate var titled: String {
        var out = ""
        var startsWord = true
        for character in self {
            out += startsWord ? character.uppercased() : String(character)
            startsWord = !(character.isLetter || character.isNumber || character == "_" || character == "'")
        }
        return out
    }
}
