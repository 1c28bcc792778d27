import HCL

/// The `locals` blocks: named values that may refer to variables and to one another in any order.
struct LocalValues {
    let reader: BodyReader
    let context: ReadingContext

    /// Evaluates all locals in the order of their references and puts them in scope as `local`.
    ///
    /// The order is found without recursion (Kahn), so a chain of ten thousand locals is as safe as one of two.
    func evaluate() {
        var attributes: [String: Attribute] = [:]
        var names: [String] = []
        for block in reader.blocks("locals") {
            for attribute in block.body.attributes {
                if attributes.updateValue(attribute, forKey: attribute.name) != nil {
                    context.report(
                        "Duplicate local", "The local \"\(attribute.name)\" is defined twice.", at: attribute.nameRange)
                } else {
                    names.append(attribute.name)
                }
                _ = block.attribute(attribute.name)
            }
            block.finish()
        }
        var values: [String: Value] = [:]
        context.evaluator.variables["local"] = .object([:])
        for name in order(names, attributes) {
            guard let attribute = attributes[name] else { continue }
            var value = Value.null
            do throws(Diagnostic) {
                value = try context.evaluator.evaluate(attribute.expression)
            } catch {
                context.report(error)
            }
            // Taken out and put back, so that the dictionary grows in place instead of being copied each time.
            context.evaluator.variables["local"] = nil
            values[name] = value
            context.evaluator.variables["local"] = .object(values)
        }
    }

    private func order(_ names: [String], _ attributes: [String: Attribute]) -> [String] {
        var waitingFor: [String: Int] = [:]
        var dependants: [String: [String]] = [:]
        for name in names {
            var needs: Set<String> = []
            attributes[name]?.expression.forEachReference { root, attribute, _ in
                guard root == "local", let attribute, attributes[attribute] != nil else { return }
                needs.insert(attribute)
            }
            waitingFor[name] = needs.count
            for need in needs { dependants[need, default: []].append(name) }
        }
        var ready = names.filter { waitingFor[$0] == 0 }
        var next = 0
        while next < ready.count {
            for dependant in (dependants[ready[next]] ?? []).sorted(by: Value.precedes) {
                waitingFor[dependant, default: 0] -= 1
                if waitingFor[dependant] == 0 { ready.append(dependant) }
            }
            next += 1
        }
        let done = Set(ready)
        for name in names where !done.contains(name) {
            context.report(
                "Circular reference", "The local \"\(name)\" needs its own value.", at: attributes[name]?.nameRange)
        }
        return ready
    }
}
