extension Parser {
    /// Reads a JSON text as the body of a configuration file: each member of the outer object is an attribute.
    ///
    /// JSON is nearly the object syntax of HCL, so the same parser serves; what only HCL allows is refused after.
    /// - Throws: a diagnostic for the first fault, or when the text is not one object.
    package static func parseJSON(_ file: SourceFile, limits: Limits = Limits()) throws(Diagnostic) -> Body {
        var parser = try Parser(file: file, dialect: .relaxed, limits: limits)
        parser.readsJSON = true
        parser.skipNewlines()
        let root = try parser.parseExpression()
        parser.skipNewlines()
        guard parser.peek.kind == .endOfFile else {
            throw parser.fault("Invalid JSON", "The text goes on after the outer object: found \(parser.found).")
        }
        try checkJSON(root)
        guard let body = Body(objectLiteral: root) else {
            throw Diagnostic("Invalid JSON", "The outer value must be an object: { … }.", at: root.range)
        }
        return body
    }

    private static func checkJSON(_ expression: Expression) throws(Diagnostic) {
        switch expression.kind {
        case .literal: break
        case .unary(.negate, let inner): try checkJSON(inner)
        case .list(let items): for item in items { try checkJSON(item) }
        case .object(let members):
            for member in members {
                guard member.key.range.text.hasPrefix("\"") else {
                    throw Diagnostic("Invalid JSON", "An object key must be a quoted string.", at: member.key.range)
                }
                try checkJSON(member.value)
            }
        default:
            throw Diagnostic(
                "Invalid JSON", "A string, number, true, false, null, list or object is expected here.",
                at: expression.range)
        }
    }
}

extension Body {
    /// The body that an object written out in the source stands for; nil for any other expression or computed keys.
    init?(objectLiteral expression: Expression) {
        guard case .object(let members) = expression.kind else { return nil }
        var attributes: [Attribute] = []
        for member in members {
            guard case .literal(.string(let name)) = member.key.kind else { return nil }
            attributes.append(Attribute(name: name, nameRange: member.key.range, expression: member.value))
        }
        self.init(attributes: attributes, range: expression.range)
    }
}
