/// Compiles a regular expression by recursive descent; see ``Pattern`` for the syntax.
struct PatternCompiler {
    private let text: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private var foldsCase = false
    private var dotMatchesNewline = false

    private static let textMax = 1_024
    private static let programMax = 10_000
    private static let depthMax = 64
    private static let repeatMax = 1_000

    init(_ text: String) { self.text = Array(text.unicodeScalars) }

    /// The program, or nil when the text is no expression or too large.
    mutating func program() -> [PatternInstruction]? {
        guard text.count <= Self.textMax, let body = alternation(), position == text.count else { return nil }
        return body + [.match]
    }

    private var peek: Unicode.Scalar? { position < text.count ? text[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar else { return false }
        position += 1
        return true
    }

    // MARK: - Structure

    private mutating func alternation() -> [PatternInstruction]? {
        guard var left = sequence() else { return nil }
        while take("|") {
            guard let right = sequence(), left.count + right.count < Self.programMax else { return nil }
            left =
                [.split(1, left.count + 2)] + Self.shifted(left, by: 1) + [.jump(left.count + right.count + 2)]
                + Self.shifted(right, by: left.count + 2)
        }
        return left
    }

    private mutating func sequence() -> [PatternInstruction]? {
        var body: [PatternInstruction] = []
        while let scalar = peek, scalar != "|", scalar != ")" {
            guard let atom = atom(), let repeated = repetition(of: atom) else { return nil }
            body += Self.shifted(repeated, by: body.count)
            guard body.count < Self.programMax else { return nil }
        }
        return body
    }

    private mutating func repetition(of atom: [PatternInstruction]) -> [PatternInstruction]? {
        var body = atom
        var times = 0
        while let bounds = quantifier() {
            guard let bounds, times < 2 else { return nil }
            times += 1
            _ = take("?")
            guard let expanded = Self.repeated(body, bounds.least, bounds.most) else { return nil }
            body = expanded
        }
        return body
    }

    /// The bounds of a quantifier at this place; `.some(nil)` for one that is wrong, nil for none.
    private mutating func quantifier() -> (least: Int, most: Int?)?? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        guard peek == "{" else { return nil }
        let start = position
        position += 1
        guard let least = number() else {
            position = start
            return nil
        }
        var most: Int? = least
        if take(",") { most = peek == "}" ? nil : number() ?? -1 }
        guard take("}") else {
            position = start
            return nil
        }
        guard least <= Self.repeatMax, (most ?? least) >= least, (most ?? 0) <= Self.repeatMax else {
            return .some(nil)
        }
        return (least, most)
    }

    private mutating func number() -> Int? {
        let start = position
        var value = 0
        while let scalar = peek, (0x30...0x39).contains(scalar.value), value <= Self.repeatMax {
            value = value * 10 + Int(scalar.value - 0x30)
            position += 1
        }
        return position > start ? value : nil
    }

    private static func repeated(_ body: [PatternInstruction], _ least: Int, _ most: Int?) -> [PatternInstruction]? {
        guard body.count * max(least, most ?? 0) + body.count < programMax else { return nil }
        var out: [PatternInstruction] = []
        for _ in 0..<least { out += shifted(body, by: out.count) }
        guard let most else {
            let start = out.count
            return out + [.split(start + 1, start + body.count + 2)] + shifted(body, by: start + 1) + [.jump(start)]
        }
        let end = out.count + (most - least) * (body.count + 1)
        for _ in least..<max(most, least) {
            out.append(.split(out.count + 1, end))
            out += shifted(body, by: out.count)
        }
        return out
    }

    private static func shifted(_ body: [PatternInstruction], by offset: Int) -> [PatternInstruction] {
        guard offset > 0 else { return body }
        return body.map { instruction in
            switch instruction {
            case .split(let first, let second): .split(first + offset, second + offset)
            case .jump(let target): .jump(target + offset)
            default: instruction
            }
        }
    }

    // MARK: - Atoms

    private mutating func atom() -> [PatternInstruction]? {
        guard let scalar = peek else { return nil }
        position += 1
        switch scalar {
        case "(": return group()
        case "[": return bracket().map { [.scalars($0)] }
        case ".": return [.scalars(anyScalar)]
        case "^": return [.textStart]
        case "$": return [.textEnd]
        case "\\": return escape()
        case "*", "+", "?": return nil
        default: return [.scalars(single(scalar))]
        }
    }

    private var anyScalar: ScalarClass {
        ScalarClass(ranges: dotMatchesNewline ? [0...0x10ffff] : ScalarClass.complement([0x0a...0x0a]))
    }

    private func single(_ scalar: Unicode.Scalar) -> ScalarClass {
        ScalarClass(ranges: [scalar.value...scalar.value], foldsCase: foldsCase)
    }

    private mutating func group() -> [PatternInstruction]? {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else { return nil }
        let outer = (foldsCase, dotMatchesNewline)
        if take("?") {
            guard let isFlagsOnly = flags() else { return nil }
            if isFlagsOnly { return [] }
        }
        guard let body = alternation(), take(")") else { return nil }
        (foldsCase, dotMatchesNewline) = outer
        return body
    }

