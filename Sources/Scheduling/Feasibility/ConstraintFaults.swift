package import Model

/// What is wrong with a job's constraints, affinities and spreads beyond their form: no node could ever meet them.
package enum ConstraintFaults {
    /// A sentence for each fault: an attribute of no known kind, a pattern or version that cannot be read.
    package static func of(_ job: Job) -> [String] {
        var faults = check(job.constraints, job.affinities, "job") + check(job.spreads, "job")
        for group in job.taskGroups {
            let place = "group \"\(group.name)\""
            faults += check(group.constraints, group.affinities, place) + check(group.spreads, place)
            for task in group.tasks {
                let place = "\(place): task \"\(task.name)\""
                faults += check(task.constraints, task.affinities, place)
                for device in task.resources?.devices ?? [] {
                    faults += check(device, "\(place): device \"\(device.name)\"")
                }
            }
        }
        return faults
    }

    private static func check(_ constraints: [Constraint], _ affinities: [Affinity], _ place: String) -> [String] {
        constraints.compactMap { fault($0.lTarget, $0.operand, $0.rTarget).map { "\(place): constraint \($0)" } }
            + affinities.compactMap { fault($0.lTarget, $0.operand, $0.rTarget).map { "\(place): affinity \($0)" } }
    }

    private static func check(_ spreads: [Spread], _ place: String) -> [String] {
        spreads.compactMap { unknown($0.attribute).map { "\(place): spread \($0)" } }
    }

    /// A device's own conditions name `device.` attributes, of which any may come up: only what they ask can be wrong.
    private static func check(_ device: RequestedDevice, _ place: String) -> [String] {
        device.constraints.compactMap { unreadable($0.operand, $0.rTarget).map { "\(place): constraint \($0)" } }
            + device.affinities.compactMap { unreadable($0.operand, $0.rTarget).map { "\(place): affinity \($0)" } }
    }

    private static func fault(_ left: String, _ operand: String, _ right: String) -> String? {
        unknown(left) ?? unknown(right) ?? unreadable(operand, right)
    }

    private static func unknown(_ text: String) -> String? {
        guard case .unknown(let name) = NodeTarget(text) else { return nil }
        return "names \"${\(name)}\", which no node has: use attr., meta., node. or alloc.meta. before a name"
    }

    private static func unreadable(_ operand: String, _ right: String) -> String? {
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
