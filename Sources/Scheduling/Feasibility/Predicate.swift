package import Model

/// A constraint or affinity made ready to be asked of many nodes: operator read, patterns and versions compiled.
///
/// A condition that cannot be met by any node, such as a pattern that does not compile, is false everywhere.
package struct Predicate: Sendable {
    /// As shown in `ConstraintFiltered`: `${attr.kernel.name} = linux`.
    package let label: String
    package let isEscaped: Bool
    /// The label of other jobs' allocations that it is about; nil when it is about the node itself.
    let neighbourKey: String?
    private let left: NodeTarget
    private let right: NodeTarget
    private let test: Test

    private enum Test: Sendable {
        case compare(ConstraintOperator)
        case pattern(Pattern)
        case version(VersionConstraint, strict: Bool)
        /// The right side names an attribute, so it is read for every node.
        case dynamic(ConstraintOperator)
        case never
    }

    package init(_ constraint: Constraint) {
        self.init(constraint.lTarget, constraint.operand, constraint.rTarget)
    }

    package init(_ affinity: Affinity) {
        self.init(affinity.lTarget, affinity.operand, affinity.rTarget)
    }

    private init(_ leftText: String, _ operand: String, _ rightText: String) {
        let shown = operand.isEmpty ? "=" : operand
        label = rightText.isEmpty ? "\(leftText) \(shown)" : "\(leftText) \(shown) \(rightText)"
        left = NodeTarget(leftText)
        right = NodeTarget(rightText)
        isEscaped = left.isEscaped || right.isEscaped
        if case .neighbourMeta(let key) = left { neighbourKey = key } else { neighbourKey = nil }
        test = Self.test(operand, right)
    }

    private static func test(_ operand: String, _ right: NodeTarget) -> Test {
        guard let comparison = ConstraintOperator(spelling: operand) else { return .never }
        switch comparison {
        case .regexp, .version, .semver:
            guard case .literal(let text) = right else { return .dynamic(comparison) }
            return compiled(comparison, text)
        default: return .compare(comparison)
        }
    }

    private static func compiled(_ comparison: ConstraintOperator, _ text: String) -> Test {
        if comparison == .regexp { return Pattern(text).map(Test.pattern) ?? .never }
        let strict = comparison == .semver
        return VersionConstraint(text, strict: strict).map { .version($0, strict: strict) } ?? .never
    }

    /// Whether the node meets the condition.
    package func holds(on node: Node) -> Bool {
        holds(left.value(of: node), right.value(of: node))
    }

    package func holds(_ left: String?, _ right: String?) -> Bool {
        switch test {
        case .never: false
        case .compare(let comparison): Self.compare(comparison, left, right)
        case .pattern(let pattern): left.map(pattern.matches) ?? false
        case .version(let constraint, let strict):
            left.flatMap { Version($0, strict: strict) }.map(constraint.allows) ?? false
        case .dynamic(let comparison): Self.dynamic(comparison, left, right)
        }
    }

    /// The node's value of what the condition is about.
    func value(on node: Node) -> String? { left.value(of: node) }

    /// Whether a node with these values of a label meets the condition: one value does, or for `!=` and `is_not_set` none
    /// does harm.
    func holds(onNeighbours values: [String], of node: Node) -> Bool {
        let right = right.value(of: node)
        switch test {
        case .compare(.notEqual): return values.allSatisfy { $0 != right }
        case .compare(.isNotSet): return values.isEmpty
        default: return values.contains { holds($0, right) }
        }
    }

    /// The same for a node as a whole, whatever the condition is about.
    func holds(on node: Node, _ row: NodeRow, _ neighbours: NeighbourLabels) -> Bool {
        guard let neighbourKey else { return holds(on: node) }
        return holds(onNeighbours: neighbours.values(neighbourKey, on: row), of: node)
    }

    private static func dynamic(_ comparison: ConstraintOperator, _ left: String?, _ right: String?) -> Bool {
        guard let left, let right else { return false }
        switch compiled(comparison, right) {
        case .pattern(let pattern): return pattern.matches(left)
        case .version(let constraint, let strict):
            return Version(left, strict: strict).map(constraint.allows) ?? false
        case .compare, .dynamic, .never: return false
        }
    }

    private static func compare(_ comparison: ConstraintOperator, _ left: String?, _ right: String?) -> Bool {
        switch comparison {
        case .isSet: return left != nil
        case .isNotSet: return left == nil
        case .notEqual: return left != right
        case .distinctHosts, .distinctProperty: return true
        default: break
        }
        guard let left, let right else { return false }
        switch comparison {
        case .equal: return left == right
        case .greater: return order(left, right) > 0
        case .atLeast: return order(left, right) >= 0
        case .less: return order(left, right) < 0
        case .atMost: return order(left, right) <= 0
        case .setContains: return set(right).isSubset(of: set(left))
        case .setContainsAny: return !set(right).isDisjoint(with: set(left))
        default: return false
        }
    }

    /// Whole numbers compare as such, then decimal ones, and all else by bytes.
    private static func order(_ left: String, _ right: String) -> Int {
        if let a = Int64(left), let b = Int64(right) { return a < b ? -1 : a > b ? 1 : 0 }
        if let a = Double(left), let b = Double(right) { return a < b ? -1 : a > b ? 1 : 0 }
        return left < right ? -1 : left > right ? 1 : 0
    }

    /// The comma-separated members, trimmed.
    private static func set(_ text: String) -> Set<Substring> {
        Set(
            text.split(separator: ",").map { part in
                var member = part.drop { $0 == " " || $0 == "\t" }
                while member.last == " " || member.last == "\t" { member.removeLast() }
                return member
            })
    }
}
