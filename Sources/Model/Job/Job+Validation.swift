import Basics

extension Job {
    /// Checks a canonical job.
    ///
    /// - Parameter priorityMax: the highest priority the servers accept (`job_max_priority`), 100 unless configured.
    /// - Returns: what is wrong, one sentence each; empty when the job may be registered.
    public func validate(priorityMax: Int = 100) -> [String] {
        var faults = validateNames()
        if type.rawValue.isEmpty { faults.append("missing job type") }
        if type == .core { faults.append("job type cannot be core") }
        if !(1...priorityMax).contains(priority) {
            faults.append("job priority must be between [1, \(priorityMax)]")
        }
        if datacenters.isEmpty { faults.append("missing job datacenters") }
        if datacenters.contains("") { faults.append("job datacenter must be non-empty string") }
        if taskGroups.isEmpty { faults.append("missing job task groups") }
        faults += validatePlacement()
        faults += validateGroups()
        faults += validateSchedules()
        return faults
    }

    private func validateNames() -> [String] {
        var faults: [String] = []
        if region.isEmpty { faults.append("missing job region") }
        if namespace.isEmpty { faults.append("job must be in a namespace") }
        if id.isEmpty {
            faults.append("missing job ID")
        } else if id.contains(" ") {
            faults.append("job ID contains a space")
        } else if id.contains("\0") {
            faults.append("job ID contains a null character")
        } else if id.utf8.count > Self.nameBytesMax {
            faults.append("job ID is longer than \(Self.nameBytesMax) bytes")
        }
        if name.isEmpty {
            faults.append("missing job name")
        } else if name.contains("\0") {
            faults.append("job name contains a null character")
        }
        return faults
    }

    /// Bytes of an id or a name: they become parts of file names.
    static let nameBytesMax = 255

    private func validatePlacement() -> [String] {
        var faults: [String] = []
        for (index, constraint) in constraints.enumerated() {
            faults += constraint.validate().map { "constraint \(index + 1) validation failed: \($0)" }
        }
        if type.isEachNode {
            if !affinities.isEmpty { faults.append("\(type) jobs may not have an affinity block") }
            if !spreads.isEmpty { faults.append("\(type) jobs may not have a spread block") }
            if reschedule?.isActive == true { faults.append("\(type) jobs should not have a reschedule policy") }
            return faults
        }
        for (index, affinity) in affinities.enumerated() {
            faults += affinity.validate().map { "affinity \(index + 1) validation failed: \($0)" }
        }
        for (index, spread) in spreads.enumerated() {
            faults += spread.validate().map { "spread \(index + 1) validation failed: \($0)" }
        }
        return faults
    }

    private func validateGroups() -> [String] {
        var faults: [String] = []
        var seen: [String: Int] = [:]
        for (index, group) in taskGroups.enumerated() {
            if group.name.isEmpty {
                faults.append("job task group \(index + 1) missing name")
            } else if let earlier = seen[group.name] {
                faults.append("job task group \(index + 1) redefines '\(group.name)' from task group \(earlier + 1)")
            } else {
                seen[group.name] = index
            }
            if type == .system, (group.count ?? 1) > 1 {
                faults.append(
                    "job task group \(group.name) has count \(group.count ?? 1). "
                        + "Count cannot exceed 1 with system scheduler")
            }
            faults += group.validate(in: self).map { "task group \(group.name) validation failed: \($0)" }
        }
        return faults
    }

    private func validateSchedules() -> [String] {
        var faults: [String] = []
        if let periodic, periodic.enabled ?? true {
            if !type.runsToCompletion {
                faults.append("periodic can only be used with \"batch\" or \"sysbatch\" scheduler")
            }
            if periodic.spec.isEmpty, periodic.specs.isEmpty { faults.append("must specify a spec") }
            if !periodic.spec.isEmpty, !periodic.specs.isEmpty {
                faults.append("Only cron or crons may be used")
            }
            if parameterizedJob != nil { faults.append("a job can not be both periodic and parameterized") }
        }
        if let parameterizedJob {
            if !type.runsToCompletion {
                faults.append("parameterized job can only be used with \"batch\" or \"sysbatch\" scheduler")
            }
            if !["optional", "required", "forbidden"].contains(parameterizedJob.payload) {
                faults.append("unknown payload requirement: \"\(parameterizedJob.payload)\"")
            }
            let both = Set(parameterizedJob.metaRequired).intersection(parameterizedJob.metaOptional).sorted()
            if !both.isEmpty {
                faults.append("required and optional meta keys should be disjoint: \(both.joined(separator: ", "))")
            }
        }
        return faults
    }

    /// What the job asks for that this version does not have, one sentence each. Such a job is refused as a whole:
    /// run without it, it would do something else than was written.
    public func unsupportedFeatures() -> [String] {
        var reasons: [String] = []
        if !multiregion.isNull { reasons.append("multiregion deployments are not supported") }
        for group in taskGroups {
            for (name, volume) in group.volumes.sorted(by: { $0.key < $1.key }) where volume.type == "csi" {
                reasons.append("group \"\(group.name)\": volume \"\(name)\" is a CSI volume, which is not supported")
            }
            reasons += group.services.flatMap { $0.unsupportedFeatures("group \"\(group.name)\"") }
            for task in group.tasks {
                let place = "task \"\(task.name)\""
                if task.vault != nil { reasons.append("\(place): Vault is not supported; remove the vault block") }
                if !task.csiPluginConfig.isNull { reasons.append("\(place): CSI plugins are not supported") }
                if !task.schedule.isNull { reasons.append("\(place): task schedules are not supported") }
                if task.kind.hasPrefix("connect") { reasons.append("\(place): Consul Connect is not supported") }
                reasons += task.services.flatMap { $0.unsupportedFeatures(place) }
            }
        }
        return reasons
    }
}

extension Service {
    fileprivate func unsupportedFeatures(_ place: String) -> [String] {
        if !connect.isNull { return ["\(place): service \"\(name)\" uses Consul Connect, which is not supported"] }
        guard provider == "consul" || provider.isEmpty else { return [] }
        return [
            "\(place): service \"\(name)\" is registered in Consul, which is not supported; set provider = \"nomad\""
        ]
    }
}

extension ReschedulePolicy {
    /// Whether the policy replaces anything at all.
    var isActive: Bool { (attempts ?? 0) > 0 || unlimited ?? false }
}
