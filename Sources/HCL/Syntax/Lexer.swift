/// Splits HCL text into tokens.
///
/// HCL cannot be lexed without memory: a quoted template holds `${ … }` in which ordinary tokens, and so further
/// templates, may stand. The lexer keeps a stack of modes; its depth is bounded by ``Limits/nestingDepthMax``.
/// Source: the HCL native syntax specification, "Lexical Elements" and "Templates".
struct Lexer {
    /// What the bytes at the cursor mean.
    enum Mode {
        /// Ordinary tokens; `braces` counts open braces, so the one that ends a template sequence is known.
        case normal(braces: Int, inTemplate: Bool)
        case quoted
        /// Inside a heredoc that ends at a line holding only `marker`.
        case heredoc(marker: [UInt8])
    }

    let file: SourceFile
    let limits: Limits
    /// Whether `${` and `%{` mean anything; in the relaxed dialect they are plain text.
    let interpolates: Bool
    var tokens: [Token] = []
    var cursor = 0
    var modes: [Mode] = [.normal(braces: 0, inTemplate: false)]

    /// Lexes a whole file.
    /// - Throws: a diagnostic for a text that is too large, not UTF-8, holds NUL, or has an unfinished string.
    static func tokens(of file: SourceFile, dialect: Dialect, limits: Limits) throws(Diagnostic) -> [Token] {
        try checkText(of: file, limits: limits)
        var lexer = Lexer(file: file, limits: limits, interpolates: dialect == .native)
        lexer.tokens.reserveCapacity(file.bytes.count / 4)
        // A byte-order mark at the start is not part of the text.
        if file.bytes.starts(with: [0xEF, 0xBB, 0xBF]) { lexer.cursor = 3 }
        while lexer.cursor < file.bytes.count {
            switch lexer.modes[lexer.modes.count - 1] {
            case .normal: try lexer.lexNormal()
            case .quoted: try lexer.lexQuoted()
            case .heredoc(let marker): try lexer.lexHeredocLine(marker: marker)
            }
        }
        try lexer.finish()
        return lexer.tokens
    }

    var bytes: [UInt8] { file.bytes }

    func byte(_ offset: Int) -> UInt8? {
        let index = cursor + offset
        return index < bytes.count ? bytes[index] : nil
    }

    mutating func emit(_ kind: Token.Kind, length: Int, trims: Bool = false) {
        tokens.append(Token(kind: kind, start: cursor, end: cursor + length, trims: trims))
        cursor += length
    }

    func fault(_ summary: String, _ detail: String, from start: Int, to end: Int) -> Diagnostic {
        Diagnostic(summary, detail, at: SourceRange(file: file, start: start, end: end))
    }

    mutating func push(_ mode: Mode) throws(Diagnostic) {
        guard modes.count < limits.nestingDepthMax else {
            throw fault(
                "Nesting too deep", "Templates may be nested at most \(limits.nestingDepthMax) deep.",
                from: cursor, to: cursor + 1)
        }
        modes.append(mode)
    }

    /// Size, encoding and NUL are checked once, so that everything after may take the bytes for good text.
    static func checkText(of file: SourceFile, limits: Limits) throws(Diagnostic) {
        guard file.bytes.count <= limits.sourceBytesMax else {
            throw Diagnostic(
                "Source too large",
                "\(file.name) has \(file.bytes.count) bytes; at most \(limits.sourceBytesMax) are accepted.", at: nil)
        }
        if let nul = file.bytes.firstIndex(of: 0) {
            throw Diagnostic(
                "Invalid character", "The text holds a NUL byte; it must be plain UTF-8 text.",
                at: SourceRange(file: file, start: nul, end: nul + 1))
        }
        guard let bad = firstInvalidUTF8(file.bytes) else { return }
        throw Diagnostic(
            "Invalid character encoding", "The text must be UTF-8; byte \(bad) is not part of a valid character.",
            at: SourceRange(file: file, start: bad, end: bad + 1))
    }

    private static func firstInvalidUTF8(_ bytes: [UInt8]) -> Int? {
        if String(validating: bytes, as: UTF8.self) != nil { return nil }
        var decoder = UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var offset = 0
        while true {
            switch decoder.parseScalar(from: &iterator) {
            case .valid(let scalar): offset += scalar.count
            case .emptyInput, .error: return min(offset, bytes.count - 1)
            }
        }
    }

    /// What the end of the text means for the mode it is met in.
    private mutating func finish() throws(Diagnostic) {
        switch modes[modes.count - 1] {
        case .normal(_, inTemplate: false): break
        case .normal:
            throw fault(
                "Unfinished template", "A \"${\" or \"%{\" is not closed by \"}\" before the end of the file.",
                from: cursor, to: cursor)
        case .quoted:
            throw fault("Unfinished string", "A quoted string is not closed.", from: cursor, to: cursor)
        case .heredoc(let marker):
            let name = String(decoding: marker, as: UTF8.self)
            throw fault(
                "Unfinished heredoc",
                "The heredoc is not closed: no line holds only its end marker \(name).", from: cursor, to: cursor)
        }
        emit(.newline, length: 0)
        emit(.endOfFile, length: 0)
    }
}
