/// Which form of HCL a text is written in.
package enum Dialect: Sendable {
    /// HCL2 native syntax: job files, variable files, ACL policies.
    case native
    /// What agent configuration files have always been: as native, but `${` is plain text, attribute names may be
    /// quoted, several items may stand on a line, and objects may be written as blocks or the other way round.
    case relaxed
}

/// Turns tokens into a syntax tree by recursive descent.
///
/// Recursion is bounded by ``Limits/nestingDepthMax``; chains such as `1 + 1 + …`, which grow the tree without
/// recursion here, are bounded through `Expression.depth`. The first fault ends parsing.
/// Source: the HCL native syntax specification.
package struct Parser {
    let file: SourceFile
    let dialect: Dialect
    let limits: Limits
    private let tokens: [Token]
    private var position = 0
    /// Inside brackets and parentheses a line end means nothing.
    var skipsNewlines = false
    /// Set while a JSON text is read: strings have JSON's escapes.
    var readsJSON = false
    private(set) var depth = 0

    init(file: SourceFile, dialect: Dialect, limits: Limits) throws(Diagnostic) {
        self.file = file
        self.dialect = dialect
        self.limits = limits
        tokens = try Lexer.tokens(of: file, dialect: dialect, limits: limits)
    }

    /// Parses a whole file.
    /// - Throws: a diagnostic for the first fault.
    package static func parse(
        _ file: SourceFile, dialect: Dialect = .native, limits: Limits = Limits()
    ) throws(Diagnostic) -> Body {
        var parser = try Parser(file: file, dialect: dialect, limits: limits)
        let body = try parser.parseBody(until: .endOfFile)
        return body
    }

    /// Parses a text that is one expression, such as the value of a `-var` flag.
    package static func parseExpression(_ file: SourceFile, limits: Limits = Limits()) throws(Diagnostic) -> Expression
    {
        var parser = try Parser(file: file, dialect: .native, limits: limits)
        parser.skipsNewlines = true
        let expression = try parser.parseExpression()
        guard parser.peek.kind == .endOfFile else {
            throw parser.fault("Extra characters after expression", "The expression ends before \(parser.found).")
        }
        return expression
    }

    // MARK: Tokens

    /// The token at hand; line ends are passed over where they mean nothing.
    var peek: Token {
        var index = position
        while skipsNewlines, tokens[index].kind == .newline { index += 1 }
        return tokens[min(index, tokens.count - 1)]
    }

    /// The token after the one at hand, for the few places that need two.
    var peekSecond: Token {
        var index = position
        while skipsNewlines, tokens[index].kind == .newline { index += 1 }
        index += 1
        while skipsNewlines, index < tokens.count, tokens[index].kind == .newline { index += 1 }
        return tokens[min(index, tokens.count - 1)]
    }

    @discardableResult
    mutating func advance() -> Token {
        while skipsNewlines, tokens[position].kind == .newline { position += 1 }
        let token = tokens[min(position, tokens.count - 1)]
        if position < tokens.count - 1 { position += 1 }
        return token
    }

    mutating func skipNewlines() {
        while tokens[position].kind == .newline { position += 1 }
    }

    /// Takes a token of this kind or says what was wanted.
    @discardableResult
    mutating func expect(_ kind: Token.Kind, _ detail: String) throws(Diagnostic) -> Token {
        guard peek.kind == kind else {
            throw fault("Invalid syntax", "\(detail), but found \(found).")
        }
        return advance()
    }

    func range(_ token: Token) -> SourceRange { SourceRange(file: file, start: token.start, end: token.end) }

    func text(_ token: Token) -> String { file.text(from: token.start, to: token.end) }

    /// The end of the last token taken.
    var previousEnd: Int { position > 0 ? tokens[position - 1].end : 0 }

    /// What stands at the cursor, for messages.
    var found: String {
        let token = peek
        return token.kind == .identifier ? "\"\(text(token).prefix(60))\"" : token.kind.name
    }

    func fault(_ summary: String, _ detail: String, at token: Token? = nil) -> Diagnostic {
        Diagnostic(summary, detail, at: range(token ?? peek))
    }

    // MARK: Depth

    /// Runs `work` one level deeper, or refuses.
    mutating func nested<Result>(
        _ work: (inout Parser) throws(Diagnostic) -> Result
    ) throws(Diagnostic) -> Result {
        guard depth < limits.nestingDepthMax else {
            throw fault(
                "Nesting too deep", "Blocks and expressions may be nested at most \(limits.nestingDepthMax) deep.")
        }
        depth += 1
        defer { depth -= 1 }
        return try work(&self)
    }

    /// Makes a node and checks the depth of its tree.
    func make(_ kind: Expression.Kind, from start: Int, over operands: [Expression]) throws(Diagnostic) -> Expression {
        let depth = 1 + (operands.map(\.depth).max() ?? 0)
        let range = SourceRange(file: file, start: start, end: previousEnd)
        guard depth <= limits.nestingDepthMax else {
            throw Diagnostic(
                "Expression too complex",
                "An expression may be nested at most \(limits.nestingDepthMax) deep; split it with locals.", at: range)
        }
        return Expression(kind: kind, range: range, depth: depth)
    }
}
