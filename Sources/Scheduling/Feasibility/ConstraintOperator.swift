/// How a constraint compares its two sides (Nomad docs: constraint).
package enum ConstraintOperator: String, CaseIterable, Sendable {
    case equal = "="
    case notEqual = "!="
    case greater = ">"
    case atLeast = ">="
    case less = "<"
    case atMost = "<="
    case version
    case semver
    case regexp
    case setContains = "set_contains"
    case setContainsAny = "set_contains_any"
    case isSet = "is_set"
    case isNotSet = "is_not_set"
    case distinctHosts = "distinct_hosts"
    case distinctProperty = "distinct_property"

    /// Reads any accepted spelling; empty text is `=`.
    package init?(spelling: String) {
        switch spelling {
        case "", "=", "==", "is": self = .equal
        case "!=", "not": self = .notEqual
        case "set_contains_all": self = .setContains
        default:
            guard let known = ConstraintOperator(rawValue: spelling) else { return nil }
            self = known
        }
    }

    /// It limits the job's own allocations rather than asking something of one node.
    package var isAboutSiblings: Bool { self == .distinctHosts || self == .distinctProperty }
}
