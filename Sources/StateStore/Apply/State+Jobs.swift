import Basics
package import Model

extension State {
    mutating func register(_ registration: JobRegistration, _ outcome: inout ApplyOutcome) {
        var job = registration.job
        let key = JobKey(namespace: job.namespace, id: job.id)
        guard namespaces[job.namespace] != nil else {
            return outcome.refuse(
                .invalid, "job \"\(job.id)\" is in nonexistent namespace \"\(job.namespace)\"")
        }
        let existing = jobs[key]?.current?.job
        if let expected = registration.expectedIndex, expected != existing?.jobModifyIndex ?? 0 {
            return outcome.refuse(.conflict, Self.indexConflict(expected: expected, existing: existing))
        }
        if let twin = dispatched(as: job) {
            return outcome.refuse(.conflict, "job \"\(twin)\" was dispatched with the same idempotency token")
        }
        if registration.preserveCounts, let existing { job.keepCounts(of: existing) }
        if let existing, existing.hasSameSpecification(as: job) {
            job = existing
        } else {
            job.prepare(replacing: existing, index: outcome.index, time: registration.time)
            insertVersion(job, key: key, outcome: &outcome)
        }
        guard !job.isTemplate, !job.stop else { return }
        let priority = registration.evaluationPriority
        addEvaluation(&outcome) {
            $0.fill(from: job, trigger: .jobRegister)
            if priority > 0 { $0.priority = priority }
        }
    }

    /// The other instance of the same job that was dispatched with the job's idempotency token.
    private func dispatched(as job: Job) -> String? {
        guard job.dispatched, !job.dispatchIdempotencyToken.isEmpty else { return nil }
        let prefix = job.parentID + Job.dispatchMark
        var twin: String?
        jobs.scan(from: JobKey(namespace: job.namespace, id: prefix)) { key, record in
            guard key.namespace == job.namespace, key.id.hasPrefix(prefix) else { return false }
            if key.id != job.id, record.current?.job.dispatchIdempotencyToken == job.dispatchIdempotencyToken {
                twin = key.id
            }
            return twin == nil
        }
        return twin
    }

    private static func indexConflict(expected: UInt64, existing: Job?) -> String {
        guard let existing else {
            return "Enforcing job modify index \(expected): job does not exist"
        }
        guard expected != 0 else { return "Enforcing job modify index 0: job already exists" }
        return "Enforcing job modify index \(expected): job exists with conflicting job modify index: "
            + "\(existing.jobModifyIndex)"
    }

    /// Makes `job` the newest version of its record.
    private mutating func insertVersion(_ job: Job, key: JobKey, outcome: inout ApplyOutcome) {
        let row = UInt32(jobVersions.limit)
        let version = JobVersion(job: job, row: row)
        jobVersions[Int(row)] = version
        let index = outcome.index
        eachNodeJobs[key] = job.type.isEachNode && !job.stop ? true : nil
        updateJob(key, &outcome) { body in
            if body.isPurged { body.hadWork = false }
            body.isPurged = false
            body.versions.insert(VersionSlot(version: version), at: 0)
            body.modifyIndex = index
            for group in version.groups where body.groups[group.name] == nil {
                body.groups[group.name] = TaskGroupSummary()
            }
            body.summaryIndex = index
        }
        trimVersions(key)
        if job.stop { outcome.endedJobs.append(key) }
    }

    /// Drops versions beyond the kept ones that no allocation is of.
    mutating func trimVersions(_ key: JobKey) {
        guard let record = jobs[key], record.body.versions.count > JobRecord.versionCountMax || record.body.isPurged
        else { return }
        var body = record.body
        let kept = body.isPurged ? 0 : JobRecord.versionCountMax
        let dropped = body.versions.dropFirst(kept).filter { $0.allocationCount == 0 }.map(\.version.row)
        guard !dropped.isEmpty, !(body.isPurged && body.evaluations.count > 0) else { return }
        body.versions.removeAll { dropped.contains($0.version.row) }
        for row in dropped { jobVersions[Int(row)] = nil }
        jobs[key] = JobRecord(key: key, body: body)
    }

