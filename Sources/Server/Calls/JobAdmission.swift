internal import Basics
internal import Model
internal import PluginHost
internal import RPC
internal import Scheduling
internal import StateStore

/// A user's job, looked at.
struct ExaminedJob {
    /// In its canonical form.
    var job: Job
    /// Why it is refused; each names what is wrong and where.
    var problems: [String]
    var warnings: [String]
    /// Every task's `config` could be checked.
    var isConfigurationChecked: Bool
}

extension ServerAgent {
    /// Brings a user's job to its canonical form and checks all that can be known before it is scheduled; `notes` are warnings
    /// to go with those found here.
    ///
    /// - Returns: the job as it is logged, and warnings for the user.
    /// - Throws: ``CallError/Code/invalid`` with every problem found.
    func admit(
        _ submitted: Job, _ context: CallContext, _ snapshot: Snapshot, notes: [String] = []
    ) throws -> (job: Job, warnings: String) {
        let examined = examine(submitted, context, snapshot)
        guard examined.problems.isEmpty else { throw CallError(.invalid, CallError.list(examined.problems)) }
        return (examined.job, CallError.warnings(notes + examined.warnings))
    }

    /// What ``admit(_:_:_:notes:)`` goes by.
    func examine(_ submitted: Job, _ context: CallContext, _ snapshot: Snapshot) -> ExaminedJob {
        var job = submitted
        if job.namespace.isEmpty { job.namespace = context.namespace }
        if job.region.isEmpty { job.region = settings.region }
        if job.priority == 0 { job.priority = settings.defaultPriority }
        job.keepOrigin(of: snapshot.job(job.namespace, job.id))
        job.canonicalize()
        var problems = job.validate()
        problems += job.unsupportedFeatures() + job.refusedFeatures + ConstraintFaults.of(job)
        if job.namespace != context.namespace, context.namespace != "default" {
            problems.append("the job's namespace \"\(job.namespace)\" is not the request's, \"\(context.namespace)\"")
        }
        if snapshot.namespace(job.namespace) == nil { problems.append("nonexistent namespace \"\(job.namespace)\"") }
        if job.region != settings.region { problems.append("no path to region \"\(job.region)\"") }
        if job.priority > settings.priorityMax {
            problems.append("job priority must be between [1, \(settings.priorityMax)]")
        }
        let count = job.taskGroups.reduce(0) { $0 + ($1.count ?? 1) }
        if count > settings.jobCountMax {
            problems.append("job total count (\(count)) exceeds the server's limit (\(settings.jobCountMax))")
        }
        if snapshot.nodePool(job.nodePool) == nil {
            problems.append("job \"\(job.id)\" is in nonexistent node pool \"\(job.nodePool)\"")
        }
        let scheduling = snapshot.schedulerConfiguration(nodePool: job.nodePool)
        let names = schedulerNames(for: job.type, nodePool: job.nodePool, scheduling)
        if !names.contains(where: { placers.scheduler(named: $0) != nil }) {
            problems.append(
                "no scheduler places jobs of type \"\(job.type)\"; \"drover plugin status\" lists the loaded ones")
        }
        let check = ConfigurationCheck(job, snapshot)
        problems += check.faults.map(\.description)
        guard problems.isEmpty else {
            return ExaminedJob(
                job: job, problems: problems, warnings: job.ignoredFeatures, isConfigurationChecked: check.isComplete)
        }
        let contradictions = job.taskGroups.flatMap { group in
            ImpossibleAsks.contradictions(job, group).map { $0.sentence(of: group.name) }
        }
        let warnings =
            job.ignoredFeatures + contradictions + ignoredMemory(of: job, scheduling) + ignoredNUMADevices(of: job)
            + unknownDrivers(of: job, snapshot)
        return ExaminedJob(job: job, problems: [], warnings: warnings, isConfigurationChecked: check.isComplete)
    }

    /// A warning for each task whose `memory_max` counts for nothing, as memory is not oversubscribed for the job's pool.
    private func ignoredMemory(of job: Job, _ configuration: SchedulerConfiguration) -> [String] {
        guard !configuration.memoryOversubscriptionEnabled else { return [] }
        return job.taskGroups.flatMap { group in
            group.tasks.filter { $0.resources?.memoryMaxMB ?? 0 != 0 }.map { task in
                "memory_max of task \"\(group.name).\(task.name)\" is ignored, as memory oversubscription is off for node pool "
                    + "\"\(job.nodePool)\"; \"drover operator scheduler set-config -memory-oversubscription=true\" turns it on"
            }
        }
    }

    /// A warning for each task that names the devices which are to be near its cores: all of them are, or none.
    private func ignoredNUMADevices(of job: Job) -> [String] {
        job.taskGroups.flatMap { group in
            group.tasks.filter { $0.resources?.numa["Devices"]?.array?.isEmpty == false }.map { task in
                "numa devices of task \"\(group.name).\(task.name)\" have no effect: with a numa affinity all instances of each "
                    + "of its devices are taken from one NUMA node where possible, whichever are named"
            }
        }
    }

    /// A warning for each driver that no ready node has.
    private func unknownDrivers(of job: Job, _ snapshot: Snapshot) -> [String] {
        var wanted = Set(job.taskGroups.flatMap { $0.tasks.map(\.driver) })
        snapshot.forEachNode { record in
            if record.node.status == .ready {
                for (name, driver) in record.node.drivers where driver.healthy { wanted.remove(name) }
            }
            return !wanted.isEmpty
        }
        return wanted.sorted().map { "no ready node has the driver \"\($0)\"; allocations wait until one does" }
    }
}

extension Job {
    /// Where a job comes from is the servers' to say, whatever a request brings.
    fileprivate mutating func keepOrigin(of existing: Job?) {
        parentID = existing?.parentID ?? ""
        dispatched = existing?.dispatched ?? false
        dispatchIdempotencyToken = existing?.dispatchIdempotencyToken ?? ""
        payload = existing?.payload
    }
}

extension CallError {
    /// Several problems as one message, in the form users of the API know.
    static func list(_ problems: [String]) -> String {
        let noun = problems.count == 1 ? "error" : "errors"
        return "\(problems.count) \(noun) occurred:\n" + problems.map { "\t* \($0)\n" }.joined()
    }

    /// Several warnings as one message; empty when there are none.
    static func warnings(_ warnings: [String]) -> String {
        guard !warnings.isEmpty else { return "" }
        let noun = warnings.count == 1 ? "warning" : "warnings"
        return "\(warnings.count) \(noun):\n\n" + warnings.map { "* \($0)" }.joined(separator: "\n")
    }
}
