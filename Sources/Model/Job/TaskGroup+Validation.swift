import Basics

extension TaskGroup {
    /// Faults of a canonical group; the caller names the group.
    func validate(in job: Job) -> [String] {
        var faults: [String] = []
        if name.contains("\0") { faults.append("Task group name contains null character") }
        if name.utf8.count > Job.nameBytesMax {
            faults.append("Task group name is longer than \(Job.nameBytesMax) bytes")
        }
        if (count ?? 1) < 0 { faults.append("Task group count can't be negative") }
        if tasks.isEmpty { faults.append("Missing tasks for task group") }
        for (index, constraint) in constraints.enumerated() {
            faults += constraint.validate().map { "Constraint \(index + 1) validation failed: \($0)" }
        }
        faults += validatePolicies(of: job)
        faults += validateScaling()
        faults += validateNetworks()
        faults += validateTasks(of: job)
        faults += validateVolumes()
        for service in services { faults += service.validate(in: self) }
        return faults
    }

    private func validatePolicies(of job: Job) -> [String] {
        var faults: [String] = []
        if job.type.isEachNode {
            if !affinities.isEmpty { faults.append("\(job.type) jobs may not have an affinity block") }
            if !spreads.isEmpty { faults.append("\(job.type) jobs may not have a spread block") }
            if gang != .none {
                faults.append("\(job.type) jobs may not have a gang: each node gets its instance or not by itself")
            }
            if reschedulePolicy?.isActive == true {
                faults.append("\(job.type) jobs should not have a reschedule policy")
            }
        } else {
            faults += affinities.flatMap { $0.validate() }.map { "Affinity validation failed: \($0)" }
            faults += spreads.flatMap { $0.validate() }.map { "Spread validation failed: \($0)" }
            faults += reschedulePolicy?.validate() ?? []
        }
        faults += restartPolicy?.validate() ?? []
        faults += update?.validate() ?? []
        if job.type == .batch || job.type == .sysbatch, update != nil {
            faults.append("Job type \"\(job.type)\" does not allow update block")
        }
        if let migrate {
            if job.type != .service { faults.append("Job type \"\(job.type)\" does not allow migrate block") }
            if (migrate.maxParallel ?? 1) < 0 {
                faults.append("MaxParallel must be >= 0 but found \(migrate.maxParallel ?? 0)")
            }
        }
        if (ephemeralDisk?.sizeMB ?? 300) < 10 {
            faults.append("minimum DiskMB value is 10; got \(ephemeralDisk?.sizeMB ?? 0)")
        }
        faults += validateDisconnect(in: job)
        return faults
    }

    private func validateScaling() -> [String] {
        guard let scaling else { return [] }
        var faults: [String] = []
        guard let max = scaling.max else { return ["Scaling policy invalid: missing maximum count"] }
        let min = scaling.min ?? 0
        let count = count ?? 1
        if min < 0 { faults.append("Scaling policy invalid: minimum count must be specified and non-negative") }
        if max < min { faults.append("Scaling policy invalid: maximum count must not be less than minimum count") }
        if count < min {
            faults.append(
                "Scaling policy invalid: task group count must not be less than minimum count in scaling policy")
        }
        if max < count {
            faults.append(
                "Scaling policy invalid: task group count must not be greater than maximum count in scaling policy")
        }
        return faults
    }

    private func validateNetworks() -> [String] {
        var faults: [String] = []
        var labels: Set<String> = []
        var holders: [String: String] = [:]
        if networks.count > 1 { faults.append("only one network block is allowed in a group") }
        for network in networks where !network.isOwn && !["", "host", "none"].contains(network.mode) {
            faults.append("network mode \"\(network.mode)\" is none of host, none, bridge and cni/NAME")
        }
        for network in networks where network.mode == "none" {
            guard !network.reservedPorts.isEmpty || !network.dynamicPorts.isEmpty else { continue }
            faults.append("network mode \"none\" has no ports: nothing outside could reach them")
        }
        for network in networks + tasks.flatMap({ $0.resources?.networks ?? [] }) {
            for port in network.reservedPorts + network.dynamicPorts {
                if !labels.insert(port.label).inserted { faults.append("Port label \(port.label) already in use") }
                if !(-1...65_535).contains(port.to) {
                    faults.append("Port \"\(port.label)\" cannot be mapped to \(port.to), must be -1 to 65535")
                }
            }
            for port in network.reservedPorts {
                guard (1...65_535).contains(port.value) else {
                    faults.append("Port \"\(port.label)\" cannot be static \(port.value), must be 1 to 65535")
                    continue
                }
                let key = "\(port.hostNetwork)/\(port.value)"
                if let other = holders[key], !port.ignoreCollision {
                    faults.append("Static port \(port.value) already reserved by \(other)")
                }
                holders[key] = "port:\(port.label)"
            }
        }
        return faults
    }

