import Model

/// A constraint over something that a node or device has one value of, against a fixed text: as far as it is clear from both
/// texts which others it leaves no value for.
struct ExclusiveCondition {
    /// As ``Predicate/label``.
    let label: String
    private let target: String
    private let comparison: ConstraintOperator
    private let text: String

    /// Nil for a constraint that says nothing of one value: over siblings, neighbours, or two attributes.
    init?(_ constraint: Constraint) {
        guard let comparison = ConstraintOperator(spelling: constraint.operand), !comparison.isAboutSiblings,
            case .literal(let text) = NodeTarget(constraint.rTarget), Self.hasOneValue(constraint.lTarget)
        else { return nil }
        label = Predicate(constraint).label
        target = constraint.lTarget
        self.comparison = comparison
        self.text = text
    }

    private static func hasOneValue(_ target: String) -> Bool {
        switch NodeTarget(target) {
        case .literal, .neighbourMeta: false
        case .unknown: target.hasPrefix("${device.")
        default: true
        }
    }

    /// No value meets it.
    var isEmpty: Bool { versions?.isSatisfiable == false }

    /// No value meets both.
    func excludes(_ other: ExclusiveCondition) -> Bool {
        guard target == other.target else { return false }
        if rulesOut(other) || other.rulesOut(self) { return true }
        if let versions, let others = other.versions { return !versions.isSatisfiable(with: others) }
        return bounds(other)
    }

    private var versions: VersionConstraint? {
        switch comparison {
        case .version: VersionConstraint(text)
        case .semver: VersionConstraint(text, strict: true)
        default: nil
        }
    }

    /// Whether the condition, met, makes the other false.
    private func rulesOut(_ other: ExclusiveCondition) -> Bool {
        if other.comparison == .isNotSet { return comparison != .isNotSet && comparison != .notEqual }
        guard comparison == .equal, other.comparison != .isSet else { return false }
        let (value, bound) = comparable(other)
        var constraint = Constraint()
        (constraint.lTarget, constraint.operand, constraint.rTarget) = (value, other.comparison.rawValue, bound)
        return !Predicate(constraint).holds(value, bound)
    }

    /// Whether one is a lower bound and the other an upper one below it. Bounds that are numbers are taken to be for numbers;
    /// between a number and other text nothing is sure.
    private func bounds(_ other: ExclusiveCondition) -> Bool {
        let (lower, upper) = comparison.isLowerBound ? (self, other) : (other, self)
        guard lower.comparison.isLowerBound, upper.comparison.isUpperBound else { return false }
        let (least, most) = lower.comparable(upper)
        guard (Double(least) == nil) == (Double(most) == nil) else { return false }
        let isClosed = lower.comparison == .atLeast && upper.comparison == .atMost
        var constraint = Constraint()
        (constraint.lTarget, constraint.operand, constraint.rTarget) = (least, isClosed ? "<=" : "<", most)
        return !Predicate(constraint).holds(least, most)
    }

    /// Both texts, as conditions on a device's attribute compare them: in the same unit.
    private func comparable(_ other: ExclusiveCondition) -> (String, String) {
        guard target.hasPrefix("${device.") else { return (text, other.text) }
        let pair = DeviceAttributeValue.comparable(
            DeviceAttributeValue(text: text), DeviceAttributeValue(text: other.text))
        return (pair.0 ?? text, pair.1 ?? other.text)
    }
}

extension ConstraintOperator {
    fileprivate var isLowerBound: Bool { self == .greater || self == .atLeast }
    fileprivate var isUpperBound: Bool { self == .less || self == .atMost }
}
