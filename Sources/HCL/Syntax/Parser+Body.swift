extension Parser {
    /// Parses attributes and blocks up to, not including, the token `end`.
    mutating func parseBody(until end: Token.Kind) throws(Diagnostic) -> Body {
        let start = peek.start
        var body = Body(range: range(peek))
        var names: [String: SourceRange] = [:]
        while true {
            skipNewlines()
            if peek.kind == end { break }
            switch peek.kind {
            case .identifier: break
            case .quoteOpen where dialect == .relaxed: break
            case .quoteOpen:
                throw fault(
                    "Invalid argument name",
                    "Argument names must not be quoted; write keys with other characters in an object: name = { … }.")
            case .comma where dialect == .relaxed:
                advance()
                continue
            case .endOfFile:
                throw fault("Unclosed block", "A block is not closed: \"}\" is missing before the end of the file.")
            case .braceClose:
                throw fault("Invalid syntax", "This \"}\" closes no block.")
            default:
                throw fault("Invalid syntax", "An argument or a block is expected here, but found \(found).")
            }
            try parseItem(into: &body, names: &names)
            try endItem(before: end)
        }
        body.range = SourceRange(file: file, start: start, end: peek.start)
        return body
    }

    /// An item ends with a line end or the body's own end.
    private mutating func endItem(before end: Token.Kind) throws(Diagnostic) {
        if peek.kind == .newline || peek.kind == end || dialect == .relaxed { return }
        throw fault(
            "Missing line end",
            "A line end is expected after an argument or block, but found \(found). Write each on its own line.")
    }

    private mutating func parseItem(
        into body: inout Body, names: inout [String: SourceRange]
    ) throws(Diagnostic) {
        let first = peek
        let name = first.kind == .quoteOpen ? try parseLabel() : text(advance())
        let nameRange = SourceRange(file: file, start: first.start, end: previousEnd)
        switch peek.kind {
        case .equal:
            advance()
            if let earlier = names[name] {
                throw Diagnostic(
                    "Argument defined twice", "The argument \"\(name)\" was already set at \(earlier).", at: nameRange)
            }
            names[name] = nameRange
            let expression = try parseExpression()
            body.attributes.append(Attribute(name: name, nameRange: nameRange, expression: expression))
        case .braceOpen, .quoteOpen, .identifier:
            body.blocks.append(try parseBlock(type: name, typeRange: nameRange))
        default:
            throw fault(
                "Invalid syntax",
                "After \"\(name)\" either \"=\" and a value or \"{\" and a block is expected, but found \(found).")
        }
    }

    private mutating func parseBlock(type: String, typeRange: SourceRange) throws(Diagnostic) -> Block {
        var labels: [String] = []
        var labelRanges: [SourceRange] = []
        while peek.kind != .braceOpen {
            let start = peek.start
            switch peek.kind {
            case .quoteOpen: labels.append(try parseLabel())
            case .identifier: labels.append(text(advance()))
            default:
                throw fault(
                    "Invalid block definition",
                    "Labels or the \"{\" of the block \"\(type)\" are expected here, but found \(found).")
            }
            labelRanges.append(SourceRange(file: file, start: start, end: previousEnd))
        }
        advance()
        let body = try nested { (parser) throws(Diagnostic) in
            let body = try parser.parseBody(until: .braceClose)
            parser.advance()
            return body
        }
        return Block(type: type, typeRange: typeRange, labels: labels, labelRanges: labelRanges, body: body)
    }

    /// A quoted string without sequences.
    private mutating func parseLabel() throws(Diagnostic) -> String {
        advance()
        var label = ""
        while peek.kind != .quoteClose {
            guard peek.kind == .stringLiteral else {
                throw fault("Invalid label", "A label must be plain text; \"${\" and \"%{\" are not allowed in it.")
            }
            let token = advance()
            label += try unescaped(token)
        }
        advance()
        return label
    }
}
