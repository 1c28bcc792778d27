/// How much one text may ask of the parser and the evaluator; every limit ends in a diagnostic, never in a crash.
package struct Limits: Sendable {
    /// Bytes of source text; 1 MiB. Nomad's default for job sources is the same (`job_max_source_size`).
    package var sourceBytesMax = 1 << 20
    /// Nesting of blocks, brackets and templates together, and depth of an expression tree; 100.
    package var nestingDepthMax = 100
    /// Work and memory of all evaluation together, in rough bytes: every produced string counts its length, every
    /// element and every loop round 16; 32 MiB.
    package var evaluationCostMax = 32 << 20

    package init() {}
}

/// What is left of ``Limits/evaluationCostMax`` while a text is evaluated.
package struct EvaluationBudget: Sendable {
    package private(set) var remaining: Int
    private let maximum: Int

    package init(limits: Limits) {
        maximum = limits.evaluationCostMax
        remaining = limits.evaluationCostMax
    }

    /// Takes `cost` off the budget before the work is done.
    package mutating func charge(_ cost: Int) throws(FunctionError) {
        let (left, overflow) = remaining.subtractingReportingOverflow(max(0, cost))
        guard !overflow, left >= 0 else {
            throw FunctionError("The result is too large: evaluation may produce at most \(maximum) bytes in all.")
        }
        remaining = left
    }

    /// Takes the deep size of a value off the budget, so that values which contain one another many times over
    /// ("billion laughs") end in an error instead of exhausting memory when they are written out.
    ///
    /// Nesting of values is bounded too: locals can build a value one level a line, deeper than any expression.
    package mutating func charge(_ value: Value) throws(FunctionError) { try charge(value, level: 0) }

    private mutating func charge(_ value: Value, level: Int) throws(FunctionError) {
        guard level < Self.valueDepthMax else {
            throw FunctionError("The value is nested too deep: at most \(Self.valueDepthMax) levels are allowed.")
        }
        switch value {
        case .null, .bool, .number: try charge(16)
        case .string(let text): try charge(16 + text.utf8.count)
        case .list(let items):
            try charge(16)
            for item in items { try charge(item, level: level + 1) }
        case .object(let members):
            try charge(16)
            for (key, member) in members {
                try charge(16 + key.utf8.count)
                try charge(member, level: level + 1)
            }
        }
    }

    /// Levels of lists and objects in one value.
    private static let valueDepthMax = 128
}
