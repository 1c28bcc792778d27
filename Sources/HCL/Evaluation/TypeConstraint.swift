/// The type a variable declares: `string`, `list(number)`, `object({ name = string, port = optional(number, 80) })`.
package indirect enum TypeConstraint: Sendable {
    case any, string, number, bool
    case list(TypeConstraint)
    case set(TypeConstraint)
    case map(TypeConstraint)
    case tuple([TypeConstraint])
    case object([String: Member])

    package struct Member: Sendable {
        let type: TypeConstraint
        let isOptional: Bool
        let defaultValue: Value
    }

    /// Reads a type from its expression.
    package init(_ expression: Expression) throws(Diagnostic) {
        switch expression.kind {
        case .parenthesised(let inner): try self.init(inner)
        case .reference(let name, let steps) where steps.isEmpty:
            switch name {
            case "any": self = .any
            case "string": self = .string
            case "number": self = .number
            case "bool": self = .bool
            case "list": self = .list(.any)
            case "set": self = .set(.any)
            case "map": self = .map(.any)
            default: throw Self.invalid(expression)
            }
        case .call(let name, _, let arguments, _) where arguments.count == 1:
            try self.init(name, of: arguments[0], expression)
        default: throw Self.invalid(expression)
        }
    }

    private init(_ name: String, of argument: Expression, _ whole: Expression) throws(Diagnostic) {
        switch name {
        case "list": self = .list(try TypeConstraint(argument))
        case "set": self = .set(try TypeConstraint(argument))
        case "map": self = .map(try TypeConstraint(argument))
        case "tuple":
            guard case .list(let items) = argument.kind else { throw Self.invalid(whole) }
            var types: [TypeConstraint] = []
            for item in items { types.append(try TypeConstraint(item)) }
            self = .tuple(types)
        case "object":
            guard case .object(let members) = argument.kind else { throw Self.invalid(whole) }
            var types: [String: Member] = [:]
            for member in members {
                guard case .literal(.string(let key)) = member.key.kind else { throw Self.invalid(member.key) }
                types[key] = try Self.member(member.value)
            }
            self = .object(types)
        default: throw Self.invalid(whole)
        }
    }

    private static func member(_ expression: Expression) throws(Diagnostic) -> Member {
        guard case .call("optional", _, let arguments, _) = expression.kind, (1...2).contains(arguments.count) else {
            return Member(type: try TypeConstraint(expression), isOptional: false, defaultValue: .null)
        }
        var defaultValue = Value.null
        if arguments.count == 2 { defaultValue = try Evaluator().evaluate(arguments[1]) }
        return Member(type: try TypeConstraint(arguments[0]), isOptional: true, defaultValue: defaultValue)
    }

    private static func invalid(_ expression: Expression) -> Diagnostic {
        Diagnostic(
            "Invalid type",
            "A type is any, string, number, bool, list(T), set(T), map(T), tuple([T, …]) or object({name = T, …}).",
            at: expression.range)
    }

    /// Whether a value given as plain text is taken as it is.
    package var isText: Bool { if case .string = self { true } else { false } }

    /// How the type is written.
    package var description: String {
        switch self {
        case .any: "any"
        case .string: "string"
        case .number: "number"
        case .bool: "bool"
        case .list(let inner): "list(\(inner.description))"
        case .set(let inner): "set(\(inner.description))"
        case .map(let inner): "map(\(inner.description))"
        case .tuple(let types): "tuple([\(types.map(\.description).joined(separator: ", "))])"
        case .object(let members): "object({\(members.keys.sorted(by: Value.precedes).joined(separator: ", "))})"
        }
    }

    /// `value` as this type. Null fits every type.
    package func convert(_ value: Value) throws(FunctionError) -> Value {
        if value == .null { return value }
        switch self {
        case .any: return value
        case .string: if let text = value.asString { return .string(text) }
        case .number: if let number = value.asNumber { return .number(number) }
        case .bool: if let flag = value.asBool { return .bool(flag) }
        case .list(let inner): if case .list(let items) = value { return .list(try Self.each(items, inner)) }
        case .set(let inner): if case .list(let items) = value { return Value.set(try Self.each(items, inner)) }
        case .map(let inner):
            guard case .object(let members) = value else { break }
            var converted: [String: Value] = [:]
            for (key, member) in members { converted[key] = try inner.convert(member) }
            return .object(converted)
        case .tuple(let types):
            guard case .list(let items) = value, items.count == types.count else { break }
            var converted: [Value] = []
            for (type, item) in zip(types, items) { converted.append(try type.convert(item)) }
            return .list(converted)
        case .object(let types): if case .object(let members) = value { return try Self.object(members, types) }
        }
        throw FunctionError("A \(description) is required, but this is \(value.typeName).")
    }

    private static func each(_ items: [Value], _ type: TypeConstraint) throws(FunctionError) -> [Value] {
        var converted: [Value] = []
        converted.reserveCapacity(items.count)
        for item in items { converted.append(try type.convert(item)) }
        return converted
    }

    private static func object(
        _ members: [String: Value], _ types: [String: Member]
    ) throws(FunctionError) -> Value {
        var converted: [String: Value] = [:]
        for (name, member) in types {
            if let value = members[name], value != .null {
                converted[name] = try member.type.convert(value)
            } else if member.isOptional || members[name] != nil {
                converted[name] = try member.type.convert(member.defaultValue)
            } else {
                throw FunctionError("The attribute \"\(name)\" is required.")
            }
        }
        return .object(converted)
    }
}
