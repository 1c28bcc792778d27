import Basics

extension Job {
    /// Fills everything that was left out with the documented defaults, so that the servers see complete jobs only.
    ///
    /// Running it twice changes nothing. Source: Nomad docs, job specification, the default of each block.
    public mutating func canonicalize() {
        if id.isEmpty { id = name }
        if name.isEmpty { name = id }
        if region.isEmpty { region = "global" }
        if namespace.isEmpty { namespace = "default" }
        if type.rawValue.isEmpty { type = .service }
        if priority == 0 { priority = 50 }
        if datacenters.isEmpty { datacenters = ["*"] }
        if nodePool.isEmpty { nodePool = "default" }
        periodic?.canonicalize()
        if var parameterized = parameterizedJob, parameterized.payload.isEmpty {
            parameterized.payload = "optional"
            parameterizedJob = parameterized
        }
        for index in constraints.indices { constraints[index].canonicalize() }
        for index in affinities.indices { affinities[index].canonicalize() }
        for index in spreads.indices { spreads[index].canonicalize() }
        if update == nil, type == .service { update = UpdateStrategy() }
        update?.canonicalize()
        // Taken out: what changes in place is not to be held by the job that is handed in.
        var groups: [TaskGroup] = []
        swap(&groups, &taskGroups)
        for index in groups.indices { groups[index].canonicalize(in: self) }
        taskGroups = groups
    }

    /// A complete copy of the job.
    public func canonicalized() -> Job {
        var job = self
        job.canonicalize()
        return job
    }
}

extension PeriodicConfig {
    mutating func canonicalize() {
        enabled = enabled ?? true
        if specType.isEmpty { specType = "cron" }
        if timeZone.isEmpty { timeZone = "UTC" }
    }
}

extension Constraint {
    mutating func canonicalize() {
        if operand.isEmpty || operand == "==" || operand == "is" { operand = "=" }
        if operand == "not" { operand = "!=" }
    }
}

extension Affinity {
    mutating func canonicalize() {
        if operand.isEmpty || operand == "==" || operand == "is" { operand = "=" }
        if operand == "not" { operand = "!=" }
        weight = weight ?? 50
    }
}

extension Spread {
    mutating func canonicalize() { weight = weight ?? 50 }
}

extension UpdateStrategy {
    /// Stagger 30 s, one at a time, healthy after 10 s of passing checks, within 5 min, progress every 10 min.
    mutating func canonicalize() {
        stagger = stagger ?? .seconds(30)
        maxParallel = maxParallel ?? 1
        healthCheck = healthCheck.flatMap { $0.isEmpty ? nil : $0 } ?? "checks"
        minHealthyTime = minHealthyTime ?? .seconds(10)
        healthyDeadline = healthyDeadline ?? .seconds(300)
        progressDeadline = progressDeadline ?? .seconds(600)
        canary = canary ?? 0
        autoRevert = autoRevert ?? false
        autoPromote = autoPromote ?? false
    }

    /// This strategy with `other`'s fields where they are set: a group's own over the job's.
    func merged(with other: UpdateStrategy?) -> UpdateStrategy {
        guard let other else { return self }
        var result = self
        result.stagger = other.stagger ?? stagger
        result.maxParallel = other.maxParallel ?? maxParallel
        result.healthCheck = other.healthCheck ?? healthCheck
        result.minHealthyTime = other.minHealthyTime ?? minHealthyTime
        result.healthyDeadline = other.healthyDeadline ?? healthyDeadline
        result.progressDeadline = other.progressDeadline ?? progressDeadline
        result.canary = other.canary ?? canary
        result.autoRevert = other.autoRevert ?? autoRevert
        result.autoPromote = other.autoPromote ?? autoPromote
        return result
    }
}

extension MigrateStrategy {
    mutating func canonicalize() {
        maxParallel = maxParallel ?? 1
        healthCheck = healthCheck.flatMap { $0.isEmpty ? nil : $0 } ?? "checks"
        minHealthyTime = minHealthyTime ?? .seconds(10)
        healthyDeadline = healthyDeadline ?? .seconds(300)
    }

    func merged(with other: MigrateStrategy?) -> MigrateStrategy {
        guard let other else { return self }
        var result = self
        result.maxParallel = other.maxParallel ?? maxParallel
        result.healthCheck = other.healthCheck ?? healthCheck
        result.minHealthyTime = other.minHealthyTime ?? minHealthyTime
        result.healthyDeadline = other.healthyDeadline ?? healthyDeadline
        return result
    }
}

extension RestartPolicy {
    /// Services and system jobs: 2 in 30 min; batch and sysbatch: 3 in 24 h; 15 s apart, then fail.
    mutating func canonicalize(for type: JobType) {
        interval = interval ?? (type.runsToCompletion ? .seconds(24 * 3600) : .seconds(30 * 60))
        attempts = attempts ?? (type.runsToCompletion ? 3 : 2)
        delay = delay ?? .seconds(15)
        mode = mode.flatMap { $0.isEmpty ? nil : $0 } ?? "fail"
        renderTemplates = renderTemplates ?? false
    }

    func merged(with other: RestartPolicy?) -> RestartPolicy {
        guard let other else { return self }
        var result = self
        result.interval = other.interval ?? interval
        result.attempts = other.attempts ?? attempts
        result.delay = other.delay ?? delay
        result.mode = other.mode ?? mode
        result.renderTemplates = other.renderTemplates ?? renderTemplates
        return result
    }
}

extension ReschedulePolicy {
    /// Services: without end, from 30 s doubling to 1 h; batch: once in 24 h after 5 s; system jobs: never, as each
    /// node has its own.
    mutating func canonicalize(for type: JobType) {
        let isService = type == .service
        let isBatch = type == .batch
        attempts = attempts ?? (isBatch ? 1 : 0)
        interval = interval ?? (isBatch ? .seconds(24 * 3600) : .zero)
        delay = delay ?? (isService ? .seconds(30) : isBatch ? .seconds(5) : .zero)
        delayFunction = delayFunction ?? (isService ? "exponential" : isBatch ? "constant" : "")
        maxDelay = maxDelay ?? (isService ? .seconds(3600) : .zero)
        // A service that says how many attempts it wants does not want them without end.
        unlimited = unlimited ?? (isService && attempts == 0)
    }

    func merged(with other: ReschedulePolicy?) -> ReschedulePolicy {
        guard let other else { return self }
        var result = self
        result.attempts = other.attempts ?? attempts
        result.interval = other.interval ?? interval
        result.delay = other.delay ?? delay
        result.delayFunction = other.delayFunction ?? delayFunction
        result.maxDelay = other.maxDelay ?? maxDelay
        result.unlimited = other.unlimited ?? unlimited
        return result
    }
}
