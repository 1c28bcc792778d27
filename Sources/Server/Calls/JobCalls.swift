internal import Basics
internal import Model
internal import RPC
internal import StateStore

extension RegisterJob: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> JobReply {
        let snapshot = server.snapshot
        guard !snapshot.schedulerConfiguration.rejectJobRegistration || server.accessControl.isManager(context) else {
            throw CallError(.permission, "job registration is disabled by the operator (RejectJobRegistration)")
        }
        let (job, warnings) = try server.admit(job, context, snapshot, notes: notes)
        var registration = JobRegistration(job: job, time: server.seam.time.now)
        registration.expectedIndex = enforceIndex ? jobModifyIndex : nil
        registration.preserveCounts = preserveCounts
        registration.evaluationPriority = evalPriority
        let key = JobKey(namespace: job.namespace, id: job.id)
        let entry = StateEntry.jobRegister(registration)
        return try await server.answer(key, placement) {
            JobReply(try await server.propose(entry), job: key, server, warnings: warnings)
        }
    }
}

extension DispatchJob: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> DispatchReply {
        let snapshot = server.snapshot
        guard let job = snapshot.job(context.namespace, jobID) else { throw CallError.unknownJob(jobID) }
        if let earlier = snapshot.instance(of: job, token: idempotencyToken) { return DispatchReply(of: earlier) }
        let faults = dispatch.faults(for: job, priorityMax: server.settings.priorityMax)
        guard faults.isEmpty else { throw CallError(.invalid, CallError.list(faults)) }
        let time = server.seam.time.now
        let suffix = String(server.seam.random.id().description.prefix(8))
        let instance = dispatch.instance(
            of: job, id: dispatch.instanceID(of: job, time: time, suffix: suffix), token: idempotencyToken)
        let entry = StateEntry.jobRegister(JobRegistration(job: instance, time: time))
        let key = JobKey(namespace: instance.namespace, id: instance.id)
        do {
            let reply = try await server.answer(key, placement) {
                JobReply(try await server.propose(entry), job: key, server)
            }
            return DispatchReply(of: instance.id, reply)
        } catch let error as CallError where error.code == .conflict {
            // The same dispatch came twice at once.
            guard let earlier = server.snapshot.instance(of: job, token: idempotencyToken) else { throw error }
            return DispatchReply(of: earlier)
        }
    }
}

extension Snapshot {
    /// What was dispatched of `job` with that token, as long as it is not collected.
    fileprivate func instance(of job: Job, token: String) -> Job? {
        guard !token.isEmpty else { return nil }
        let prefix = job.id + Job.dispatchMark
        var found: Job?
        forEachJob(namespace: job.namespace, from: prefix) { record in
            guard record.key.id.hasPrefix(prefix) else { return false }
            if let instance = record.job, instance.dispatchIdempotencyToken == token { found = instance }
            return found == nil
        }
        return found
    }
}

extension DispatchReply {
    fileprivate init(of id: String, _ reply: JobReply) {
        self.init()
        dispatchedJobID = id
        evalID = reply.evalID
        evalCreateIndex = reply.evalCreateIndex
        jobCreateIndex = reply.jobModifyIndex
        placement = reply.placement
        index = reply.index
    }

    /// An instance that was dispatched before; it has no evaluation of this request's.
    fileprivate init(of earlier: Job) {
        self.init()
        dispatchedJobID = earlier.id
        jobCreateIndex = earlier.createIndex
        index = earlier.createIndex
    }
}

extension ValidateJob: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> ValidateJobReply {
        let examined = server.examine(job, context, server.snapshot)
        var reply = ValidateJobReply()
        reply.driverConfigValidated = examined.isConfigurationChecked
        reply.validationErrors = examined.problems
        reply.error = examined.problems.isEmpty ? "" : CallError.list(examined.problems)
        reply.warnings = CallError.warnings(notes + examined.warnings)
        return reply
    }
}

extension DeregisterJob: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> JobReply {
        let key = JobKey(namespace: context.namespace, id: jobID)
        var deregistration = JobDeregistration(key: key, time: server.seam.time.now)
        deregistration.purge = purge
        deregistration.evaluationPriority = evalPriority
        deregistration.noShutdownDelay = noShutdownDelay
        let outcome = try await server.propose(.jobDeregister(deregistration))
        return JobReply(outcome, job: key, server)
    }
}

extension EvaluateJob: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> JobReply {
        let key = JobKey(namespace: context.namespace, id: jobID)
        guard let job = server.snapshot.job(key.namespace, key.id) else { throw CallError.unknownJob(jobID) }
        guard !job.isTemplate else {
            let kind = job.isParameterized ? "parameterized" : "periodic"
            throw CallError(.invalid, "can't evaluate \(kind) job \"\(job.id)\": only the jobs made from it run")
        }
        let time = server.seam.time.now
        let evaluation = Evaluation(of: job, .jobRegister, id: server.seam.random.id(), at: time)
        if forceReschedule {
            let failed = server.snapshot.allocations(ofJob: key.id, namespace: key.namespace)
                .filter { $0.clientStatus == .failed && $0.desiredStatus == .run && $0.nextAllocation.isNone }.map(\.id)
            if !failed.isEmpty {
                var transition = DesiredTransition()
                transition.forceReschedule = true
                let request = TransitionRequest(
                    allocations: failed, transition: transition, trigger: .jobRegister, time: time)
                return JobReply(try await server.propose(.allocationTransition(request)), job: key, server)
            }
        }
        return JobReply(try await server.propose(.evaluationsUpdate([evaluation], time: time)), job: key, server)
    }
}

extension StopAllocation: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> JobReply {
        guard let row = server.snapshot.allocationRow(allocationID) else {
            throw CallError(.notFound, "alloc not found")
        }
        var transition = DesiredTransition()
        transition.migrate = true
        transition.noShutdownDelay = noShutdownDelay
        let request = TransitionRequest(
            allocations: [allocationID], transition: transition, trigger: .allocationStop, time: server.seam.time.now)
        let key = server.snapshot.jobVersion(of: row).job
        return JobReply(
            try await server.propose(.allocationTransition(request)),
            job: JobKey(namespace: key.namespace, id: key.id), server)
    }
}

extension JobReply {
    /// The answer to a write that made an evaluation of `job`.
    init(_ outcome: ApplyOutcome, job: JobKey, _ server: ServerAgent, warnings: String = "") {
        self.init()
        index = outcome.index
        let evaluation = outcome.evaluations.first { $0.namespace == job.namespace && $0.jobID == job.id }
        evalID = evaluation?.id ?? .none
        evalCreateIndex = evaluation == nil ? 0 : outcome.index
        jobModifyIndex = server.snapshot.job(job.namespace, job.id)?.jobModifyIndex ?? outcome.index
        self.warnings = warnings
    }
}

extension CallError {
    static func unknownJob(_ id: String) -> CallError { CallError(.notFound, "job \"\(id)\" not found") }
}
