package import Basics

/// A boolean expression over one listed object, in the language of the API's `filter` parameter (go-bexpr).
///
/// ```
/// Status == "running" and not (Type in `batch sysbatch`) or Meta["team"] matches "^core-"
/// ```
/// Comparisons: `==`, `!=`, `in`, `not in`, `contains`, `not contains`, `matches`, `not matches`, `is empty`, `is not
/// empty`; combined with `not`, `and`, `or` (binding in that order) and parentheses. A selector is a field name
/// followed by `.Name`, `["key"]` or `[0]`, or a JSON pointer in quotes. Immutable: read once, then ask for every
/// object.
package struct FilterExpression: Sendable {
    /// Longer expressions are refused.
    package static let bytesMax = 4096
    /// Deeper nesting of `not` and parentheses is refused.
    package static let depthMax = 64

    let root: Node

    /// - Throws: ``FilterError`` with the column for text that is no expression, or is beyond a limit.
    package init(_ text: String) throws(FilterError) {
        var parser = FilterParser(text)
        root = try parser.expression()
    }

    /// Whether `object` satisfies the expression.
    ///
    /// A missing field of the object itself is an error, as a misspelt name would otherwise silently match nothing;
    /// what is missing further in (a key of a map) compares as absent: only `!=`, `not ...` and `is empty` hold for it.
    /// - Throws: ``FilterError`` for a field that does not exist or a value that cannot be compared with it.
    package func matches(_ object: JSON) throws(FilterError) -> Bool { try root.evaluate(object) }

    indirect enum Node: Sendable {
        case and(Node, Node)
        case or(Node, Node)
        case not(Node)
        case match(Match)
    }

    /// One comparison.
    struct Match: Sendable {
        var selector: Selector
        var comparison: Comparison
        /// The comparison's `not` form.
        var negated: Bool
    }

    enum Comparison: Sendable {
        case equal(String)
        /// The selected list, map or text has the value.
        case contains(String)
        case matches(Pattern)
        case isEmpty
    }

    /// A path into an object.
    struct Selector: Sendable, CustomStringConvertible {
        var parts: [String]

        var description: String { parts.joined(separator: ".") }
    }
}

extension FilterExpression.Node {
    func evaluate(_ object: JSON) throws(FilterError) -> Bool {
        switch self {
        case .and(let left, let right): return try left.evaluate(object) ? try right.evaluate(object) : false
        case .or(let left, let right): return try left.evaluate(object) ? true : try right.evaluate(object)
        case .not(let inner): return try !inner.evaluate(object)
        case .match(let match): return try match.evaluate(object)
        }
    }
}

extension FilterExpression.Selector {
    /// The value at the path, or nil when a part beyond the first is absent.
    func find(in object: JSON) throws(FilterError) -> JSON? {
        var value = object
        for (depth, part) in parts.enumerated() {
            switch value {
            case .object(let members):
                guard let member = members[part] else {
                    guard depth > 0 else { throw unknown(part, among: members.keys) }
                    return nil
                }
                value = member
            case .array(let items):
                guard let index = Int(part), items.indices.contains(index) else { return nil }
                value = items[index]
            case .null: return nil
            default:
                let path = parts[..<depth].joined(separator: ".")
                throw FilterError(message: "\(path) is \(value.kindName) and has no part \"\(part)\"")
            }
        }
        return value
    }

    private func unknown(_ name: String, among keys: [String]) -> FilterError {
        FilterError(message: "no field \"\(name)\"; the fields are \(keys.sorted().joined(separator: ", "))")
    }
}

extension FilterExpression.Match {
    func evaluate(_ object: JSON) throws(FilterError) -> Bool {
        guard let value = try selector.find(in: object) else {
            if case .isEmpty = comparison { return !negated }
            return negated
        }
        return try holds(for: value) != negated
    }

    private func holds(for value: JSON) throws(FilterError) -> Bool {
        switch comparison {
        case .equal(let text): return try equal(value, text)
        case .contains(let text): return try contains(value, text)
        case .matches(let pattern):
            switch value {
            case .string(let text): return pattern.matches(text)
            case .null: return false
            default: throw FilterError(message: "\(selector) is \(value.kindName); \"matches\" needs a string")
            }
        case .isEmpty:
            switch value {
            case .null: return true
            case .string(let text): return text.isEmpty
            case .array(let items): return items.isEmpty
            case .object(let members): return members.isEmpty
            default:
                throw FilterError(message: "\(selector) is \(value.kindName); \"is empty\" needs a list, map or string")
            }
        }
    }

    private func equal(_ value: JSON, _ text: String) throws(FilterError) -> Bool {
        switch value {
        case .null: return false
        case .string(let own): return own == text
        case .bool(let own):
            switch text {
            case "true", "1", "t", "T", "TRUE", "True": return own
            case "false", "0", "f", "F", "FALSE", "False": return !own
            default:
                throw FilterError(message: "\(selector) is a boolean; compare it with true or false, not \"\(text)\"")
            }
        case .integer(let own):
            if let number = Int64(text) { return own == number }
            guard let number = Double(text) else { throw notANumber(text) }
            return Double(own) == number
        case .number(let own):
            guard let number = Double(text) else { throw notANumber(text) }
            return own == number
        case .array, .object:
            throw FilterError(
                message: "\(selector) is \(value.kindName); compare one of its parts, or use \"contains\"")
        }
    }

    private func contains(_ value: JSON, _ text: String) throws(FilterError) -> Bool {
        switch value {
        case .null: return false
        case .string(let own): return own.utf8.containsRun(of: text.utf8)
        case .object(let members): return members[text] != nil
        case .array(let items):
            for item in items where try equal(item, text) { return true }
            return false
        default:
            throw FilterError(message: "\(selector) is \(value.kindName); \"contains\" needs a list, map or string")
        }
    }

    private func notANumber(_ text: String) -> FilterError {
        FilterError(message: "\(selector) is a number and cannot be compared with \"\(text)\"")
    }
}

extension String.UTF8View {
    /// Whether `run` appears as consecutive bytes.
    fileprivate func containsRun(of run: String.UTF8View) -> Bool {
        let own = Array(self)
        let wanted = Array(run)
        guard wanted.count <= own.count else { return false }
        return (0...(own.count - wanted.count)).contains { start in
            own[start..<(start + wanted.count)].elementsEqual(wanted)
        }
    }
}
