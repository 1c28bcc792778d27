/// A regular expression's syntax tree.
indirect enum PatternTree {
    case empty
    case scalar(Pattern.ScalarSet)
    case sequence([PatternTree])
    case either([PatternTree])
    /// From `least` to `most` times; nil for no upper bound.
    case repeated(PatternTree, least: Int, most: Int?)
    case assertion(Pattern.Instruction)
}

/// Reads a regular expression by recursive descent.
struct PatternParser {
    static let depthMax = 64
    static let countMax = 1000
    static let digit: [ClosedRange<UInt32>] = [0x30...0x39]
    static let word: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a]
    static let space: [ClosedRange<UInt32>] = [0x09...0x0a, 0x0c...0x0d, 0x20...0x20]

    private let source: String
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private var foldsCase = false

    init(_ text: String) {
        source = text
        scalars = Array(text.unicodeScalars)
    }

    mutating func pattern() throws(PatternError) -> PatternTree {
        let tree = try either()
        guard position == scalars.count else { throw error("\")\" without \"(\"") }
        return tree
    }

    private mutating func either() throws(PatternError) -> PatternTree {
        depth += 1
        defer { depth -= 1 }
        guard depth <= PatternParser.depthMax else {
            throw error("nested deeper than \(PatternParser.depthMax) levels")
        }
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .either(branches)
    }

    private mutating func sequence() throws(PatternError) -> PatternTree {
        var items: [PatternTree] = []
        while let next = peek, next != "|", next != ")" {
            items.append(try repetition(of: try atom()))
        }
        return .sequence(items)
    }

    private mutating func repetition(of atom: PatternTree) throws(PatternError) -> PatternTree {
        var tree = atom
        while let next = peek {
            switch next {
            case "*": tree = .repeated(tree, least: 0, most: nil)
            case "+": tree = .repeated(tree, least: 1, most: nil)
            case "?": tree = .repeated(tree, least: 0, most: 1)
            case "{":
                guard let (least, most) = try counts() else { return tree }
                tree = .repeated(tree, least: least, most: most)
                position -= 1
            default: return tree
            }
            position += 1
            _ = take("?")
            guard let again = peek, again == "*" || again == "+" || again == "?" else { return tree }
            throw error("a repetition of a repetition")
        }
        return tree
    }

    /// `{2}`, `{2,}` or `{2,5}`; nil, with nothing taken, when the brace is literal.
    private mutating func counts() throws(PatternError) -> (Int, Int?)? {
        let start = position
        position += 1
        guard let least = number() else {
            position = start
            return nil
        }
        var most: Int? = least
        if take(",") { most = number() }
        guard take("}") else {
            position = start
            return nil
        }
        guard least <= PatternParser.countMax, (most ?? 0) <= PatternParser.countMax else {
            throw error("a count above \(PatternParser.countMax)")
        }
        guard least <= most ?? least else { throw error("counts in the wrong order") }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let next = peek, ("0"..."9").contains(next), (value ?? 0) <= PatternParser.countMax {
            value = (value ?? 0) * 10 + Int(next.value - 0x30)
            position += 1
        }
        return value
    }

    private mutating func atom() throws(PatternError) -> PatternTree {
        guard let next = peek else { return .empty }
        position += 1
        switch next {
        case "(": return try group()
        case "[": return .scalar(try bracketClass())
        case ".": return .scalar(Pattern.ScalarSet(ranges: [0x0a...0x0a], negated: true))
        case "^": return .assertion(.textStart)
        case "$": return .assertion(.textEnd)
        case "\\": return try escape()
        case "*", "+", "?":
            position -= 1
            throw error("\"\(next)\" without anything to repeat")
        default: return .scalar(literal(next))
        }
    }

    private mutating func group() throws(PatternError) -> PatternTree {
        let outer = foldsCase
        if take("?") {
            if take("i") {
                foldsCase = true
                if take(")") { return .empty }
                guard take(":") else { throw error("unknown group flag") }
            } else if take("P") {
                guard take("<"), let end = scalars[position...].firstIndex(of: ">") else {
                    throw error("unknown group flag")
                }
                position = end + 1
            } else if !take(":") {
                throw error("unknown group flag; only (?:...), (?i) and (?P<name>...) are known")
            }
        }
        let tree = try either()
        guard take(")") else { throw error("\"(\" without \")\"") }
        foldsCase = outer
        return tree
    }

    private mutating func escape() throws(PatternError) -> PatternTree {
        guard let next = peek else { throw error("a backslash at the end") }
        position += 1
        switch next {
        case "b": return .assertion(.wordBoundary(true))
        case "B": return .assertion(.wordBoundary(false))
        case "A": return .assertion(.textStart)
        case "z": return .assertion(.textEnd)
        default: break
        }
        if let set = PatternParser.perlClass(next) { return .scalar(set) }
        return .scalar(literal(try escaped(next)))
    }

    private static func perlClass(_ letter: Unicode.Scalar) -> Pattern.ScalarSet? {
        switch letter {
        case "d": Pattern.ScalarSet(ranges: digit)
        case "D": Pattern.ScalarSet(ranges: digit, negated: true)
        case "w": Pattern.ScalarSet(ranges: word)
        case "W": Pattern.ScalarSet(ranges: word, negated: true)
        case "s": Pattern.ScalarSet(ranges: space)
        case "S": Pattern.ScalarSet(ranges: space, negated: true)
        default: nil
        }
    }

    private func escaped(_ letter: Unicode.Scalar) throws(PatternError) -> Unicode.Scalar {
        switch letter {
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "f": return "\u{c}"
        default:
            let isLetter = ("a"..."z").contains(letter) || ("A"..."Z").contains(letter)
            guard !isLetter, !("0"..."9").contains(letter) else { throw error("unknown escape \"\\\(letter)\"") }
            return letter
        }
    }

    /// `[...]` after the opening bracket.
    private mutating func bracketClass() throws(PatternError) -> Pattern.ScalarSet {
        var set = Pattern.ScalarSet(ranges: [], negated: take("^"))
        var isFirst = true
        while let next = peek, next != "]" || isFirst {
            isFirst = false
            position += 1
            if next == "[", peek == ":" {
                throw error("named classes such as [:alpha:] are not supported; write [a-zA-Z]")
            }
            var low = next
            if next == "\\" {
                guard let letter = peek else { throw error("a backslash at the end") }
                position += 1
                if let perl = PatternParser.perlClass(letter) {
                    set.ranges += perl.negated ? PatternParser.complement(perl.ranges) : perl.ranges
                    continue
                }
                low = try escaped(letter)
            }
            let high = try rangeEnd() ?? low
            guard low <= high else { throw error("a range in the wrong order") }
            set.ranges.append(low.value...high.value)
        }
        guard take("]") else { throw error("\"[\" without \"]\"") }
        if foldsCase { set.ranges += set.ranges.flatMap(PatternParser.otherCase) }
        return set
    }

    /// The scalar after the `-` of a range; nil when there is no range here.
    private mutating func rangeEnd() throws(PatternError) -> Unicode.Scalar? {
        guard peek == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else { return nil }
        position += 2
        let last = scalars[position - 1]
        guard last == "\\", let letter = peek else { return last }
        position += 1
        return try escaped(letter)
    }

    private static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var out: [ClosedRange<UInt32>] = []
        var start: UInt32 = 0
        for range in ranges {
            if range.lowerBound > start { out.append(start...(range.lowerBound - 1)) }
            start = range.upperBound + 1
        }
        out.append(start...0x10ffff)
        return out
    }

    /// The letters of a range in the other case; ASCII only.
    private static func otherCase(_ range: ClosedRange<UInt32>) -> [ClosedRange<UInt32>] {
        var out: [ClosedRange<UInt32>] = []
        let upper = range.clamped(to: 0x41...0x5a)
        if range.overlaps(0x41...0x5a) { out.append((upper.lowerBound + 0x20)...(upper.upperBound + 0x20)) }
        let lower = range.clamped(to: 0x61...0x7a)
        if range.overlaps(0x61...0x7a) { out.append((lower.lowerBound - 0x20)...(lower.upperBound - 0x20)) }
        return out
    }

    private func literal(_ scalar: Unicode.Scalar) -> Pattern.ScalarSet {
        let range = scalar.value...scalar.value
        return Pattern.ScalarSet(ranges: foldsCase ? [range] + PatternParser.otherCase(range) : [range])
    }

    private var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar else { return false }
        position += 1
        return true
    }

    private func error(_ message: String) -> PatternError {
        PatternError(message: "\(message), at character \(position + 1)", pattern: source)
    }
}
