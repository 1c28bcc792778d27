extension Evaluator {
    func call(
        _ name: String, _ nameRange: SourceRange, _ expressions: [Expression], _ expandsLast: Bool,
        at range: SourceRange
    ) throws(Diagnostic) -> Value {
        switch name {
        case "try": return try firstOf(expressions, at: range)
        case "can":
            guard expressions.count == 1 else { throw wrongCount(name, 1...1, expressions.count, range) }
            return .bool((try? value(of: expressions[0])) != nil)
        case "convert":
            guard expressions.count == 2 else { throw wrongCount(name, 2...2, expressions.count, range) }
            let type = try TypeConstraint(expressions[1])
            let source = try value(of: expressions[0])
            let result = try charged(range) { (_) throws(FunctionError) in try type.convert(source) }
            return try kept(result, at: range)
        default: break
        }
        guard let function = functions[name] else {
            let names = functions.keys.sorted(by: Value.precedes)
            throw Diagnostic(
                "Call to unknown function",
                "There is no function named \"\(name)\"." + Suggestion.text(for: name, among: names), at: nameRange)
        }
        let values = try arguments(expressions, expandsLast)
        guard function.argumentCounts.contains(values.count) else {
            throw wrongCount(name, function.argumentCounts, values.count, range)
        }
        var arguments = Arguments(values: values, budget: budget)
        do throws(FunctionError) {
            defer { budget = arguments.budget }
            let result = try function.implementation(&arguments)
            try arguments.budget.charge(result)
            return result
        } catch {
            throw Diagnostic(
                "Error in function call", "Call to function \"\(name)\" failed: \(error.message)", at: range)
        }
    }

    private func arguments(_ expressions: [Expression], _ expandsLast: Bool) throws(Diagnostic) -> [Value] {
        var values: [Value] = []
        for (index, expression) in expressions.enumerated() {
            let value = try value(of: expression)
            guard expandsLast, index == expressions.count - 1 else {
                values.append(value)
                continue
            }
            guard case .list(let items) = value, values.count + items.count <= Arguments.countMax else {
                throw Diagnostic(
                    "Invalid expanding argument",
                    "\"...\" needs a list of at most \(Arguments.countMax) elements, but this is \(value.typeName).",
                    at: expression.range)
            }
            values += items
        }
        return values
    }

    private func firstOf(_ expressions: [Expression], at range: SourceRange) throws(Diagnostic) -> Value {
        var last: Diagnostic?
        for expression in expressions {
            do throws(Diagnostic) {
                return try value(of: expression)
            } catch {
                last = error
            }
        }
        throw Diagnostic(
            "Error in function call",
            "No argument of \"try\" has a value; the last failed with: \(last?.detail ?? "there are no arguments.")",
            at: range)
    }

    private func wrongCount(
        _ name: String, _ wanted: ClosedRange<Int>, _ count: Int, _ range: SourceRange
    ) -> Diagnostic {
        let text =
            wanted.lowerBound == wanted.upperBound
            ? "\(wanted.lowerBound)"
            : wanted.upperBound >= Arguments.countMax
                ? "at least \(wanted.lowerBound)" : "\(wanted.lowerBound) to \(wanted.upperBound)"
        return Diagnostic(
            "Wrong number of function arguments",
            "Function \"\(name)\" takes \(text) arguments, but \(count) are given.",
            at: range)
    }
}
