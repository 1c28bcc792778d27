import HCL

/// The `variable` and `variables` blocks of a job file, and the values they end up with.
struct VariableSet {
    /// One declared variable.
    private struct Declaration {
        let name: String
        let type: TypeConstraint
        /// Nil when there is no default; `Value.null` is a default.
        let defaultValue: Value?
        let validations: [BodyReader]
        let range: SourceRange
    }

    private var declarations: [String: Declaration] = [:]
    private let context: ReadingContext
    private let limits: Limits

    init(reader: BodyReader, context: ReadingContext, limits: Limits) {
        self.context = context
        self.limits = limits
        for block in reader.blocks("variable", labels: ["name"]) { declare(Self.declaration(block)) }
        for block in reader.blocks("variables") {
            for attribute in block.body.attributes {
                let value = block.value(attribute.name)?.value ?? .null
                declare(
                    Declaration(
                        name: attribute.name, type: Self.type(of: value), defaultValue: value, validations: [],
                        range: attribute.nameRange))
            }
            block.finish()
        }
    }

    private mutating func declare(_ declaration: Declaration) {
        if let earlier = declarations[declaration.name] {
            context.report(
                "Duplicate variable",
                "The variable \"\(declaration.name)\" was already declared at \(earlier.range).", at: declaration.range)
        }
        declarations[declaration.name] = declaration
    }

    private static func declaration(_ block: BodyReader) -> Declaration {
        let name = block.labels.first ?? ""
        var type: TypeConstraint?
        if let attribute = block.attribute("type") {
            do throws(Diagnostic) {
                type = try TypeConstraint(attribute.expression)
            } catch {
                block.context.report(error)
            }
        }
        _ = block.string("description")
        _ = block.bool("sensitive")
        var defaultValue: Value?
        if let attribute = block.attribute("default") {
            let value = block.value("default")?.value ?? .null
            do throws(FunctionError) {
                defaultValue = try (type ?? .any).convert(value)
            } catch {
                block.context.report(
                    "Invalid default value", "The default of \"\(name)\" does not fit its type: \(error.message)",
                    at: attribute.expression.range)
            }
        }
        let validations = block.blocks("validation")
        block.finish()
        return Declaration(
            name: name, type: type ?? defaultValue.map(Self.type(of:)) ?? .string, defaultValue: defaultValue,
            validations: validations, range: block.range)
    }

    /// The type of a variable that declares none: that of its default, so that `-var n=3` fits `default = 2`.
    private static func type(of value: Value) -> TypeConstraint {
        switch value {
        case .string: .string
        case .number: .number
        case .bool: .bool
        case .null, .list, .object: .any
        }
    }

    // MARK: Values

    /// Applies the inputs, checks types and validations; faults go to the context.
    func values(_ inputs: JobInputs) -> [String: Value] {
        var values: [String: Value] = declarations.compactMapValues(\.defaultValue)
        for (name, declaration) in declarations.sorted(by: { Value.precedes($0.key, $1.key) }) {
            for prefix in ["NOMAD_VAR_", "DROVER_VAR_"] {
                guard let text = inputs.environment[prefix + name] else { continue }
                values[name] = value(of: text, for: declaration, from: prefix + name) ?? values[name]
            }
        }
        for file in inputs.files { apply(file, isStrict: inputs.isStrict, to: &values) }
        for (name, text) in inputs.flags {
            guard let declaration = declarations[name] else {
                reportUndeclared(name, "-var flag", at: nil, isError: true)
                continue
            }
            values[name] = value(of: text, for: declaration, from: "-var \(name)") ?? values[name]
        }
        for (name, declaration) in declarations.sorted(by: { Value.precedes($0.key, $1.key) }) {
            if values[name] == nil {
                context.report(
                    "Unset variable",
                    "The variable \"\(name)\" has no default and must be set: -var \"\(name)=…\", a variable file, "
                        + "or NOMAD_VAR_\(name) in the environment.", at: declaration.range)
            }
        }
        validate(values)
        return values
    }

    /// Text from a flag or the environment: taken as it is for a string, else read as an expression.
    private func value(of text: String, for declaration: Declaration, from origin: String) -> Value? {
        do throws(Diagnostic) {
            var value = Value.string(text)
            if !declaration.type.isText {
                let file = SourceFile(name: origin, bytes: Array(text.utf8))
                let expression = try Parser.parseExpression(file, limits: limits)
                value = try Evaluator(limits: limits).evaluate(expression)
            }
            return try converted(value, declaration, at: nil, origin)
        } catch {
            context.report(error)
            return nil
        }
    }

    private func converted(
        _ value: Value, _ declaration: Declaration, at range: SourceRange?, _ origin: String
    ) throws(Diagnostic) -> Value {
        do throws(FunctionError) {
            return try declaration.type.convert(value)
        } catch {
            throw Diagnostic(
                "Invalid value for variable",
                "The value from \(origin) does not fit the variable \"\(declaration.name)\": \(error.message)",
                at: range)
        }
    }

    private func apply(_ file: JobInputs.File, isStrict: Bool, to values: inout [String: Value]) {
        do throws(Diagnostic) {
            let source = SourceFile(name: file.name, bytes: file.text)
            let body =
                try file.name.hasSuffix(".json")
                ? Parser.parseJSON(source, limits: limits) : Parser.parse(source, limits: limits)
            if let block = body.blocks.first {
                throw Diagnostic(
                    "Unexpected block", "A variable file holds only name = value lines, no blocks.",
                    at: block.headerRange)
            }
            let evaluator = Evaluator(limits: limits)
            for attribute in body.attributes {
                guard let declaration = declarations[attribute.name] else {
                    reportUndeclared(attribute.name, "variable file", at: attribute.nameRange, isError: isStrict)
                    continue
                }
                let value = try evaluator.evaluate(attribute.expression)
                values[attribute.name] = try converted(value, declaration, at: attribute.expression.range, file.name)
            }
        } catch {
            context.report(error)
        }
    }

    private func reportUndeclared(_ name: String, _ origin: String, at range: SourceRange?, isError: Bool) {
        let names = declarations.keys.sorted(by: Value.precedes)
        context.report(
            Diagnostic(
                severity: isError ? .error : .warning, "Undefined variable",
                "The \(origin) sets \"\(name)\", which the job file does not declare."
                    + Suggestion.text(for: name, among: names), at: range))
    }

    private func validate(_ values: [String: Value]) {
        context.evaluator.variables["var"] = .object(values)
        for (name, declaration) in declarations.sorted(by: { Value.precedes($0.key, $1.key) }) {
            for validation in declaration.validations {
                let condition = validation.attribute("condition")
                let message = validation.required("error_message")
                validation.finish()
                guard let condition, values[name] != nil else { continue }
                switch validation.any("condition")?.asBool {
                case true?: break
                case false?:
                    context.report(
                        "Invalid value for variable", "The variable \"\(name)\" was refused: \(message)",
                        at: declaration.range)
                case nil:
                    context.report(
                        "Invalid validation", "The condition must be true or false.", at: condition.expression.range)
                }
            }
        }
    }
}
