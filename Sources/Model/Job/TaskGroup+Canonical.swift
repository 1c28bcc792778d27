import Basics

extension TaskGroup {
    /// Fills what was left out: first from the job's own blocks, then with the defaults of its type.
    mutating func canonicalize(in job: Job) {
        if var scaling {
            scaling.enabled = scaling.enabled ?? true
            if scaling.type.isEmpty { scaling.type = "horizontal" }
            self.scaling = scaling
        }
        count = count ?? scaling?.min ?? 1
        if var scaling, scaling.min == nil {
            scaling.min = count
            self.scaling = scaling
        }
        for index in constraints.indices { constraints[index].canonicalize() }
        for index in affinities.indices { affinities[index].canonicalize() }
        for index in spreads.indices { spreads[index].canonicalize() }
        var disk = ephemeralDisk ?? EphemeralDisk()
        disk.sizeMB = disk.sizeMB ?? 300
        ephemeralDisk = disk
        canonicalizePolicies(in: job)
        for name in volumes.keys where volumes[name]?.name.isEmpty == true { volumes[name]?.name = name }
        for index in networks.indices { networks[index].canonicalize() }
        for index in services.indices { services[index].canonicalize(named: "\(job.name)-\(name)") }
        var tasks: [JobTask] = []
        swap(&tasks, &self.tasks)
        for index in tasks.indices { tasks[index].canonicalize(in: self, of: job) }
        self.tasks = tasks
    }

    private mutating func canonicalizePolicies(in job: Job) {
        var restart = restartPolicy ?? RestartPolicy()
        restart.canonicalize(for: job.type)
        restartPolicy = restart
        var reschedule = (job.reschedule ?? ReschedulePolicy()).merged(with: reschedulePolicy)
        reschedule.canonicalize(for: job.type)
        reschedulePolicy = reschedule
        if job.update != nil || update != nil {
            var strategy = (job.update ?? UpdateStrategy()).merged(with: update)
            strategy.canonicalize()
            update = strategy
        }
        if job.type == .service || migrate != nil {
            var strategy = (job.migrate ?? MigrateStrategy()).merged(with: migrate)
            strategy.canonicalize()
            migrate = strategy
        }
        disconnect?.canonicalize()
    }
}

extension DisconnectStrategy {
    mutating func canonicalize() {
        replace = replace ?? true
        reconcile = reconcile.flatMap { $0.isEmpty ? nil : $0 } ?? "best_score"
    }
}

extension NetworkResource {
    mutating func canonicalize() {
        if mode.isEmpty { mode = "host" }
    }
}

extension Service {
    mutating func canonicalize(named defaultName: String) {
        if name.isEmpty { name = defaultName }
        if addressMode.isEmpty { addressMode = "auto" }
        if onUpdate.isEmpty { onUpdate = "require_update" }
        if provider.isEmpty { provider = "consul" }
        if cluster.isEmpty, provider == "consul" { cluster = "default" }
        checkRestart?.canonicalize()
        for index in checks.indices {
            if checks[index].name.isEmpty { checks[index].name = "service: \"\(name)\" check" }
            if checks[index].onUpdate.isEmpty { checks[index].onUpdate = onUpdate }
            if checks[index].checkRestart == nil { checks[index].checkRestart = checkRestart }
            checks[index].checkRestart?.canonicalize()
        }
    }
}

extension CheckRestart {
    mutating func canonicalize() { grace = grace ?? .seconds(1) }
}

extension JobTask {
    mutating func canonicalize(in group: TaskGroup, of job: Job) {
        if config.isNull { config = .object(JSONObject()) }
        for index in constraints.indices { constraints[index].canonicalize() }
        for index in affinities.indices { affinities[index].canonicalize() }
        for index in services.indices { services[index].canonicalize(named: "\(job.name)-\(group.name)-\(name)") }
        restartPolicy = (group.restartPolicy ?? RestartPolicy()).merged(with: restartPolicy)
        killTimeout = killTimeout ?? .seconds(5)
        var logs = logConfig ?? LogConfig()
        logs.canonicalize()
        logConfig = logs
        var wanted = resources ?? Resources()
        wanted.canonicalize()
        resources = wanted
        for index in artifacts.indices { artifacts[index].canonicalize() }
        for index in templates.indices { templates[index].canonicalize() }
        vault?.canonicalize()
        for index in volumeMounts.indices where volumeMounts[index].propagationMode.isEmpty {
            volumeMounts[index].propagationMode = "private"
        }
        identity?.canonicalize(named: "default")
        for index in identities.indices { identities[index].canonicalize(named: "") }
    }
}

extension LogConfig {
    /// 10 files of 10 MiB; `enabled` is the older opposite of `disabled`.
    mutating func canonicalize() {
        maxFiles = maxFiles ?? 10
        maxFileSizeMB = maxFileSizeMB ?? 10
        disabled = disabled ?? enabled.map { !$0 } ?? false
    }
}

extension Resources {
    /// 100 MHz unless cores are asked for, 300 MiB.
    mutating func canonicalize() {
        cores = cores ?? 0
        cpu = cpu ?? (cores == 0 ? 100 : 0)
        memoryMB = memoryMB ?? 300
        memoryMaxMB = memoryMaxMB ?? 0
        for index in networks.indices { networks[index].canonicalize() }
        for index in devices.indices {
            devices[index].count = devices[index].count ?? 1
            for item in devices[index].constraints.indices { devices[index].constraints[item].canonicalize() }
            for item in devices[index].affinities.indices { devices[index].affinities[item].canonicalize() }
        }
    }
}

extension TaskArtifact {
    /// Fetched into `local/`; a single file keeps the name at the end of its source.
    mutating func canonicalize() {
        if getterMode.isEmpty { getterMode = "any" }
        guard relativeDest.isEmpty else { return }
        relativeDest = "local/"
        if getterMode == "file", let last = getterSource.split(separator: "/").last { relativeDest += last }
    }
}

extension Template {
    mutating func canonicalize() {
        if changeMode.isEmpty { changeMode = "restart" }
        if perms.isEmpty { perms = "0644" }
        if leftDelim.isEmpty { leftDelim = "{{" }
        if rightDelim.isEmpty { rightDelim = "}}" }
        splay = splay ?? .seconds(5)
        changeSignal = changeSignal.uppercased()
    }
}

extension VaultBlock {
    mutating func canonicalize() {
        env = env ?? true
        disableFile = disableFile ?? false
        if changeMode.isEmpty { changeMode = "restart" }
        if cluster.isEmpty { cluster = "default" }
    }
}

extension WorkloadIdentity {
    mutating func canonicalize(named defaultName: String) {
        if name.isEmpty { name = defaultName }
    }
}
