/// Evaluates expressions against variables and functions.
///
/// One evaluator serves one text: it owns the ``EvaluationBudget`` that all its evaluations share. It is used from
/// one thread at a time.
package final class Evaluator {
    /// A name bound by a `for` or a `dynamic` block, with its value.
    package typealias Binding = (name: String, value: Value)

    /// Names in scope, such as `var` and `local`.
    package var variables: [String: Value]
    package let functions: FunctionTable
    /// What an unknown name stands for; nil makes it an error. Called with the exact source text of the reference.
    /// Job files keep `${attr.kernel.name}` as text for later this way.
    package let undefinedName: (@Sendable (_ name: String, _ text: String) -> Value?)?

    var budget: EvaluationBudget
    /// Innermost binding last.
    var bindings: [Binding] = []
    /// Elements of the splats being evaluated, innermost last.
    var splatElements: [Value] = []

    package init(
        variables: [String: Value] = [:], functions: FunctionTable = .standard, limits: Limits = Limits(),
        undefinedName: (@Sendable (_ name: String, _ text: String) -> Value?)? = nil
    ) {
        self.variables = variables
        self.functions = functions
        self.undefinedName = undefinedName
        budget = EvaluationBudget(limits: limits)
    }

    /// The value of `expression` with `bindings` in scope.
    /// - Throws: a diagnostic at the part of the expression that has no value.
    package func evaluate(_ expression: Expression, bindings: [Binding] = []) throws(Diagnostic) -> Value {
        self.bindings = bindings
        splatElements = []
        return try value(of: expression)
    }

    func value(of expression: Expression) throws(Diagnostic) -> Value {
        switch expression.kind {
        case .literal(let value): return value
        case .template(let parts): return .string(try text(of: parts, at: expression.range))
        case .wrapped(let inner), .parenthesised(let inner): return try value(of: inner)
        case .reference(let root, let steps): return try reference(root, steps, at: expression.range)
        case .traversal(let source, let steps): return try follow(steps, from: try value(of: source))
        case .index(let source, let key):
            return try element(of: try value(of: source), at: try value(of: key), key.range)
        case .splat(let source, let each): return try splat(source, each)
        case .splatElement: return splatElements.last ?? .null
        case .call(let name, let nameRange, let arguments, let expandsLast):
            return try call(name, nameRange, arguments, expandsLast, at: expression.range)
        case .unary(let operation, let operand): return try unary(operation, operand)
        case .binary(let operation, let left, let right):
            return try binary(operation, left, right, at: expression.range)
        case .conditional(let condition, let one, let two): return try conditional(condition, one, two)
        case .list(let items): return try list(items, at: expression.range)
        case .object(let members): return try object(members, at: expression.range)
        case .forList(let clause, let value): return try forList(clause, value, at: expression.range)
        case .forObject(let clause, let key, let value, let groups):
            return try forObject(clause, key, value, groups, at: expression.range)
        }
    }

    /// Runs something that draws on the budget and puts its error at `range`.
    func charged<Result>(
        _ range: SourceRange, _ work: (inout EvaluationBudget) throws(FunctionError) -> Result
    ) throws(Diagnostic) -> Result {
        do throws(FunctionError) {
            return try work(&budget)
        } catch {
            throw Diagnostic("Invalid value", error.message, at: range)
        }
    }

    // MARK: References

    private func reference(
        _ root: String, _ steps: [TraversalStep], at range: SourceRange
    ) throws(Diagnostic) -> Value {
        if let binding = bindings.last(where: { $0.name == root }) { return try follow(steps, from: binding.value) }
        if let value = variables[root] { return try follow(steps, from: value, rootName: root) }
        if let value = undefinedName?(root, range.text) {
            try charged(range) { (budget) throws(FunctionError) in try budget.charge(value) }
            return value
        }
        let names = Set(variables.keys).union(bindings.map(\.name)).sorted(by: Value.precedes)
        throw Diagnostic(
            "Unknown variable", "There is no \"\(root)\" here." + Suggestion.text(for: root, among: names), at: range)
    }

    private func follow(
        _ steps: [TraversalStep], from start: Value, rootName: String? = nil
    ) throws(Diagnostic) -> Value {
        var value = start
        for step in steps {
            switch step.kind {
            case .index(let key): value = try element(of: value, at: key, step.range)
            case .attribute(let name): value = try attribute(name, of: value, step.range)
            }
        }
        return value
    }

    private func attribute(_ name: String, of value: Value, _ range: SourceRange) throws(Diagnostic) -> Value {
        guard case .object(let members) = value else {
            throw Diagnostic(
                "Unsupported attribute", "A \(value.typeName) has no attributes, so none named \"\(name)\".", at: range)
        }
        guard let member = members[name] else {
            let names = members.keys.sorted(by: Value.precedes)
            throw Diagnostic(
                "Unsupported attribute",
                "This object has no attribute \"\(name)\"." + Suggestion.text(for: name, among: names), at: range)
        }
        return member
    }

    private func element(of value: Value, at key: Value, _ range: SourceRange) throws(Diagnostic) -> Value {
        switch value {
        case .list(let items):
            guard let index = key.asNumber?.int else {
                throw Diagnostic("Invalid index", "A list is indexed by whole numbers.", at: range)
            }
            guard index >= 0, index < items.count else {
                throw Diagnostic(
                    "Invalid index", "The list has \(items.count) elements, so there is no element \(index).", at: range
                )
            }
            return items[Int(index)]
        case .object:
            guard let name = key.asString else {
                throw Diagnostic("Invalid index", "An object is indexed by strings.", at: range)
            }
            return try attribute(name, of: value, range)
        case .null: throw Diagnostic("Invalid index", "The value is null, so it has no elements.", at: range)
        case .bool, .number, .string:
            throw Diagnostic("Invalid index", "A \(value.typeName) has no elements.", at: range)
        }
    }

    private func splat(_ source: Expression, _ each: Expression) throws(Diagnostic) -> Value {
        let items: [Value]
        switch try value(of: source) {
        case .list(let list): items = list
        case .null: return .list([])
        case let single: items = [single]
        }
        var results: [Value] = []
        results.reserveCapacity(items.count)
        for item in items {
            splatElements.append(item)
            defer { splatElements.removeLast() }
            results.append(try value(of: each))
        }
        return try kept(.list(results), at: each.range)
    }

    /// Charges a new collection to the budget.
    func kept(_ value: Value, at range: SourceRange) throws(Diagnostic) -> Value {
        try charged(range) { (budget) throws(FunctionError) in try budget.charge(value) }
        return value
    }
}
