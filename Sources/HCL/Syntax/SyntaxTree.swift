/// The content of a file or of a block: attributes and blocks, each in source order.
package struct Body: Sendable {
    package var attributes: [Attribute]
    package var blocks: [Block]
    /// The whole body, without its braces; an empty range at the place where it would be, for messages about
    /// something that is missing.
    package var range: SourceRange

    package init(attributes: [Attribute] = [], blocks: [Block] = [], range: SourceRange) {
        self.attributes = attributes
        self.blocks = blocks
        self.range = range
    }
}

/// `name = expression`
package struct Attribute: Sendable {
    package let name: String
    package let nameRange: SourceRange
    package let expression: Expression

    package init(name: String, nameRange: SourceRange, expression: Expression) {
        self.name = name
        self.nameRange = nameRange
        self.expression = expression
    }
}

/// `type "label" … { … }`
package struct Block: Sendable {
    package let type: String
    package let typeRange: SourceRange
    package let labels: [String]
    package let labelRanges: [SourceRange]
    package let body: Body

    package init(type: String, typeRange: SourceRange, labels: [String], labelRanges: [SourceRange], body: Body) {
        self.type = type
        self.typeRange = typeRange
        self.labels = labels
        self.labelRanges = labelRanges
        self.body = body
    }

    /// Type and labels, the part before the brace.
    package var headerRange: SourceRange {
        labelRanges.last.map { typeRange.joined(with: $0) } ?? typeRange
    }
}

/// One expression with its place. `depth` bounds every recursion over the tree.
package struct Expression: Sendable {
    package let kind: Kind
    package let range: SourceRange
    /// 1 for a leaf, else one more than the deepest operand.
    let depth: Int

    package indirect enum Kind: Sendable {
        case literal(Value)
        /// A quoted string or heredoc with sequences in it.
        case template([TemplatePart])
        /// `"${expression}"`: the value passes through without becoming a string.
        case wrapped(Expression)
        /// `name.attribute[0]…`: a reference that starts at a name in scope.
        case reference(root: String, steps: [TraversalStep])
        /// `expression.attribute[0]…`
        case traversal(Expression, [TraversalStep])
        /// `expression[key]` with a computed key.
        case index(Expression, key: Expression)
        /// `expression[*].attribute`, or with `.*` for the older form; `each` is evaluated for every element.
        case splat(Expression, each: Expression)
        /// Inside the `each` of a splat: the element at hand.
        case splatElement
        case call(name: String, nameRange: SourceRange, arguments: [Expression], expandsLast: Bool)
        case unary(UnaryOperator, Expression)
        case binary(BinaryOperator, Expression, Expression)
        case conditional(Expression, Expression, Expression)
        case list([Expression])
        case object([ObjectMember])
        case forList(ForClause, value: Expression)
        case forObject(ForClause, key: Expression, value: Expression, groups: Bool)
        case parenthesised(Expression)
    }
}

/// `key = value` in an object; a bare identifier as key has been made a literal.
package struct ObjectMember: Sendable {
    package let key: Expression
    package let value: Expression
}

/// `for key, value in collection … if condition`
package struct ForClause: Sendable {
    let keyName: String?
    let valueName: String
    let collection: Expression
    let condition: Expression?
}

/// One step into a value.
package struct TraversalStep: Sendable {
    package enum Kind: Sendable {
        case attribute(String)
        case index(Value)
    }

    package let kind: Kind
    package let range: SourceRange
}

/// A piece of a template.
package enum TemplatePart: Sendable {
    case literal(String)
    case interpolation(Expression)
    indirect case conditional(Expression, then: [TemplatePart], otherwise: [TemplatePart])
    indirect case loop(keyName: String?, valueName: String, Expression, [TemplatePart])
}

package enum UnaryOperator: Sendable {
    case negate, not
}

package enum BinaryOperator: String, Sendable {
    case or = "||"
    case and = "&&"
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case greater = ">"
    case lessEqual = "<="
    case greaterEqual = ">="
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case remainder = "%"
}

extension Expression {
    /// Every name this expression refers to, with the first attribute after it: `var.region` is `("var", "region")`.
    /// Names bound by `for` inside are left out only when they shadow nothing of interest to the caller.
    package func forEachReference(_ visit: (_ root: String, _ attribute: String?, SourceRange) -> Void) {
        switch kind {
        case .literal, .splatElement: break
        case .reference(let root, let steps):
            var attribute: String?
            switch steps.first?.kind {
            case .attribute(let name), .index(.string(let name)): attribute = name
            default: break
            }
            visit(root, attribute, range)
        case .template(let parts): Self.forEachReference(in: parts, visit)
        case .wrapped(let inner), .parenthesised(let inner), .unary(_, let inner), .traversal(let inner, _):
            inner.forEachReference(visit)
        case .index(let one, let two), .binary(_, let one, let two), .splat(let one, let two):
            one.forEachReference(visit)
            two.forEachReference(visit)
        case .call(_, _, let arguments, _): for argument in arguments { argument.forEachReference(visit) }
        case .conditional(let one, let two, let three): for part in [one, two, three] { part.forEachReference(visit) }
        case .list(let items): for item in items { item.forEachReference(visit) }
        case .object(let members):
            for member in members {
                member.key.forEachReference(visit)
                member.value.forEachReference(visit)
            }
        case .forList(let clause, let value):
            clause.forEachReference(visit)
            value.forEachReference(visit)
        case .forObject(let clause, let key, let value, _):
            clause.forEachReference(visit)
            key.forEachReference(visit)
            value.forEachReference(visit)
        }
    }

    private static func forEachReference(
        in parts: [TemplatePart], _ visit: (String, String?, SourceRange) -> Void
    ) {
        for part in parts {
            switch part {
            case .literal: break
            case .interpolation(let inner): inner.forEachReference(visit)
            case .conditional(let condition, let then, let otherwise):
                condition.forEachReference(visit)
                forEachReference(in: then, visit)
                forEachReference(in: otherwise, visit)
            case .loop(_, _, let collection, let content):
                collection.forEachReference(visit)
                forEachReference(in: content, visit)
            }
        }
    }
}

extension ForClause {
    fileprivate func forEachReference(_ visit: (String, String?, SourceRange) -> Void) {
        collection.forEachReference(visit)
        condition?.forEachReference(visit)
    }
}
