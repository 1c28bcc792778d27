extension Parser {
    /// `[a, b]` or `[for …]`; the opening bracket has been taken.
    mutating func parseList(from start: Int) throws(Diagnostic) -> Expression {
        if isKeyword("for") {
            advance()
            let clause = try parseForHead()
            let value = try parseExpression()
            let complete = try withCondition(clause)
            try expect(.bracketClose, "A \"]\" is expected to close the for expression")
            return try make(.forList(complete, value: value), from: start, over: operands(of: complete) + [value])
        }
        var items: [Expression] = []
        while peek.kind != .bracketClose {
            items.append(try parseExpression())
            if peek.kind == .comma {
                advance()
            } else if peek.kind != .bracketClose {
                throw fault(
                    "Missing item separator", "A \",\" or the \"]\" of the list is expected, but found \(found).")
            }
        }
        advance()
        return try make(.list(items), from: start, over: items)
    }

    /// `{ a = 1 }`, `{ a: 1, b: 2 }` or `{for …}`; the opening brace has been taken.
    mutating func parseObject(from start: Int) throws(Diagnostic) -> Expression {
        skipNewlines()
        if isKeyword("for"), peekSecond.kind == .identifier { return try parseForObject(from: start) }
        var members: [ObjectMember] = []
        var operands: [Expression] = []
        while true {
            skipNewlines()
            if peek.kind == .braceClose { break }
            let member = try parseMember()
            members.append(member)
            operands.append(member.key)
            operands.append(member.value)
            switch peek.kind {
            case .comma: advance()
            case .newline, .braceClose: break
            default:
                if dialect == .relaxed { break }
                throw fault(
                    "Missing item separator",
                    "A line end, a \",\" or the \"}\" of the object is expected, but found \(found).")
            }
        }
        advance()
        return try make(.object(members), from: start, over: operands)
    }

    private mutating func parseMember() throws(Diagnostic) -> ObjectMember {
        let key: Expression
        if peek.kind == .identifier, peekSecond.kind == .equal || peekSecond.kind == .colon {
            let token = advance()
            key = try make(.literal(.string(text(token))), from: token.start, over: [])
        } else {
            key = try parseExpression()
            if case .reference(_, let steps) = key.kind, !steps.isEmpty {
                throw Diagnostic(
                    "Ambiguous object key",
                    "Quote a key that holds dots: \"\(key.range.text)\"; or put a reference in parentheses.",
                    at: key.range)
            }
        }
        guard peek.kind == .equal || peek.kind == .colon else {
            throw fault(
                "Missing key/value separator", "A \"=\" or \":\" is expected after the object key, but found \(found).")
        }
        advance()
        return ObjectMember(key: key, value: try parseExpression())
    }

    // MARK: For

    func isKeyword(_ word: String) -> Bool { peek.kind == .identifier && text(peek) == word }

    /// `k, v in collection :`, after the `for`; also used in templates, which have no colon.
    mutating func parseForBinding() throws(Diagnostic) -> (keyName: String?, valueName: String, Expression) {
        let first = text(try expect(.identifier, "A name is expected after \"for\""))
        var second: String?
        if peek.kind == .comma {
            advance()
            second = text(try expect(.identifier, "A second name is expected after \",\""))
        }
        guard isKeyword("in") else {
            throw fault("Invalid \"for\"", "The word \"in\" and a collection are expected, but found \(found).")
        }
        advance()
        let collection = try parseExpression()
        return second.map { (first, $0, collection) } ?? (nil, first, collection)
    }

    private mutating func parseForHead() throws(Diagnostic) -> ForClause {
        let (keyName, valueName, collection) = try parseForBinding()
        try expect(.colon, "A \":\" is expected after the collection of \"for\"")
        return ForClause(keyName: keyName, valueName: valueName, collection: collection, condition: nil)
    }

    private mutating func withCondition(_ clause: ForClause) throws(Diagnostic) -> ForClause {
        guard isKeyword("if") else { return clause }
        advance()
        return ForClause(
            keyName: clause.keyName, valueName: clause.valueName, collection: clause.collection,
            condition: try parseExpression())
    }

    private func operands(of clause: ForClause) -> [Expression] {
        [clause.collection] + (clause.condition.map { [$0] } ?? [])
    }

    private mutating func parseForObject(from start: Int) throws(Diagnostic) -> Expression {
        skipsNewlines = true
        advance()
        let clause = try parseForHead()
        let key = try parseExpression()
        try expect(.arrow, "A \"=>\" is expected between key and value of an object for expression")
        let value = try parseExpression()
        let groups = peek.kind == .ellipsis
        if groups { advance() }
        let complete = try withCondition(clause)
        try expect(.braceClose, "A \"}\" is expected to close the for expression")
        return try make(
            .forObject(complete, key: key, value: value, groups: groups), from: start,
            over: operands(of: complete) + [key, value])
    }
}
