extension BodyReader {
    /// Expands `dynamic "name" { for_each … iterator … labels … content { } }` to one reader an element.
    ///
    /// Source: HCL, extension "Dynamic Blocks". The iterator (the block's name unless given) has `key` and `value`.
    /// Each element costs a kilobyte of the evaluation budget, the rough size of what a block turns into.
    /// Any number of labels will do when `labels` is nil.
    func expand(_ block: Block, as name: String, _ labels: [String]?) -> [BodyReader] {
        let reader = BodyReader(
            block.body, range: block.headerRange, title: "block \"dynamic\"", context: context, bindings: bindings)
        let iterator = reader.iteratorName() ?? name
        let source = reader.attribute("for_each")
        let labelExpressions = reader.labelExpressions()
        let contents = reader.body.blocks.filter { $0.type == "content" }
        reader.knownBlocks.insert("content")
        reader.finish()
        guard let source, contents.count == 1 else {
            context.report(
                "Invalid dynamic block", "A dynamic block needs \"for_each\" and exactly one \"content\" block.",
                at: block.headerRange)
            return []
        }
        if let labels, labels.count != labelExpressions.count {
            context.report(
                "Invalid dynamic block",
                "A \"\(name)\" block has \(labels.count) labels; give as many expressions in labels = […].",
                at: block.headerRange)
            return []
        }
        var readers: [BodyReader] = []
        for (key, value) in elements(of: source) {
            let bound = bindings + [(iterator, .object(["key": key, "value": value]))]
            var texts: [String] = []
            for expression in labelExpressions {
                guard let text = label(expression, bound) else { return readers }
                texts.append(text)
            }
            readers.append(
                BodyReader(
                    contents[0].body, labels: texts, labelRanges: labelExpressions.map(\.range),
                    range: block.headerRange, title: "block \"\(name)\"", context: context, bindings: bound))
        }
        return readers
    }

    private func iteratorName() -> String? {
        guard let attribute = attribute("iterator") else { return nil }
        if case .reference(let root, let steps) = attribute.expression.kind, steps.isEmpty { return root }
        context.report("Invalid iterator", "The iterator must be a bare name.", at: attribute.expression.range)
        return nil
    }

    private func labelExpressions() -> [Expression] {
        guard let attribute = attribute("labels") else { return [] }
        if case .list(let items) = attribute.expression.kind { return items }
        context.report("Invalid labels", "The labels must be a list: labels = […].", at: attribute.expression.range)
        return []
    }

    private func elements(of source: Attribute) -> [(Value, Value)] {
        do throws(Diagnostic) {
            let value = try context.evaluator.evaluate(source.expression, bindings: bindings)
            let count: Int
            switch value {
            case .list(let items): count = items.count
            case .object(let members): count = members.count
            default: count = 0
            }
            try context.evaluator.charged(source.expression.range) { (budget) throws(FunctionError) in
                try budget.charge(product: 1024, count)
            }
            switch value {
            case .list(let items): return items.enumerated().map { (.int($0.offset), $0.element) }
            case .object(let members): return members.sortedByKey.map { (.string($0.key), $0.value) }
            default:
                throw Diagnostic(
                    "Invalid dynamic for_each value", "A list, map or object is required, not \(value.typeName).",
                    at: source.expression.range)
            }
        } catch {
            context.report(error)
            return []
        }
    }

    private func label(_ expression: Expression, _ bound: [Evaluator.Binding]) -> String? {
        do throws(Diagnostic) {
            let value = try context.evaluator.evaluate(expression, bindings: bound)
            if let text = value.asString { return text }
            throw Diagnostic(
                "Invalid label", "A label must be a string, not \(value.typeName).", at: expression.range)
        } catch {
            context.report(error)
            return nil
        }
    }
}
