extension Evaluator {
    func list(_ items: [Expression], at range: SourceRange) throws(Diagnostic) -> Value {
        var values: [Value] = []
        values.reserveCapacity(items.count)
        for item in items { values.append(try value(of: item)) }
        return try kept(.list(values), at: range)
    }

    func object(_ members: [ObjectMember], at range: SourceRange) throws(Diagnostic) -> Value {
        var values: [String: Value] = [:]
        for member in members {
            let key: String
            // A bare name is the key itself, even one that is also a variable.
            if case .reference(let name, let steps) = member.key.kind, steps.isEmpty {
                key = name
            } else {
                key = try objectKey(member.key)
            }
            values[key] = try value(of: member.value)
        }
        return try kept(.object(values), at: range)
    }

    private func objectKey(_ expression: Expression) throws(Diagnostic) -> String {
        let value = try value(of: expression)
        guard let key = value.asString else {
            throw Diagnostic(
                "Incorrect key type", "An object key must be a string, not \(value.typeName).", at: expression.range)
        }
        return key
    }

    func forList(_ clause: ForClause, _ expression: Expression, at range: SourceRange) throws(Diagnostic) -> Value {
        var results: [Value] = []
        try forEach(clause) { () throws(Diagnostic) in results.append(try value(of: expression)) }
        return try kept(.list(results), at: range)
    }

    func forObject(
        _ clause: ForClause, _ key: Expression, _ expression: Expression, _ groups: Bool, at range: SourceRange
    ) throws(Diagnostic) -> Value {
        var single: [String: Value] = [:]
        var grouped: [String: [Value]] = [:]
        try forEach(clause) { () throws(Diagnostic) in
            let name = try objectKey(key)
            let result = try value(of: expression)
            if groups {
                grouped[name, default: []].append(result)
            } else if single.updateValue(result, forKey: name) != nil {
                throw Diagnostic(
                    "Duplicate object key",
                    "Two elements have the key \"\(name)\"; write \"...\" after the value to collect them in a list.",
                    at: key.range)
            }
        }
        return try kept(.object(groups ? grouped.mapValues { .list($0) } : single), at: range)
    }

    /// Runs `work` for each element that meets the condition, with the names of the clause bound.
    private func forEach(_ clause: ForClause, _ work: () throws(Diagnostic) -> Void) throws(Diagnostic) {
        let pairs = try elements(of: clause.collection)
        for (key, element) in pairs {
            try charged(clause.collection.range) { (budget) throws(FunctionError) in try budget.charge(16) }
            try bound(clause.keyName, key, clause.valueName, element) { () throws(Diagnostic) in
                if let condition = clause.condition {
                    let test = try value(of: condition)
                    guard let flag = test.asBool else {
                        throw Diagnostic(
                            "Invalid condition", "The condition of \"for\" must be a bool, but is \(test.typeName).",
                            at: condition.range)
                    }
                    guard flag else { return }
                }
                try work()
            }
        }
    }

    /// Keys and values of a list or object, in order.
    func elements(of collection: Expression) throws(Diagnostic) -> [(Value, Value)] {
        switch try value(of: collection) {
        case .list(let items): return items.enumerated().map { (.int($0.offset), $0.element) }
        case .object(let members): return members.sortedByKey.map { (.string($0.key), $0.value) }
        case let other:
            throw Diagnostic(
                "Iteration over non-iterable value", "Only a list, map or object has elements, not \(other.typeName).",
                at: collection.range)
        }
    }

    func bound(
        _ keyName: String?, _ key: Value, _ valueName: String, _ element: Value,
        _ work: () throws(Diagnostic) -> Void
    ) throws(Diagnostic) {
        let depth = bindings.count
        if let keyName { bindings.append((keyName, key)) }
        bindings.append((valueName, element))
        defer { bindings.removeSubrange(depth...) }
        try work()
    }

    // MARK: Templates

    func text(of parts: [TemplatePart], at range: SourceRange) throws(Diagnostic) -> String {
        var out = ""
        try append(parts, to: &out, range)
        return out
    }

    private func append(_ parts: [TemplatePart], to out: inout String, _ range: SourceRange) throws(Diagnostic) {
        for part in parts {
            switch part {
            case .literal(let text): try append(text, to: &out, range)
            case .interpolation(let expression):
                let value = try value(of: expression)
                guard let text = value.asString else {
                    throw Diagnostic(
                        "Invalid template interpolation value",
                        "A \(value.typeName) cannot be put into a string; use join or jsonencode for collections.",
                        at: expression.range)
                }
                try append(text, to: &out, expression.range)
            case .conditional(let condition, let then, let otherwise):
                let test = try value(of: condition)
                guard let flag = test.asBool else {
                    throw Diagnostic(
                        "Incorrect condition type", "The condition must be a bool, but is \(test.typeName).",
                        at: condition.range)
                }
                try append(flag ? then : otherwise, to: &out, range)
            case .loop(let keyName, let valueName, let collection, let content):
                for (key, element) in try elements(of: collection) {
                    try append("", to: &out, collection.range)
                    try bound(keyName, key, valueName, element) { () throws(Diagnostic) in
                        try append(content, to: &out, range)
                    }
                }
            }
        }
    }

    private func append(_ text: String, to out: inout String, _ range: SourceRange) throws(Diagnostic) {
        try charged(range) { (budget) throws(FunctionError) in try budget.charge(8 + text.utf8.count) }
        out += text
    }
}