    private func validateTasks(of job: Job) -> [String] {
        var faults: [String] = []
        var seen: [String: Int] = [:]
        if tasks.count(where: \.leader) > 1 { faults.append("Only one task may be marked as leader") }
        for (index, task) in tasks.enumerated() {
            if task.name.isEmpty {
                faults.append("Task \(index + 1) missing name")
            } else if let earlier = seen[task.name] {
                faults.append("Task \(index + 1) redefines '\(task.name)' from task \(earlier + 1)")
            } else {
                seen[task.name] = index
            }
            faults += task.validate(in: self, of: job).map { "Task \(task.name) validation failed: \($0)" }
        }
        if !tasks.isEmpty, tasks.allSatisfy({ $0.lifecycle != nil }) {
            faults.append("Task group needs at least one task without a lifecycle block")
        }
        return faults
    }

    private func validateVolumes() -> [String] {
        var faults: [String] = []
        for (name, volume) in volumes.sorted(by: { $0.key < $1.key }) {
            if !["host", "csi"].contains(volume.type) {
                faults.append("Volume \(name) has unrecognized type \"\(volume.type)\"")
            }
            if volume.source.isEmpty { faults.append("Volume \(name) has an empty source") }
        }
        for task in tasks {
            for mount in task.volumeMounts where volumes[mount.volume] == nil {
                faults.append("Task \(task.name) has a volume mount referencing undefined volume \"\(mount.volume)\"")
            }
        }
        return faults
    }
}

extension RestartPolicy {
    func validate() -> [String] {
        var faults: [String] = []
        let mode = mode ?? "fail"
        if !["fail", "delay"].contains(mode) { faults.append("Unsupported restart mode: \"\(mode)\"") }
        let attempts = attempts ?? 0
        let delay = delay ?? .zero
        let interval = interval ?? .zero
        if attempts == 0, mode != "fail" {
            faults.append("Restart policy \"\(mode)\" with 0 attempts is ambiguous")
        }
        if attempts < 0 { faults.append("Restart policy attempts can't be negative") }
        if delay < .zero { faults.append("Restart policy delay can't be negative") }
        if interval < .seconds(5) { faults.append("Interval can not be less than 5s (got \(interval.goText))") }
        if attempts > 0,
            delay.nanosecondCount.multipliedReportingOverflow(by: Int64(attempts)).overflow
                || delay * attempts > interval
        {
            faults.append(
                "Nomad can't restart the TaskGroup \(attempts) times in an interval of \(interval.goText) "
                    + "with a delay of \(delay.goText)")
        }
        return faults
    }
}

extension ReschedulePolicy {
    func validate() -> [String] {
        guard isActive else { return [] }
        var faults: [String] = []
        let delay = delay ?? .zero
        let function = delayFunction ?? ""
        if !["constant", "exponential", "fibonacci"].contains(function) {
            faults.append(
                "Invalid delay function \"\(function)\", must be one of [\"constant\" \"exponential\" \"fibonacci\"]")
        }
        if delay < .seconds(5) {
            faults.append("Delay cannot be less than 5s (got \(delay.goText))")
        }
        if function != "constant", (maxDelay ?? .zero) < delay {
            faults.append("Max Delay cannot be less than Delay \(delay.goText) (got \((maxDelay ?? .zero).goText))")
        }
        let (attempts, interval) = (attempts ?? 0, interval ?? .zero)
        if attempts > 0, interval <= .zero { faults.append("Interval must be a non zero value if Attempts > 0") }
        if attempts > 0, unlimited ?? false {
            faults.append(
                "Reschedule Policy with Attempts = \(attempts), Interval = \(interval.goText), "
                    + "and Unlimited = true is ambiguous")
        }
        return faults
    }
}

extension UpdateStrategy {
    func validate() -> [String] {
        var faults: [String] = []
        if !["checks", "task_states", "manual"].contains(healthCheck ?? "checks") {
            faults.append("Invalid health check given: \"\(healthCheck ?? "")\"")
        }
        if (maxParallel ?? 1) < 0 { faults.append("Max parallel can not be less than zero: \(maxParallel ?? 0) < 0") }
        if (canary ?? 0) < 0 { faults.append("Canary count can not be less than zero: \(canary ?? 0) < 0") }
        if canary ?? 0 == 0, autoPromote ?? false {
            faults.append("Auto Promote requires a Canary count greater than zero")
        }
        let (healthy, deadline) = (minHealthyTime ?? .zero, healthyDeadline ?? .zero)
        let progress = progressDeadline ?? .zero
        if healthy < .zero { faults.append("Minimum healthy time may not be less than zero: \(healthy.goText)") }
        if deadline <= .zero { faults.append("Healthy deadline must be greater than zero: \(deadline.goText)") }
        if progress < .zero { faults.append("Progress deadline must be zero or greater: \(progress.goText)") }
        if healthy >= deadline {
            faults.append(
                "Minimum healthy time must be less than healthy deadline: \(healthy.goText) > \(deadline.goText)")
        }
        if progress != .zero, deadline >= progress {
            faults.append(
                "Healthy deadline must be less than progress deadline: \(deadline.goText) > \(progress.goText)")
        }
        if (stagger ?? .seconds(30)) <= .zero {
            faults.append("Stagger must be greater than zero: \((stagger ?? .zero).goText)")
        }
        return faults
    }
}
