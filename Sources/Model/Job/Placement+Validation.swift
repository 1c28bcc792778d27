extension Constraint {
    /// Operators that a constraint or affinity may use.
    static let operators: Set<String> = [
        "=", "==", "is", "!=", "not", ">", ">=", "<", "<=", "version", "semver", "regexp", "set_contains",
        "set_contains_all", "set_contains_any", "is_set", "is_not_set", "distinct_hosts", "distinct_property",
    ]

    func validate() -> [String] {
        var faults: [String] = []
        if operand.isEmpty { faults.append("Missing constraint operand") }
        if !operand.isEmpty, !Self.operators.contains(operand) {
            faults.append("Unknown constraint type \"\(operand)\"")
        }
        switch operand {
        case "distinct_hosts": break
        case "distinct_property":
            if let count = Int(rTarget), count < 1 {
                faults.append("Distinct Property must have an allowed count of 1 or greater: \(count) < 1")
            } else if !rTarget.isEmpty, Int(rTarget) == nil {
                faults.append("Failed to convert RTarget \"\(rTarget)\" to uint64")
            }
            if lTarget.isEmpty { faults.append("No LTarget provided but is required by constraint") }
        case "is_set", "is_not_set":
            if lTarget.isEmpty { faults.append("No LTarget provided but is required by constraint") }
            if !rTarget.isEmpty { faults.append("Operator \"\(operand)\" does not support an RTarget") }
        case "regexp", "version", "semver", "set_contains", "set_contains_all", "set_contains_any":
            if lTarget.isEmpty { faults.append("No LTarget provided but is required by constraint") }
            if rTarget.isEmpty {
                faults.append("Operator \"\(operand)\" requires an RTarget")
            }
        default:
            if lTarget.isEmpty, rTarget.isEmpty { faults.append("No LTarget provided but is required by constraint") }
            if lTarget.isEmpty != rTarget.isEmpty, lTarget.isEmpty {
                faults.append("No LTarget provided but is required by constraint")
            }
        }
        return faults
    }
}

extension Affinity {
    func validate() -> [String] {
        var constraint = Constraint()
        (constraint.lTarget, constraint.rTarget, constraint.operand) = (lTarget, rTarget, operand)
        var faults = constraint.validate()
        if operand.hasPrefix("distinct_") { faults.append("Unknown affinity operator \"\(operand)\"") }
        let weight = weight ?? 50
        if weight == 0 { faults.append("Affinity weight cannot be zero") }
        if !(-100...100).contains(weight) { faults.append("Affinity weight must be within the range [-100,100]") }
        return faults
    }
}

extension Spread {
    func validate() -> [String] {
        var faults: [String] = []
        if attribute.isEmpty { faults.append("Missing spread attribute") }
        if !(1...100).contains(weight ?? 50) {
            faults.append("Spread block must have a positive weight from 0 to 100")
        }
        var total = 0
        var seen: Set<String> = []
        for target in spreadTarget {
            if !seen.insert(target.value).inserted {
                faults.append("Spread target value \"\(target.value)\" already defined")
            }
            if !(0...100).contains(target.percent) {
                faults.append("Spread target percentage for value \"\(target.value)\" must be between 0 and 100")
            }
            total &+= target.percent
        }
        if total > 100 {
            faults.append("Sum of spread target percentages must not be greater than 100%; got \(total)%")
        }
        return faults
    }
}
