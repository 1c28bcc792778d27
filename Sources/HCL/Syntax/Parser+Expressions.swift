extension Parser {
    /// Any expression.
    mutating func parseExpression() throws(Diagnostic) -> Expression {
        try nested { (parser) throws(Diagnostic) in try parser.parseConditional() }
    }

    private mutating func parseConditional() throws(Diagnostic) -> Expression {
        let condition = try parseBinary(above: 0)
        guard peek.kind == .question else { return condition }
        advance()
        let one = try parseExpression()
        try expect(.colon, "A \":\" is expected between the two results of a condition")
        let two = try parseExpression()
        return try make(.conditional(condition, one, two), from: condition.range.start, over: [condition, one, two])
    }

    /// Precedence climbing over the operators that bind tighter than `level`.
    private mutating func parseBinary(above level: Int) throws(Diagnostic) -> Expression {
        var left = try parseUnary()
        while let (operation, precedence) = Self.operators[peek.kind], precedence > level {
            advance()
            let right = try parseBinary(above: precedence)
            left = try make(.binary(operation, left, right), from: left.range.start, over: [left, right])
        }
        return left
    }

    private static let operators: [Token.Kind: (BinaryOperator, Int)] = [
        .or: (.or, 1), .and: (.and, 2), .equalEqual: (.equal, 3), .notEqual: (.notEqual, 3),
        .less: (.less, 4), .greater: (.greater, 4), .lessEqual: (.lessEqual, 4), .greaterEqual: (.greaterEqual, 4),
        .plus: (.add, 5), .minus: (.subtract, 5), .star: (.multiply, 6), .slash: (.divide, 6),
        .percent: (.remainder, 6),
    ]

    private mutating func parseUnary() throws(Diagnostic) -> Expression {
        let start = peek.start
        let operation: UnaryOperator
        switch peek.kind {
        case .minus: operation = .negate
        case .not: operation = .not
        default: return try parsePostfix()
        }
        advance()
        let operand = try nested { (parser) throws(Diagnostic) in try parser.parseUnary() }
        return try make(.unary(operation, operand), from: start, over: [operand])
    }

    private mutating func parsePostfix() throws(Diagnostic) -> Expression {
        let primary = try parsePrimary()
        return try parseSteps(after: primary, attributesOnly: false)
    }

    // MARK: Primaries

    private mutating func parsePrimary() throws(Diagnostic) -> Expression {
        let start = peek.start
        switch peek.kind {
        case .number:
            let number = try parseNumber()
            return try make(.literal(.number(number)), from: start, over: [])
        case .identifier: return try parseName()
        case .quoteOpen, .heredocOpen, .heredocFlushOpen: return try parseTemplate()
        case .bracketOpen:
            advance()
            return try inBrackets(skippingNewlines: true) { (parser) throws(Diagnostic) in
                try parser.parseList(from: start)
            }
        case .braceOpen:
            advance()
            return try inBrackets(skippingNewlines: false) { (parser) throws(Diagnostic) in
                try parser.parseObject(from: start)
            }
        case .parenthesisOpen:
            advance()
            let inner = try inBrackets(skippingNewlines: true) { (parser) throws(Diagnostic) in
                let inner = try parser.parseExpression()
                try parser.expect(.parenthesisClose, "A \")\" is expected to close the parenthesis")
                return inner
            }
            return try make(.parenthesised(inner), from: start, over: [inner])
        default:
            throw fault("Invalid expression", "A value or an expression is expected here, but found \(found).")
        }
    }

    /// Runs `work` with other rules for line ends. The opening bracket was taken under the old rules; `work` takes
    /// the closing one under the new.
    private mutating func inBrackets<Result>(
        skippingNewlines: Bool, _ work: (inout Parser) throws(Diagnostic) -> Result
    ) throws(Diagnostic) -> Result {
        let outer = skipsNewlines
        skipsNewlines = skippingNewlines
        defer { skipsNewlines = outer }
        return try work(&self)
    }

    private mutating func parseNumber() throws(Diagnostic) -> Number {
        let token = advance()
        guard let number = Number(literal: text(token)) else {
            throw fault(
                "Number out of range",
                "\(text(token).prefix(60)) is beyond what a 64-bit integer or a double can hold; "
                    + "quote it to keep it as text.",
                at: token)
        }
        return number
    }

    private mutating func parseName() throws(Diagnostic) -> Expression {
        let token = advance()
        let name = text(token)
        switch name {
        case "true", "false": return try make(.literal(.bool(name == "true")), from: token.start, over: [])
        case "null": return try make(.literal(.null), from: token.start, over: [])
        default: break
        }
        guard peek.kind == .parenthesisOpen else {
            return try make(.reference(root: name, steps: []), from: token.start, over: [])
        }
        advance()
        return try inBrackets(skippingNewlines: true) { (parser) throws(Diagnostic) in
            try parser.parseCall(name: name, nameRange: parser.range(token))
        }
    }

    private mutating func parseCall(name: String, nameRange: SourceRange) throws(Diagnostic) -> Expression {
        var arguments: [Expression] = []
        var expandsLast = false
        while peek.kind != .parenthesisClose {
            arguments.append(try parseExpression())
            if peek.kind == .ellipsis {
                advance()
                expandsLast = true
                break
            }
            guard peek.kind == .comma else { break }
            advance()
        }
        try expect(.parenthesisClose, "A \",\" or the \")\" that ends the arguments of \(name) is expected")
        return try make(
            .call(name: name, nameRange: nameRange, arguments: arguments, expandsLast: expandsLast),
            from: nameRange.start, over: arguments)
    }

    // MARK: Steps

    /// `.name`, `.0`, `[key]`, `[*]`, `.*` after an expression.
    private mutating func parseSteps(
        after base: Expression, attributesOnly: Bool
    ) throws(Diagnostic) -> Expression {
        var expression = base
        while true {
            switch peek.kind {
            case .dot:
                if peekSecond.kind == .star {
                    advance()
                    advance()
                    return try parseSplat(over: expression, attributesOnly: true)
                }
                let steps = try parseDotStep()
                expression = try extend(expression, by: steps)
            case .bracketOpen where !attributesOnly:
                guard let next = try parseBracketStep(after: expression) else {
                    return try parseSplat(over: expression, attributesOnly: false)
                }
                expression = next
            default: return expression
            }
        }
    }

    private mutating func parseDotStep() throws(Diagnostic) -> [TraversalStep] {
        let start = advance().start
        let token = peek
        switch token.kind {
        case .identifier:
            advance()
            let range = SourceRange(file: file, start: start, end: token.end)
            return [TraversalStep(kind: .attribute(text(token)), range: range)]
        case .number:
            // The older index form: a.0, and a.0.1, where the lexer sees the number 0.1.
            advance()
            var steps: [TraversalStep] = []
            for part in text(token).split(separator: ".") {
                guard let index = Int64(part) else { break }
                steps.append(TraversalStep(kind: .index(.int(index)), range: range(token)))
            }
            return steps
        default:
            throw fault("Invalid attribute name", "A name is expected after \".\", but found \(found).")
        }
    }

    /// `[key]`; nil after `[*]`.
    private mutating func parseBracketStep(after base: Expression) throws(Diagnostic) -> Expression? {
        let start = advance().start
        let key: Expression? = try inBrackets(skippingNewlines: true) { (parser) throws(Diagnostic) in
            if parser.peek.kind == .star, parser.peekSecond.kind == .bracketClose {
                parser.advance()
                parser.advance()
                return nil
            }
            let key = try parser.parseExpression()
            try parser.expect(.bracketClose, "A \"]\" is expected to close the index")
            return key
        }
        guard let key else { return nil }
        if case .literal(let value) = key.kind, value.isPrimitive {
            let range = SourceRange(file: file, start: start, end: previousEnd)
            return try extend(base, by: [TraversalStep(kind: .index(value), range: range)])
        }
        return try make(.index(base, key: key), from: base.range.start, over: [base, key])
    }

    private mutating func parseSplat(over source: Expression, attributesOnly: Bool) throws(Diagnostic) -> Expression {
        let element = try make(.splatElement, from: previousEnd, over: [])
        let each = try nested { (parser) throws(Diagnostic) in
            try parser.parseSteps(after: element, attributesOnly: attributesOnly)
        }
        let splat = try make(.splat(source, each: each), from: source.range.start, over: [source, each])
        // What an attribute-only splat does not take applies to its result: a.*.b[0] is (a.*.b)[0].
        return attributesOnly && peek.kind == .bracketOpen
            ? try nested { (parser) throws(Diagnostic) in try parser.parseSteps(after: splat, attributesOnly: false) }
            : splat
    }

    private func extend(_ base: Expression, by steps: [TraversalStep]) throws(Diagnostic) -> Expression {
        switch base.kind {
        case .reference(_, let earlier) where earlier.count >= limits.nestingDepthMax,
            .traversal(_, let earlier) where earlier.count >= limits.nestingDepthMax:
            throw Diagnostic(
                "Expression too complex", "A reference may have at most \(limits.nestingDepthMax) steps.",
                at: base.range)
        case .reference(let root, let earlier):
            return try make(.reference(root: root, steps: earlier + steps), from: base.range.start, over: [])
        case .traversal(let source, let earlier):
            return try make(.traversal(source, earlier + steps), from: base.range.start, over: [source])
        default:
            return try make(.traversal(base, steps), from: base.range.start, over: [base])
        }
    }
}
