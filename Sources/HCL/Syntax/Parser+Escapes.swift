extension Parser {
    /// The text of a literal token in a quoted string, escapes resolved.
    func unescaped(_ token: Token) throws(Diagnostic) -> String {
        let bytes = file.bytes[token.start..<token.end]
        guard bytes.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "{") }) else { return text(token) }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == UInt8(ascii: "\\") {
                try unescape(bytes, &index, into: &out)
            } else {
                copyTemplateEscape(bytes, &index, into: &out)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// The text of a literal token in a heredoc, where only `$${` and `%%{` are escapes.
    func unescapedHeredoc(_ token: Token) throws(Diagnostic) -> String {
        let bytes = file.bytes[token.start..<token.end]
        guard bytes.contains(UInt8(ascii: "{")) else { return text(token) }
        var out: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex { copyTemplateEscape(bytes, &index, into: &out) }
        return String(decoding: out, as: UTF8.self)
    }

    /// Copies one byte; of `$${` and `%%{` the doubled sign is written once.
    private func copyTemplateEscape(_ bytes: ArraySlice<UInt8>, _ index: inout Int, into out: inout [UInt8]) {
        let byte = bytes[index]
        let isDoubled =
            dialect == .native && (byte == UInt8(ascii: "$") || byte == UInt8(ascii: "%"))
            && index + 2 < bytes.endIndex && bytes[index + 1] == byte && bytes[index + 2] == UInt8(ascii: "{")
        if isDoubled {
            out += [byte, UInt8(ascii: "{")]
            index += 3
        } else {
            out.append(byte)
            index += 1
        }
    }

    private func unescape(
        _ bytes: ArraySlice<UInt8>, _ index: inout Int, into out: inout [UInt8]
    ) throws(Diagnostic) {
        let start = index
        let letter = index + 1 < bytes.endIndex ? bytes[index + 1] : 0
        index += 2
        switch letter {
        case UInt8(ascii: "n"): out.append(UInt8(ascii: "\n"))
        case UInt8(ascii: "r"): out.append(UInt8(ascii: "\r"))
        case UInt8(ascii: "t"): out.append(UInt8(ascii: "\t"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(letter)
        case UInt8(ascii: "/") where readsJSON: out.append(letter)
        case UInt8(ascii: "b") where readsJSON: out.append(8)
        case UInt8(ascii: "f") where readsJSON: out.append(12)
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let digits = letter == UInt8(ascii: "u") ? 4 : 8
            let hex = bytes[min(index, bytes.endIndex)..<min(index + digits, bytes.endIndex)]
            guard hex.count == digits, var code = Self.hexadecimal(hex) else {
                throw invalidEscape(from: start, to: index + hex.count)
            }
            index += digits
            if (0xD800..<0xDC00).contains(code), let low = Self.lowSurrogate(bytes, at: index) {
                // JSON writes characters beyond U+FFFF as a pair (RFC 8259 §7).
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
                index += 6
            }
            guard let scalar = Unicode.Scalar(code), code != 0 else { throw invalidEscape(from: start, to: index) }
            out += Array(String(scalar).utf8)
        default: throw invalidEscape(from: start, to: index)
        }
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt32? {
        guard digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else { return nil }
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    private static func lowSurrogate(_ bytes: ArraySlice<UInt8>, at index: Int) -> UInt32? {
        guard index + 6 <= bytes.endIndex, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u"),
            let code = hexadecimal(bytes[index + 2..<index + 6]), (0xDC00..<0xE000).contains(code)
        else { return nil }
        return code
    }

    private func invalidEscape(from start: Int, to end: Int) -> Diagnostic {
        Diagnostic(
            "Invalid escape sequence",
            "Valid after a backslash are n, r, t, \\, \", u with four and U with eight hex digits; "
                + "write \\\\ for a backslash.",
            at: SourceRange(file: file, start: start, end: end))
    }
}
