extension Lexer {
    /// Lexes one token, or skips one run of white space or one comment.
    mutating func lexNormal() throws(Diagnostic) {
        let first = bytes[cursor]
        switch first {
        case UInt8(ascii: " "), UInt8(ascii: "\t"): cursor += 1
        case UInt8(ascii: "\r") where byte(1) == UInt8(ascii: "\n"): cursor += 1
        case UInt8(ascii: "\n"): emit(.newline, length: 1)
        case UInt8(ascii: "#"): skipLineComment()
        case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "/"): skipLineComment()
        case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "*"): try skipBlockComment()
        case UInt8(ascii: "0")...UInt8(ascii: "9"): lexNumber()
        case UInt8(ascii: "\""):
            emit(.quoteOpen, length: 1)
            try push(.quoted)
        case UInt8(ascii: "<") where byte(1) == UInt8(ascii: "<"): try lexHeredocOpen()
        case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "~"): try lexBrace(first)
        default:
            if !lexOperator(first) { try lexIdentifier() }
        }
    }

    private mutating func skipLineComment() {
        while cursor < bytes.count, bytes[cursor] != UInt8(ascii: "\n") { cursor += 1 }
    }

    private mutating func skipBlockComment() throws(Diagnostic) {
        let start = cursor
        cursor += 2
        while cursor + 1 < bytes.count {
            if bytes[cursor] == UInt8(ascii: "*"), bytes[cursor + 1] == UInt8(ascii: "/") {
                cursor += 2
                return
            }
            cursor += 1
        }
        throw fault("Unfinished comment", "A \"/*\" comment is not closed by \"*/\".", from: start, to: start + 2)
    }

    /// `12`, `1.5`, `2e10`: a dot belongs to the number only if a digit follows, so `1...` and `a.0.b` still lex.
    private mutating func lexNumber() {
        var length = 0
        func digits() {
            while let next = byte(length), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { length += 1 }
        }
        digits()
        if byte(length) == UInt8(ascii: "."), isDigit(byte(length + 1)) {
            length += 1
            digits()
        }
        if let exponent = byte(length), exponent == UInt8(ascii: "e") || exponent == UInt8(ascii: "E") {
            let sign = byte(length + 1)
            if isDigit(sign) {
                length += 1
                digits()
            } else if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), isDigit(byte(length + 2)) {
                length += 2
                digits()
            }
        }
        emit(.number, length: length)
    }

    private func isDigit(_ byte: UInt8?) -> Bool {
        guard let byte else { return false }
        return (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// Braces are counted inside a template sequence, so that the one which ends it is found.
    private mutating func lexBrace(_ first: UInt8) throws(Diagnostic) {
        guard case .normal(let braces, let inTemplate) = modes[modes.count - 1] else { return }
        if first == UInt8(ascii: "{") {
            modes[modes.count - 1] = .normal(braces: braces + 1, inTemplate: inTemplate)
            emit(.braceOpen, length: 1)
        } else if first == UInt8(ascii: "~") {
            guard inTemplate, braces == 0, byte(1) == UInt8(ascii: "}") else {
                throw fault(
                    "Invalid character", "\"~\" may only stand before the \"}\" that ends a template sequence.",
                    from: cursor, to: cursor + 1)
            }
            modes.removeLast()
            emit(.templateClose, length: 2, trims: true)
        } else if inTemplate, braces == 0 {
            modes.removeLast()
            emit(.templateClose, length: 1)
        } else {
            modes[modes.count - 1] = .normal(braces: max(0, braces - 1), inTemplate: inTemplate)
            emit(.braceClose, length: 1)
        }
    }

    /// Longest match first; false when the byte starts no operator.
    private mutating func lexOperator(_ first: UInt8) -> Bool {
        if first == UInt8(ascii: "."), byte(1) == first, byte(2) == first {
            emit(.ellipsis, length: 3)
            return true
        }
        if let next = byte(1), let kind = Self.pairs[UInt16(first) << 8 | UInt16(next)] {
            emit(kind, length: 2)
            return true
        }
        guard let kind = Self.singles[first] else { return false }
        emit(kind, length: 1)
        return true
    }

    private static let pairs: [UInt16: Token.Kind] = [
        pair("=", "="): .equalEqual, pair("!", "="): .notEqual, pair("<", "="): .lessEqual,
        pair(">", "="): .greaterEqual, pair("=", ">"): .arrow, pair("&", "&"): .and, pair("|", "|"): .or,
    ]

    private static func pair(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> UInt16 {
        UInt16(UInt8(ascii: first)) << 8 | UInt16(UInt8(ascii: second))
    }

    private static let singles: [UInt8: Token.Kind] = [
        UInt8(ascii: "["): .bracketOpen, UInt8(ascii: "]"): .bracketClose, UInt8(ascii: "("): .parenthesisOpen,
        UInt8(ascii: ")"): .parenthesisClose, UInt8(ascii: "."): .dot, UInt8(ascii: ","): .comma,
        UInt8(ascii: ":"): .colon, UInt8(ascii: "="): .equal, UInt8(ascii: "?"): .question,
        UInt8(ascii: "+"): .plus, UInt8(ascii: "-"): .minus, UInt8(ascii: "*"): .star, UInt8(ascii: "/"): .slash,
        UInt8(ascii: "%"): .percent, UInt8(ascii: "<"): .less, UInt8(ascii: ">"): .greater,
        UInt8(ascii: "!"): .not,
    ]

    /// Unicode identifiers (UAX #31) that may also hold `-`.
    private mutating func lexIdentifier() throws(Diagnostic) {
        let length = identifierLength(at: cursor)
        guard length > 0 else { throw invalidCharacter() }
        emit(.identifier, length: length)
    }

    /// Bytes of the identifier that starts at `start`, 0 when there is none.
    func identifierLength(at start: Int) -> Int {
        var index = start
        while let (scalar, width) = scalar(at: index) {
            let fits =
                index == start
                ? scalar.properties.isIDStart || scalar == "_"
                : scalar.properties.isIDContinue || scalar == "-" || scalar == "_"
            guard fits else { break }
            index += width
        }
        return index - start
    }

    /// The scalar whose first byte is at `index`; the text is known to be valid UTF-8.
    private func scalar(at index: Int) -> (Unicode.Scalar, Int)? {
        guard index < bytes.count else { return nil }
        let first = bytes[index]
        if first < 0x80 { return (Unicode.Scalar(first), 1) }
        let width = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
        guard index + width <= bytes.count else { return nil }
        guard let scalar = String(decoding: bytes[index..<index + width], as: UTF8.self).unicodeScalars.first
        else { return nil }
        return (scalar, width)
    }

    private func invalidCharacter() -> Diagnostic {
        guard let (scalar, width) = scalar(at: cursor) else {
            return fault("Invalid character", "This byte is not expected here.", from: cursor, to: cursor + 1)
        }
        var detail = "The character \"\(scalar)\" is not expected here."
        switch scalar {
        case "'": detail = "Single quotes are not valid; use double quotes (\") to enclose strings."
        case "`": detail = "Backticks are not valid; use a heredoc (<<EOT) for a text of several lines."
        case "\u{201C}", "\u{201D}": detail = "Curly quotes are not valid; use straight double quotes (\")."
        case "&", "|": detail = "Bit operators are not supported; for logic write && or ||."
        case ";": detail = "A line end, not \";\", ends an argument."
        default: break
        }
        return fault("Invalid character", detail, from: cursor, to: cursor + width)
    }
}
