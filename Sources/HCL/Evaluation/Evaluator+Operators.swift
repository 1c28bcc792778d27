extension Evaluator {
    func unary(_ operation: UnaryOperator, _ operand: Expression) throws(Diagnostic) -> Value {
        let value = try value(of: operand)
        switch operation {
        case .not:
            guard let flag = value.asBool else { throw invalidOperand("bool", value, operand.range) }
            return .bool(!flag)
        case .negate:
            guard let number = value.asNumber else { throw invalidOperand("number", value, operand.range) }
            if case .int(let int) = number, int != .min { return .number(.int(-int)) }
            return try finite(-number.double, operand.range)
        }
    }

    func binary(
        _ operation: BinaryOperator, _ left: Expression, _ right: Expression, at range: SourceRange
    ) throws(Diagnostic) -> Value {
        let one = try value(of: left)
        let two = try value(of: right)
        switch operation {
        case .equal: return .bool(one == two)
        case .notEqual: return .bool(one != two)
        case .and, .or:
            guard let first = one.asBool else { throw invalidOperand("bool", one, left.range) }
            guard let second = two.asBool else { throw invalidOperand("bool", two, right.range) }
            return .bool(operation == .and ? first && second : first || second)
        default: break
        }
        guard let first = one.asNumber else { throw invalidOperand("number", one, left.range) }
        guard let second = two.asNumber else { throw invalidOperand("number", two, right.range) }
        switch operation {
        case .less: return .bool(first < second)
        case .greater: return .bool(second < first)
        case .lessEqual: return .bool(first <= second)
        case .greaterEqual: return .bool(second <= first)
        default: return try arithmetic(operation, first, second, at: range)
        }
    }

    private func arithmetic(
        _ operation: BinaryOperator, _ one: Number, _ two: Number, at range: SourceRange
    ) throws(Diagnostic) -> Value {
        if case .int(let left) = one, case .int(let right) = two, let exact = Self.exact(operation, left, right) {
            return .number(.int(exact))
        }
        switch operation {
        case .add: return try finite(one.double + two.double, range)
        case .subtract: return try finite(one.double - two.double, range)
        case .multiply: return try finite(one.double * two.double, range)
        default:
            guard two.double != 0 else { throw Diagnostic("Division by zero", "The divisor is zero.", at: range) }
            return try finite(
                operation == .divide ? one.double / two.double : one.double.truncatingRemainder(dividingBy: two.double),
                range)
        }
    }

    /// The exact result for integers; nil when it overflows, is a fraction, or divides by zero.
    private static func exact(_ operation: BinaryOperator, _ left: Int64, _ right: Int64) -> Int64? {
        let (result, overflow): (Int64, Bool)
        switch operation {
        case .add: (result, overflow) = left.addingReportingOverflow(right)
        case .subtract: (result, overflow) = left.subtractingReportingOverflow(right)
        case .multiply: (result, overflow) = left.multipliedReportingOverflow(by: right)
        case .remainder: (result, overflow) = left.remainderReportingOverflow(dividingBy: right)
        case .divide:
            let (rest, restOverflow) = left.remainderReportingOverflow(dividingBy: right)
            guard !restOverflow, rest == 0 else { return nil }
            (result, overflow) = left.dividedReportingOverflow(by: right)
        default: return nil
        }
        return overflow ? nil : result
    }

    private func finite(_ result: Double, _ range: SourceRange) throws(Diagnostic) -> Value {
        guard let number = Number(result) else {
            throw Diagnostic("Number out of range", "The result is too large for a number.", at: range)
        }
        return .number(number)
    }

    private func invalidOperand(_ wanted: String, _ value: Value, _ range: SourceRange) -> Diagnostic {
        var detail = "A \(wanted) is required here, but this is a \(value.typeName)."
        if case .string(let text) = value {
            detail = "A \(wanted) is required here; \"\(text.prefix(60))\" is not one."
        }
        return Diagnostic("Invalid operand", detail, at: range)
    }

    /// The chosen result, made the same type as the other when one is a string and both are primitive.
    func conditional(
        _ condition: Expression, _ one: Expression, _ two: Expression
    ) throws(Diagnostic) -> Value {
        let test = try value(of: condition)
        guard let flag = test.asBool else {
            throw Diagnostic(
                "Incorrect condition type", "The condition must be a bool, but is \(test.typeName).",
                at: condition.range)
        }
        let chosen = try value(of: flag ? one : two)
        guard chosen.isPrimitive, let other = try? value(of: flag ? two : one), other.isPrimitive else { return chosen }
        if case .string = other, let text = chosen.asString { return .string(text) }
        switch (chosen, other) {
        case (.bool, .number), (.number, .bool):
            throw Diagnostic(
                "Inconsistent conditional result types",
                "One result is a \(chosen.typeName), the other a \(other.typeName); both must be of one type.",
                at: one.range.joined(with: two.range))
        default: return chosen
        }
    }
}