    /// Reads what follows `(?`: flags, or a group's name; true when the parenthesis held flags only.
    private mutating func flags() -> Bool? {
        if take("P") || peek == "<" {
            guard take("<") else { return nil }
            while let scalar = peek, scalar != ">" {
                position += scalar.isASCII ? 1 : 0; if !scalar.isASCII { return nil }
            }
            return take(">") ? false : nil
        }
        var isOn = true
        while let scalar = peek {
            position += 1
            switch scalar {
            case "i": foldsCase = isOn
            case "s": dotMatchesNewline = isOn
            case "-": isOn = false
            case ":": return false
            case ")": return true
            default: return nil
            }
        }
        return nil
    }

    private mutating func escape() -> [PatternInstruction]? {
        guard let scalar = peek else { return nil }
        position += 1
        switch scalar {
        case "b": return [.wordBoundary(true)]
        case "B": return [.wordBoundary(false)]
        case "A": return [.textStart]
        case "z": return [.textEnd]
        default: break
        }
        if let ranges = Self.namedClass(scalar) { return [.scalars(ScalarClass(ranges: ranges))] }
        return escapedScalar(scalar).map { [.scalars(single($0))] }
    }

    private static func namedClass(_ scalar: Unicode.Scalar) -> [ClosedRange<UInt32>]? {
        switch scalar {
        case "d": ScalarClass.digits
        case "D": ScalarClass.complement(ScalarClass.digits)
        case "w": ScalarClass.words
        case "W": ScalarClass.complement(ScalarClass.words)
        case "s": ScalarClass.spaces
        case "S": ScalarClass.complement(ScalarClass.spaces)
        default: nil
        }
    }

    private func escapedScalar(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        switch scalar {
        case "n": "\n"
        case "t": "\t"
        case "r": "\r"
        default: scalar.properties.isAlphabetic || scalar.properties.numericType != nil ? nil : scalar
        }
    }

    /// A class, after its opening bracket.
    private mutating func bracket() -> ScalarClass? {
        var set = ScalarClass(foldsCase: foldsCase)
        set.isNegated = take("^")
        var isFirst = true
        while let scalar = peek, isFirst || scalar != "]" {
            isFirst = false
            position += 1
            if scalar == "\\", let name = peek, let ranges = Self.namedClass(name) {
                position += 1
                set.ranges += ranges
                continue
            }
            if scalar == "[", let name = posixName() {
                guard let ranges = Self.posixClass(name) else { return nil }
                set.ranges += ranges
                continue
            }
            guard let low = classScalar(scalar) else { return nil }
            var high = low
            if peek == "-", position + 1 < text.count, text[position + 1] != "]" {
                position += 1
                guard let next = peek else { return nil }
                position += 1
                guard let end = classScalar(next) else { return nil }
                high = end
            }
            guard low.value <= high.value else { return nil }
            set.ranges.append(low.value...high.value)
        }
        return take("]") ? set : nil
    }

    /// The name in `:name:]` after a bracket inside a class, read to its end; nil when it is a bracket like any scalar.
    private mutating func posixName() -> String? {
        guard peek == ":" else { return nil }
        var end = position + 1
        while end < text.count, text[end] == "^" || text[end].properties.isAlphabetic { end += 1 }
        guard end + 1 < text.count, text[end] == ":", text[end + 1] == "]" else { return nil }
        defer { position = end + 2 }
        return String(String.UnicodeScalarView(text[(position + 1)..<end]))
    }

    /// The ASCII classes of POSIX (XBD 9.3.5), with `word`; `^` before a name is all others. Nil for names of no class.
    private static func posixClass(_ name: String) -> [ClosedRange<UInt32>]? {
        if name.hasPrefix("^") { return posixClass(String(name.dropFirst())).map { ScalarClass.complement($0) } }
        return switch name {
        case "alnum": [0x30...0x39, 0x41...0x5a, 0x61...0x7a]
        case "alpha": [0x41...0x5a, 0x61...0x7a]
        case "ascii": [0...0x7f]
        case "blank": [0x09...0x09, 0x20...0x20]
        case "cntrl": [0...0x1f, 0x7f...0x7f]
        case "digit": [0x30...0x39]
        case "graph": [0x21...0x7e]
        case "lower": [0x61...0x7a]
        case "print": [0x20...0x7e]
        case "punct": [0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e]
        case "space": [0x09...0x0d, 0x20...0x20]
        case "upper": [0x41...0x5a]
        case "word": [0x30...0x39, 0x41...0x5a, 0x5f...0x5f, 0x61...0x7a]
        case "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66]
        default: nil
        }
    }

    private mutating func classScalar(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        guard scalar == "\\" else { return scalar }
        guard let escaped = peek else { return nil }
        position += 1
        return escapedScalar(escaped)
    }
}
