extension BodyReader {
    /// The blocks of a type in source order, those made by `dynamic` among them.
    ///
    /// - Parameters:
    ///   - name: the block type.
    ///   - labels: what each label is called, for messages.
    ///   - optional: whether labels may be left out.
    /// - Returns: a reader for each block; empty when there is none or all are at fault.
    package func blocks(_ name: String, labels: [String] = [], optional: Bool = false) -> [BodyReader] {
        knownBlocks.insert(name)
        var readers: [BodyReader] = []
        for block in body.blocks {
            if block.type == name {
                readers += readersOf(block, labels, optional)
            } else if context.dialect == .native, block.type == "dynamic", block.labels.first == name {
                readers += expand(block, as: name, labels)
            }
        }
        if context.dialect == .relaxed, let attribute = attribute(name) {
            for body in bodies(of: attribute.expression, name) {
                readers += labelled(body, Labels([], [], attribute.nameRange), name, labels.count, optional)
            }
        }
        return readers
    }

    /// The only block of a type; a second one is reported.
    package func block(_ name: String, labels: [String] = []) -> BodyReader? {
        let all = blocks(name, labels: labels)
        if all.count > 1 {
            context.report(
                "Duplicate block", "Only one \"\(name)\" block is allowed in \(title).", at: all[1].range)
        }
        return all.first
    }

    private func readersOf(_ block: Block, _ labels: [String], _ optional: Bool) -> [BodyReader] {
        let given = Labels(block.labels, block.labelRanges, block.headerRange)
        if block.labels.count > labels.count {
            let allowed = labels.isEmpty ? "no label" : "only the label \(labels.joined(separator: ", "))"
            context.report(
                "Extraneous label", "A \"\(block.type)\" block takes \(allowed).", at: block.labelRanges[labels.count])
            return []
        }
        if context.dialect == .native, block.labels.count < labels.count, !optional {
            let missing = labels[block.labels.count]
            context.report(
                "Missing block label",
                "A \"\(block.type)\" block needs its \(missing): \(block.type) \"\(missing)\" { … }.",
                at: block.headerRange)
            return []
        }
        return labelled(block.body, given, block.type, labels.count, optional)
    }

    /// Labels gathered on the way down to a body.
    private struct Labels {
        var names: [String]
        var ranges: [SourceRange]
        var header: SourceRange

        init(_ names: [String], _ ranges: [SourceRange], _ header: SourceRange) {
            self.names = names
            self.ranges = ranges
            self.header = header
        }

        func adding(_ name: String, _ range: SourceRange) -> Labels {
            Labels(names + [name], ranges + [range], range)
        }
    }

    /// In the relaxed dialect missing labels are the keys of nested objects: `plugin { docker { … } }`.
    private func labelled(
        _ body: Body, _ given: Labels, _ name: String, _ count: Int, _ optional: Bool
    ) -> [BodyReader] {
        guard given.names.count < count, context.dialect == .relaxed, !optional else {
            return [
                BodyReader(
                    body, labels: given.names, labelRanges: given.ranges, range: given.header,
                    title: "block \"\(name)\"", context: context, bindings: bindings)
            ]
        }
        var readers: [BodyReader] = []
        for block in body.blocks {
            var labels = given.adding(block.type, block.typeRange)
            for (label, range) in zip(block.labels, block.labelRanges) { labels = labels.adding(label, range) }
            readers += labelled(block.body, labels, name, count, optional)
        }
        for attribute in body.attributes {
            for inner in bodies(of: attribute.expression, attribute.name) {
                readers += labelled(inner, given.adding(attribute.name, attribute.nameRange), name, count, optional)
            }
        }
        return readers
    }

    /// The bodies that an object, or a list of objects, written out in the source stands for.
    private func bodies(of expression: Expression, _ name: String) -> [Body] {
        if let body = Body(objectLiteral: expression) { return [body] }
        if case .list(let items) = expression.kind { return items.flatMap { bodies(of: $0, name) } }
        if case .literal(.null) = expression.kind { return [] }
        context.report("Incorrect value type", "\"\(name)\" must be a block or an object.", at: expression.range)
        return []
    }

    // MARK: Maps and free form

    /// A map of strings, written as a block or as `name = { … }`; several blocks are merged, later keys win.
    package func stringMap(_ name: String) -> [String: String]? {
        guard let members = freeForm(name) else { return nil }
        var map: [String: String] = [:]
        for (key, value) in members where value != .null {
            guard let text = value.asString else {
                mismatch("\(name).\(key)", "a string", value, at: placeOf(key, in: name) ?? range)
                continue
            }
            map[key] = text
        }
        return map
    }

    private func placeOf(_ key: String, in name: String) -> SourceRange? {
        for block in body.blocks where block.type == name {
            if let found = block.body.attributes.first(where: { $0.name == key }) { return found.expression.range }
        }
        return attribute(name)?.expression.range
    }

    /// An object of any shape, written as a block or as `name = { … }`. Blocks inside become lists of objects, one
    /// nested level a label; that is the form drivers' `config` has always had.
    package func freeForm(_ name: String) -> [String: Value]? {
        var result: [String: Value]?
        for block in blocksOrNone(name) { result = (result ?? [:]).merging(block.members()) { _, new in new } }
        guard context.dialect == .native, let (value, range) = value(name) else { return result }
        guard case .object(let members) = value else {
            mismatch(name, "a block or an object", value, at: range)
            return result
        }
        return (result ?? [:]).merging(members) { _, new in new }
    }

    /// In the relaxed dialect `blocks` has taken the attribute form already.
    private func blocksOrNone(_ name: String) -> [BodyReader] { blocks(name) }

    /// Everything in this body as values.
    package func members() -> [String: Value] {
        var members: [String: Value] = [:]
        for attribute in body.attributes {
            if let value = evaluate(attribute.expression) { members[attribute.name] = value }
        }
        var lists: [String: [Value]] = [:]
        for block in body.blocks {
            let isDynamic = context.dialect == .native && block.type == "dynamic" && block.labels.count == 1
            let name = isDynamic ? block.labels[0] : block.type
            guard members[name] == nil else {
                context.report(
                    "Ambiguous name", "\"\(name)\" is both an argument and a block here.", at: block.typeRange)
                continue
            }
            let readers =
                isDynamic
                ? expand(block, as: name, nil)
                : [
                    BodyReader(
                        block.body, labels: block.labels, range: block.headerRange, title: "block \"\(name)\"",
                        context: context, bindings: bindings)
                ]
            for reader in readers {
                var value = Value.object(reader.members())
                for label in reader.labels.reversed() { value = .object([label: .list([value])]) }
                lists[name, default: []].append(value)
            }
        }
        for (name, items) in lists { members[name] = .list(items) }
        return members
    }
}
