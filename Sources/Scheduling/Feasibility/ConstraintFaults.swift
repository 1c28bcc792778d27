package import Model

/// What is wrong with a job's constraints and affinities beyond their form: no node could ever meet them.
package enum ConstraintFaults {
    /// A sentence for each fault: an attribute of no known kind, a pattern or version that cannot be read.
    package static func of(_ job: Job) -> [String] {
        var faults = check(job.constraints, job.affinities, "job")
        for group in job.taskGroups {
            faults += check(group.constraints, group.affinities, "group \"\(group.name)\"")
            for task in group.tasks {
                faults += check(
                    task.constraints, task.affinities, "group \"\(group.name)\": task \"\(task.name)\"")
            }
        }
        return faults
    }

    private static func check(_ constraints: [Constraint], _ affinities: [Affinity], _ place: String) -> [String] {
        constraints.compactMap { fault($0.lTarget, $0.operand, $0.rTarget).map { "\(place): constraint \($0)" } }
            + affinities.compactMap { fault($0.lTarget, $0.operand, $0.rTarget).map { "\(place): affinity \($0)" } }
    }

    private static func fault(_ left: String, _ operand: String, _ right: String) -> String? {
        for text in [left, right] {
            guard case .unknown(let name) = NodeTarget(text) else { continue }
            return "names \"${\(name)}\", which no node has: use attr., meta., node. or alloc.meta. before a name"
        }
        guard case .literal(let text) = NodeTarget(right) else { return nil }
        switch ConstraintOperator(spelling: operand) {
        case .regexp: return Pattern(text) == nil ? "has a regular expression that does not compile: \"\(text)\"" : nil
        case .version: return unreadable(text, strict: false)
        case .semver: return unreadable(text, strict: true)
        default: return nil
        }
    }

    private static func unreadable(_ text: String, strict: Bool) -> String? {
        VersionConstraint(text, strict: strict) == nil
            ? "has a version condition that cannot be read: \"\(text)\"" : nil
    }
}
