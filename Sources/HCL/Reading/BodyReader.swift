import Basics

/// What all readers of one text share: the evaluator, the dialect, and the faults found so far.
package final class ReadingContext {
    package let evaluator: Evaluator
    package let dialect: Dialect
    package private(set) var diagnostics = Diagnostics()

    package init(evaluator: Evaluator, dialect: Dialect) {
        self.evaluator = evaluator
        self.dialect = dialect
    }

    package func report(_ diagnostic: Diagnostic) { diagnostics.append(diagnostic) }

    /// Counts a fault beyond those that are kept.
    func drop() { diagnostics.drop() }

    package func report(_ summary: String, _ detail: String, at range: SourceRange?) {
        report(Diagnostic(summary, detail, at: range))
    }

    /// Throws what was found if any of it is an error.
    package func throwErrors() throws(Diagnostics) {
        if diagnostics.hasErrors { throw diagnostics }
    }
}

/// Reads the arguments and nested blocks of one body by name, with types, and reports what is left over.
///
/// Faults do not stop reading: they are reported to the context and the value counts as absent, so that one run shows
/// all of them. Call ``finish()`` at the end: only then is it known which names are allowed here.
package final class BodyReader {
    package let body: Body
    package let labels: [String]
    package let labelRanges: [SourceRange]
    /// The header of the block, for messages about the block as a whole.
    package let range: SourceRange
    package let context: ReadingContext
    /// What is read, for messages: `block "task"`, `this file`.
    package let title: String
    let bindings: [Evaluator.Binding]
    /// Where each argument is in the body; a file may define thousands of locals.
    private lazy var positions = [String: Int](
        body.attributes.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { _, last in last })
    private var knownAttributes: Set<String> = []
    var knownBlocks: Set<String> = []

    package init(
        _ body: Body, labels: [String] = [], labelRanges: [SourceRange] = [], range: SourceRange? = nil,
        title: String, context: ReadingContext, bindings: [Evaluator.Binding] = []
    ) {
        self.body = body
        self.labels = labels
        self.labelRanges = labelRanges
        self.range = range ?? body.range.startPoint
        self.title = title
        self.context = context
        self.bindings = bindings
    }

    // MARK: Arguments

    /// The expression of an argument; marks the name as allowed.
    package func attribute(_ name: String) -> Attribute? {
        knownAttributes.insert(name)
        return positions[name].map { body.attributes[$0] }
    }

    /// Whether the argument is written, even as null.
    package func has(_ name: String) -> Bool { positions[name] != nil }

    /// The value of an argument; nil when absent, null, or at fault.
    package func value(_ name: String) -> (value: Value, range: SourceRange)? {
        guard let attribute = attribute(name) else { return nil }
        return evaluate(attribute.expression).map { ($0, attribute.expression.range) }
    }

    func evaluate(_ expression: Expression) -> Value? {
        do throws(Diagnostic) {
            let value = try context.evaluator.evaluate(expression, bindings: bindings)
            return value == .null ? nil : value
        } catch {
            context.report(error)
            return nil
        }
    }

    private func converted<Result>(_ name: String, _ wanted: String, _ convert: (Value) -> Result?) -> Result? {
        guard let (value, range) = value(name) else { return nil }
        if let result = convert(value) { return result }
        mismatch(name, wanted, value, at: range)
        return nil
    }

    func mismatch(_ name: String, _ wanted: String, _ value: Value, at range: SourceRange) {
        var found = value.typeName
        if let text = value.asString { found += " \"\(text.prefix(60))\"" }
        context.report("Incorrect value type", "\"\(name)\" must be \(wanted), but is \(found).", at: range)
    }

    package func string(_ name: String) -> String? { converted(name, "a string", \.asString) }

    package func bool(_ name: String) -> Bool? { converted(name, "true or false", \.asBool) }

    package func double(_ name: String) -> Double? { converted(name, "a number") { $0.asNumber?.double } }

    /// A whole number within `bounds`.
    package func int(_ name: String, in bounds: ClosedRange<Int> = Int.min...Int.max) -> Int? {
        guard let value = converted(name, "a whole number", { $0.asNumber?.int.map { Int($0) } }) else { return nil }
        guard bounds.contains(value) else {
            let limit =
                value < bounds.lowerBound ? "at least \(bounds.lowerBound)" : "at most \(bounds.upperBound)"
            context.report(
                "Value out of range", "\"\(name)\" must be \(limit), but is \(value).",
                at: attribute(name)?.expression.range)
            return nil
        }
        return value
    }

    /// A list of strings; in the relaxed dialect also a single string.
    package func strings(_ name: String) -> [String]? {
        converted(name, "a list of strings") { value in
            if context.dialect == .relaxed, let single = value.asString { return [single] }
            guard case .list(let items) = value else { return nil }
            let texts = items.compactMap(\.asString)
            return texts.count == items.count ? texts : nil
        }
    }

    /// A duration written as text with units; a bare number other than 0 has no unit and is refused.
    package func duration(_ name: String) -> Duration? {
        guard let (value, range) = value(name) else { return nil }
        if value == .int(0) { return .zero }
        if case .string(let text) = value, let duration = Duration(goText: text) { return duration }
        let found = value.asString.map { "\"\($0.prefix(60))\"" } ?? value.typeName
        context.report(
            "Invalid duration", "\"\(name)\" must be a duration such as \"30s\" or \"1h30m\", but is \(found).",
            at: range)
        return nil
    }

    /// Any value as it is.
    package func any(_ name: String) -> Value? { value(name)?.value }

    // MARK: Leftovers

    /// Reports arguments and blocks that nobody asked for, with the allowed names.
    package func finish() {
        for attribute in body.attributes where !knownAttributes.contains(attribute.name) {
            reportUnknown(attribute.name, at: attribute.nameRange, isBlock: false)
        }
        for block in body.blocks {
            if context.dialect == .native, block.type == "dynamic" {
                guard let label = block.labels.first, !knownBlocks.contains(label) else { continue }
                reportUnknown(label, at: block.headerRange, isBlock: true)
            } else if !knownBlocks.contains(block.type) {
                reportUnknown(block.type, at: block.typeRange, isBlock: true)
            }
        }
    }

    private func reportUnknown(_ name: String, at range: SourceRange, isBlock: Bool) {
        guard !context.diagnostics.isFull else { return context.drop() }
        let what = isBlock ? "block" : "argument"
        if !isBlock, knownBlocks.contains(name) {
            context.report(
                "Unsupported argument", "\"\(name)\" is a block in \(title); write \(name) { … } without \"=\".",
                at: range)
            return
        }
        if isBlock, knownAttributes.contains(name) {
            context.report(
                "Unsupported block", "\"\(name)\" is an argument in \(title); write \(name) = … instead of a block.",
                at: range)
            return
        }
        let all = knownAttributes.union(knownBlocks).sorted(by: Value.precedes)
        let allowed = all.isEmpty ? " Nothing is allowed here." : " Allowed: \(all.joined(separator: ", "))."
        context.report(
            "Unsupported \(what)",
            "\"\(name)\" is not known in \(title)." + Suggestion.text(for: name, among: all) + allowed, at: range)
    }

    /// Reports the argument as missing and gives an empty string, or gives its value.
    package func required(_ name: String) -> String {
        if let value = string(name) { return value }
        if !has(name) {
            context.report("Missing required argument", "\"\(name)\" is required in \(title).", at: range)
        }
        return ""
    }
}