    mutating func deregister(_ request: JobDeregistration, _ outcome: inout ApplyOutcome) {
        guard var job = jobs[request.key]?.current?.job else {
            return outcome.refuse(.notFound, "job \"\(request.key.id)\" not found")
        }
        if request.noShutdownDelay { skipShutdownDelay(request.key, &outcome) }
        let index = outcome.index
        if request.purge {
            eachNodeJobs[request.key] = nil
            updateJob(request.key, &outcome) { body in
                body.isPurged = true
                body.modifyIndex = index
            }
            outcome.endedJobs.append(request.key)
        } else if !job.stop {
            let existing = job
            job.stop = true
            job.prepare(replacing: existing, index: outcome.index, time: existing.submitTime)
            insertVersion(job, key: request.key, outcome: &outcome)
        }
        guard !job.isTemplate else { return }
        addEvaluation(&outcome) {
            $0.fill(from: job, trigger: .jobDeregister)
            if request.evaluationPriority > 0 { $0.priority = request.evaluationPriority }
        }
    }

    private mutating func skipShutdownDelay(_ key: JobKey, _ outcome: inout ApplyOutcome) {
        guard let rows = jobs[key]?.body.allocations else { return }
        rows.forEach { row in
            guard !allocations.hot[Int(row)].isTerminal else { return }
            var extra = allocations.extra(row) ?? AllocationExtra()
            extra.desiredTransition.noShutdownDelay = true
            allocations.setExtra(row, extra)
            serverChanged(row, &outcome)
        }
    }

    /// Changes a job's record, then brings its status up to date.
    mutating func updateJob(_ key: JobKey, _ outcome: inout ApplyOutcome, _ change: (inout JobBody) -> Void) {
        let known = jobs[key]
        var body = known?.body ?? JobBody()
        let before = known?.body.status
        change(&body)
        body.changeIndex = outcome.index
        if let job = body.versions.first?.version.job, !body.isPurged {
            body.status = body.computedStatus(of: job)
            if body.status != before { body.modifyIndex = outcome.index }
        }
        let record = JobRecord(key: key, body: body)
        jobs[key] = record
        outcome.jobs.insert(key)
        outcome.tables.insert(.jobs)
        let parent = record.body.versions.first?.version.job.parentID ?? ""
        if !parent.isEmpty, before != body.status {
            let after = body.status
            updateParent(JobKey(namespace: key.namespace, id: parent), from: before, to: after, &outcome)
        }
    }

    private mutating func updateParent(
        _ key: JobKey, from before: JobStatus?, to after: JobStatus, _ outcome: inout ApplyOutcome
    ) {
        guard jobs[key] != nil else { return }
        let index = outcome.index
        updateJob(key, &outcome) { body in
            if let before { body.children.count(before, -1) }
            body.children.count(after, 1)
            body.summaryIndex = index
        }
    }
}

extension JobBody {
    /// Running while an allocation is live, pending while an evaluation waits, dead once all work has ended; jobs that wait for
    /// nodes, times or dispatches run until they are stopped (Nomad docs: job status).
    func computedStatus(of job: Job) -> JobStatus {
        if liveCount > 0 { return .running }
        if job.stop { return openEvaluationCount > 0 ? .pending : .dead }
        if job.type == .system || job.isTemplate { return .running }
        if openEvaluationCount > 0 { return .pending }
        return hadWork ? .dead : .pending
    }
}

extension JobChildrenSummary {
    fileprivate mutating func count(_ status: JobStatus, _ step: Int) {
        switch status {
        case .pending: pending += step
        case .running: running += step
        case .dead: dead += step
        }
    }
}

extension Job {
    /// Sets what the servers keep for a new version; `existing` is the version it replaces.
    fileprivate mutating func prepare(replacing existing: Job?, index: UInt64, time: Timestamp) {
        createIndex = existing?.createIndex ?? index
        version = existing.map { $0.version + 1 } ?? 0
        modifyIndex = index
        jobModifyIndex = index
        submitTime = time
        status = .pending
        stable = false
        versionTag = nil
    }

    fileprivate mutating func keepCounts(of existing: Job) {
        for position in taskGroups.indices {
            guard let old = existing.taskGroup(taskGroups[position].name) else { continue }
            taskGroups[position].count = old.count
        }
    }

    /// Whether nothing a user can write differs.
    package func hasSameSpecification(as other: Job) -> Bool {
        var other = other
        other.status = status
        other.statusDescription = statusDescription
        other.stable = stable
        other.version = version
        other.submitTime = submitTime
        other.versionTag = versionTag
        other.createIndex = createIndex
        other.modifyIndex = modifyIndex
        other.jobModifyIndex = jobModifyIndex
        return self == other
    }
}
