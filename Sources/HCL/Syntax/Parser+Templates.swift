extension Parser {
    /// One element of a template before control sequences are matched up.
    private struct TemplateElement {
        enum Kind {
            case literal(String)
            case interpolation(Expression)
            case ifStart(Expression)
            case elseMark
            case ifEnd
            case forStart(keyName: String?, valueName: String, Expression)
            case forEnd
        }

        var kind: Kind
        let range: SourceRange
    }

    /// A quoted string or a heredoc; its opening token is at hand.
    mutating func parseTemplate() throws(Diagnostic) -> Expression {
        let open = peek
        let outer = skipsNewlines
        advance()
        skipsNewlines = false
        defer { skipsNewlines = outer }
        let end: Token.Kind = open.kind == .quoteOpen ? .quoteClose : .heredocClose
        var elements = try parseElements(until: end)
        advance()
        if open.kind == .heredocFlushOpen { Self.removeIndentation(&elements) }
        var rest = elements[...]
        var operands: [Expression] = []
        let parts = try parseParts(of: &rest, until: [], operands: &operands)
        if parts.isEmpty { return try make(.literal(.string("")), from: open.start, over: []) }
        if parts.count == 1 {
            switch parts[0] {
            case .literal(let text): return try make(.literal(.string(text)), from: open.start, over: [])
            case .interpolation(let inner) where end == .quoteClose:
                return try make(.wrapped(inner), from: open.start, over: [inner])
            default: break
            }
        }
        return try make(.template(parts), from: open.start, over: operands)
    }

    private mutating func parseElements(until end: Token.Kind) throws(Diagnostic) -> [TemplateElement] {
        var elements: [TemplateElement] = []
        var trimsNext = false
        while peek.kind != end {
            let token = peek
            switch token.kind {
            case .stringLiteral:
                advance()
                var literal = try end == .quoteClose ? unescaped(token) : unescapedHeredoc(token)
                if trimsNext { literal = Self.trimmedLeft(literal) }
                trimsNext = false
                elements.append(TemplateElement(kind: .literal(literal), range: range(token)))
            case .interpolationOpen, .controlOpen:
                advance()
                if token.trims { Self.trimLast(&elements) }
                skipsNewlines = true
                let kind =
                    token.kind == .controlOpen
                    ? try parseControl() : TemplateElement.Kind.interpolation(try parseExpression())
                let close = try expect(.templateClose, "A \"}\" is expected to close the template sequence")
                skipsNewlines = false
                trimsNext = close.trims
                let range = SourceRange(file: file, start: token.start, end: close.end)
                elements.append(TemplateElement(kind: kind, range: range))
            default: throw fault("Invalid template", "Text or the end of the string is expected, but found \(found).")
            }
        }
        return elements
    }

    private mutating func parseControl() throws(Diagnostic) -> TemplateElement.Kind {
        let word = try expect(.identifier, "One of if, else, endif, for, endfor is expected after \"%{\"")
        switch text(word) {
        case "if": return .ifStart(try parseExpression())
        case "else": return .elseMark
        case "endif": return .ifEnd
        case "for":
            let (keyName, valueName, collection) = try parseForBinding()
            return .forStart(keyName: keyName, valueName: valueName, collection)
        case "endfor": return .forEnd
        default:
            throw fault(
                "Invalid template directive",
                "\"\(text(word))\" is not a directive; use if, else, endif, for or endfor. Write %%{ for a plain %{.",
                at: word)
        }
    }

    /// Which mark ended a run of parts.
    private enum Mark {
        case elseMark, ifEnd, forEnd
    }

    /// Matches up `if … else … endif` and `for … endfor`; stops before a mark in `marks`.
    private mutating func parseParts(
        of rest: inout ArraySlice<TemplateElement>, until marks: [Mark], operands: inout [Expression]
    ) throws(Diagnostic) -> [TemplatePart] {
        var parts: [TemplatePart] = []
        while let element = rest.first {
            switch element.kind {
            case .literal(let text):
                rest.removeFirst()
                if case .literal(let earlier)? = parts.last {
                    parts[parts.count - 1] = .literal(earlier + text)
                } else if !text.isEmpty {
                    parts.append(.literal(text))
                }
            case .interpolation(let inner):
                rest.removeFirst()
                operands.append(inner)
                parts.append(.interpolation(inner))
            case .ifStart(let condition):
                rest.removeFirst()
                operands.append(condition)
                parts.append(try parseIf(condition, of: &rest, from: element.range, operands: &operands))
            case .forStart(let keyName, let valueName, let collection):
                rest.removeFirst()
                operands.append(collection)
                let content = try parseNested(of: &rest, until: [.forEnd], operands: &operands)
                _ = try take([.forEnd], of: &rest, openedAt: element.range)
                parts.append(.loop(keyName: keyName, valueName: valueName, collection, content))
            case .elseMark where marks.contains(.elseMark), .ifEnd where marks.contains(.ifEnd),
                .forEnd where marks.contains(.forEnd):
                return parts
            case .elseMark, .ifEnd, .forEnd:
                throw Diagnostic(
                    "Invalid template directive", "\(element.range.text) closes nothing that is open here.",
                    at: element.range)
            }
        }
        return parts
    }

    private mutating func parseIf(
        _ condition: Expression, of rest: inout ArraySlice<TemplateElement>, from opening: SourceRange,
        operands: inout [Expression]
    ) throws(Diagnostic) -> TemplatePart {
        let then = try parseNested(of: &rest, until: [.elseMark, .ifEnd], operands: &operands)
        var otherwise: [TemplatePart] = []
        if try take([.elseMark, .ifEnd], of: &rest, openedAt: opening) == .elseMark {
            otherwise = try parseNested(of: &rest, until: [.ifEnd], operands: &operands)
            _ = try take([.ifEnd], of: &rest, openedAt: opening)
        }
        return .conditional(condition, then: then, otherwise: otherwise)
    }

    private mutating func parseNested(
        of rest: inout ArraySlice<TemplateElement>, until marks: [Mark], operands: inout [Expression]
    ) throws(Diagnostic) -> [TemplatePart] {
        guard let next = rest.first else { return [] }
        // Checked here because the parser's own check would point at the token after the template.
        guard depth < limits.nestingDepthMax else {
            throw Diagnostic(
                "Nesting too deep", "Directives may be nested at most \(limits.nestingDepthMax) deep.", at: next.range)
        }
        return try nested { (parser) throws(Diagnostic) in
            try parser.parseParts(of: &rest, until: marks, operands: &operands)
        }
    }

    private func take(
        _ marks: [Mark], of rest: inout ArraySlice<TemplateElement>, openedAt opening: SourceRange
    ) throws(Diagnostic) -> Mark {
        switch rest.popFirst()?.kind {
        case .elseMark where marks.contains(.elseMark): return .elseMark
        case .ifEnd where marks.contains(.ifEnd): return .ifEnd
        case .forEnd where marks.contains(.forEnd): return .forEnd
        default:
            let end = marks.contains(.forEnd) ? "endfor" : "endif"
            throw Diagnostic(
                "Unfinished template directive",
                "This directive is not closed by %{ \(end) } before the template ends.",
                at: opening)
        }
    }

    // MARK: White space

    private static func trimLast(_ elements: inout [TemplateElement]) {
        guard case .literal(let text)? = elements.last?.kind else { return }
        elements[elements.count - 1].kind = .literal(trimmedRight(text))
    }

    private static func trimmedLeft(_ text: String) -> String { String(text.drop { $0.isWhitespace }) }

    private static func trimmedRight(_ text: String) -> String {
        var end = text.endIndex
        while end > text.startIndex, text[text.index(before: end)].isWhitespace { end = text.index(before: end) }
        return String(text[..<end])
    }

    /// `<<-`: takes the smallest indentation of all lines off each line. Lines of white space only do not count and
    /// are left alone; a line that begins with a sequence counts as not indented.
    private static func removeIndentation(_ elements: inout [TemplateElement]) {
        var startsLine = true
        var smallest = Int.max
        var adjusted: [Int] = []
        for (index, element) in elements.enumerated() {
            guard case .literal(let text) = element.kind else {
                if startsLine { smallest = 0 }
                startsLine = false
                continue
            }
            if startsLine {
                let spaces = text.prefix { $0.isWhitespace && !$0.isNewline }.count
                let isBlank = spaces < text.count ? text.dropFirst(spaces).allSatisfy(\.isNewline) : false
                if !isBlank {
                    smallest = min(smallest, spaces)
                    adjusted.append(index)
                }
            }
            startsLine = text.last?.isNewline ?? startsLine
        }
        guard smallest > 0, smallest < Int.max else { return }
        for index in adjusted {
            if case .literal(let text) = elements[index].kind {
                elements[index].kind = .literal(String(text.dropFirst(smallest)))
            }
        }
    }
}
