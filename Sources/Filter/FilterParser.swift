internal import Basics

/// Reads the filter language by recursive descent.
struct FilterParser {
    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    /// The whole text as one expression.
    mutating func expression() throws(FilterError) -> FilterExpression.Node {
        guard bytes.count <= FilterExpression.bytesMax else {
            throw FilterError(message: "longer than \(FilterExpression.bytesMax) bytes", column: 1)
        }
        let node = try or()
        skipSpace()
        guard position == bytes.count else { throw error("expected \"and\", \"or\" or the end") }
        return node
    }

    private mutating func or() throws(FilterError) -> FilterExpression.Node {
        var node = try and()
        while takeWord("or") { node = .or(node, try and()) }
        return node
    }

    private mutating func and() throws(FilterError) -> FilterExpression.Node {
        var node = try not()
        while takeWord("and") { node = .and(node, try not()) }
        return node
    }

    private mutating func not() throws(FilterError) -> FilterExpression.Node {
        depth += 1
        defer { depth -= 1 }
        guard depth <= FilterExpression.depthMax else {
            throw error("nested deeper than \(FilterExpression.depthMax) levels")
        }
        if takeWord("not") { return .not(try not()) }
        skipSpace()
        guard take("(") else { return .match(try match()) }
        let node = try or()
        skipSpace()
        guard take(")") else { throw error("expected \")\"") }
        return node
    }

    /// `selector operator value`, `selector is empty` or `value in selector`.
    private mutating func match() throws(FilterError) -> FilterExpression.Match {
        skipSpace()
        let start = position
        let left = try operand()
        skipSpace()
        if take("==") {
            return .init(selector: try selector(left, start), comparison: .equal(try value()), negated: false)
        }
        if take("!=") {
            return .init(selector: try selector(left, start), comparison: .equal(try value()), negated: true)
        }
        if takeWord("is") {
            let negated = takeWord("not")
            guard takeWord("empty") else { throw error("expected \"empty\"") }
            return .init(selector: try selector(left, start), comparison: .isEmpty, negated: negated)
        }
        let negated = takeWord("not")
        if takeWord("in") {
            skipSpace()
            let rightStart = position
            let right = try selector(try operand(), rightStart)
            return .init(selector: right, comparison: .contains(left.text), negated: negated)
        }
        if takeWord("contains") {
            return .init(selector: try selector(left, start), comparison: .contains(try value()), negated: negated)
        }
        if takeWord("matches") {
            let selector = try selector(left, start)
            skipSpace()
            let patternStart = position
            let text = try value()
            do {
                return .init(selector: selector, comparison: .matches(try Pattern(text)), negated: negated)
            } catch {
                throw FilterError(message: error.description, column: patternStart + 1)
            }
        }
        throw error("expected ==, !=, in, contains, matches or \"is empty\"")
    }

    /// A word, with its brackets, or quoted text.
    private struct Operand {
        var text: String
        /// The selector it is, or nil when it can only be a value.
        var parts: [String]?
    }

    private func selector(_ operand: Operand, _ start: Int) throws(FilterError) -> FilterExpression.Selector {
        guard let parts = operand.parts else {
            throw FilterError(message: "\"\(operand.text)\" is not a field name", column: start + 1)
        }
        return FilterExpression.Selector(parts: parts)
    }

    private mutating func value() throws(FilterError) -> String {
        skipSpace()
        return try operand().text
    }

    private mutating func operand() throws(FilterError) -> Operand {
        guard position < bytes.count else { throw error("unexpected end") }
        let start = position
        if bytes[position] == UInt8(ascii: "\"") || bytes[position] == UInt8(ascii: "`") {
            let text = try quoted()
            return Operand(text: text, parts: pointerParts(text))
        }
        var parts: [String] = []
        while true {
            let wordStart = position
            while position < bytes.count, FilterParser.isWord(bytes[position]) { position += 1 }
            guard position > wordStart else { throw error("expected a field name or a value") }
            parts.append(String(decoding: bytes[wordStart..<position], as: UTF8.self))
            while take("[") { parts.append(try bracketed()) }
            guard take(".") else { break }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        let isName = bytes[start] == UInt8(ascii: "_") || (0x41...0x5a).contains(bytes[start] & 0xdf)
        return Operand(text: text, parts: isName ? parts : nil)
    }

    private mutating func bracketed() throws(FilterError) -> String {
        guard position < bytes.count else { throw error("expected a key") }
        var key: String
        if bytes[position] == UInt8(ascii: "\"") || bytes[position] == UInt8(ascii: "`") {
            key = try quoted()
        } else {
            let start = position
            while position < bytes.count, FilterParser.isWord(bytes[position]) { position += 1 }
            guard position > start else { throw error("expected a key in quotes or a number") }
            key = String(decoding: bytes[start..<position], as: UTF8.self)
        }
        guard take("]") else { throw error("expected \"]\"") }
        return key
    }

    /// `"/Meta/team"` is a JSON pointer (RFC 6901).
    private func pointerParts(_ text: String) -> [String]? {
        guard text.first == "/" else { return nil }
        return text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { part in
            var out = ""
            var escaped = false
            for character in part {
                if escaped {
                    out.append(character == "1" ? "/" : "~")
                } else if character != "~" {
                    out.append(character)
                }
                escaped = !escaped && character == "~"
            }
            return out
        }
    }

    private mutating func quoted() throws(FilterError) -> String {
        let quote = bytes[position]
        let start = position
        position += 1
        var out: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == quote { return String(decoding: out, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\""), position < bytes.count else {
                out.append(byte)
                continue
            }
            switch bytes[position] {
            case UInt8(ascii: "n"): out.append(0x0a)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(bytes[position])
            default: throw error("unknown escape; write a backslash as \\\\ or quote with `")
            }
            position += 1
        }
        throw FilterError(message: "unterminated string", column: start + 1)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "/") || byte >= 0x80
    }

    private mutating func take(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard position + count <= bytes.count,
            bytes[position..<(position + count)].elementsEqual(
                UnsafeBufferPointer(start: text.utf8Start, count: count))
        else { return false }
        position += count
        return true
    }

    /// Takes a word of the language, which ends where no further word character follows.
    private mutating func takeWord(_ word: StaticString) -> Bool {
        skipSpace()
        let start = position
        guard take(word) else { return false }
        if position < bytes.count, FilterParser.isWord(bytes[position]) || bytes[position] == UInt8(ascii: ".") {
            position = start
            return false
        }
        return true
    }

    private mutating func skipSpace() {
        while position < bytes.count, bytes[position] == 0x20 || (0x09...0x0d).contains(bytes[position]) {
            position += 1
        }
    }

    private func error(_ message: String) -> FilterError { FilterError(message: message, column: position + 1) }
}
