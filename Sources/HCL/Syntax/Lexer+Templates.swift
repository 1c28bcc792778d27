extension Lexer {
    /// Lexes up to the next delimiter of a quoted template: closing quote, `${`, `%{`.
    mutating func lexQuoted() throws(Diagnostic) {
        let start = cursor
        while cursor < bytes.count {
            switch bytes[cursor] {
            case UInt8(ascii: "\""):
                emitLiteral(from: start)
                emit(.quoteClose, length: 1)
                modes.removeLast()
                return
            case UInt8(ascii: "\\"):
                // A line end after the backslash is left for the next round, which refuses it.
                cursor += byte(1) == UInt8(ascii: "\n") ? 1 : 2
            case UInt8(ascii: "\n"):
                throw fault(
                    "Unfinished string",
                    "A quoted string may not span lines; close it with \", write \\n, or use a heredoc (<<EOT).",
                    from: start, to: cursor)
            default:
                if try lexTemplateSequence(literalStart: start) { return }
            }
        }
        cursor = bytes.count
    }

    /// `<<MARKER` or `<<-MARKER`, then a line end.
    mutating func lexHeredocOpen() throws(Diagnostic) {
        let flush = byte(2) == UInt8(ascii: "-")
        let nameStart = cursor + (flush ? 3 : 2)
        let length = identifierLength(at: nameStart)
        guard length > 0 else {
            throw fault(
                "Invalid heredoc", "A heredoc starts with << and an identifier, for example <<EOT, and a line end.",
                from: cursor, to: cursor + 2)
        }
        var end = nameStart + length
        if end < bytes.count, bytes[end] == UInt8(ascii: "\r") { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "\n") else {
            throw fault(
                "Invalid heredoc", "Nothing may follow the heredoc marker on its line.", from: nameStart, to: end)
        }
        let marker = Array(bytes[nameStart..<nameStart + length])
        emit(flush ? .heredocFlushOpen : .heredocOpen, length: end + 1 - cursor)
        try push(.heredoc(marker: marker))
    }

    /// Lexes one line of a heredoc, or the part of it up to a template sequence; at a line start looks for the end.
    mutating func lexHeredocLine(marker: [UInt8]) throws(Diagnostic) {
        if bytes[cursor - 1] == UInt8(ascii: "\n"), let end = heredocEnd(marker: marker) {
            emit(.heredocClose, length: end - cursor)
            modes.removeLast()
            return
        }
        let start = cursor
        while cursor < bytes.count {
            if bytes[cursor] == UInt8(ascii: "\n") {
                cursor += 1
                emitLiteral(from: start)
                return
            }
            if try lexTemplateSequence(literalStart: start) { return }
        }
        emitLiteral(from: start)
    }

    /// The offset after the end marker when the line at the cursor holds nothing else; white space around is allowed.
    private func heredocEnd(marker: [UInt8]) -> Int? {
        var index = cursor
        while index < bytes.count, bytes[index] == UInt8(ascii: " ") || bytes[index] == UInt8(ascii: "\t") {
            index += 1
        }
        guard bytes[index...].starts(with: marker) else { return nil }
        index += marker.count
        let end = index
        while index < bytes.count, bytes[index] != UInt8(ascii: "\n") {
            guard [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r")].contains(bytes[index]) else { return nil }
            index += 1
        }
        return end
    }

    /// At `${` or `%{` ends the literal and opens the sequence (true); at `$${` and `%%{` steps over the escape;
    /// else steps over one byte.
    private mutating func lexTemplateSequence(literalStart: Int) throws(Diagnostic) -> Bool {
        let first = bytes[cursor]
        guard interpolates, first == UInt8(ascii: "$") || first == UInt8(ascii: "%") else {
            cursor += 1
            return false
        }
        if byte(1) == first, byte(2) == UInt8(ascii: "{") {
            cursor += 3
            return false
        }
        guard byte(1) == UInt8(ascii: "{") else {
            cursor += 1
            return false
        }
        emitLiteral(from: literalStart)
        let trims = byte(2) == UInt8(ascii: "~")
        let kind = first == UInt8(ascii: "$") ? Token.Kind.interpolationOpen : .controlOpen
        emit(kind, length: trims ? 3 : 2, trims: trims)
        try push(.normal(braces: 0, inTemplate: true))
        return true
    }

    private mutating func emitLiteral(from start: Int) {
        guard cursor > start else { return }
        tokens.append(Token(kind: .stringLiteral, start: start, end: cursor))
    }
}
