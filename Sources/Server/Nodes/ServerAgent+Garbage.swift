internal import Basics
internal import Model
internal import StateStore

extension ServerAgent {
    /// Entries removed by one log entry at most.
    private static let garbageMax = 5_000

    /// Forgets jobs, evaluations, allocations and nodes that ended long ago; with `force`, all that have ended.
    func collectGarbage(force: Bool) async {
        await attempt("collect garbage") {
            while true {
                let snapshot = self.snapshot
                // It looks at every ended evaluation and its allocations: too much for the threads that tasks share.
                let garbage = try await self.seam.blocking.run { self.garbage(in: snapshot, force: force) }
                guard !garbage.isEmpty else { return }
                let outcome = try await self.propose(.collect(garbage))
                // What is needed again by now was kept: stop when a round changed nothing.
                if outcome.tables.isEmpty { return }
            }
        }
    }

    private func garbage(in snapshot: Snapshot, force: Bool) -> Garbage {
        var garbage = Garbage()
        let now = seam.time.now
        snapshot.forEachEvaluation { evaluation in
            let age =
                evaluation.type.runsToCompletion
                ? settings.batchEvaluationCollectionAge : settings.evaluationCollectionAge
            guard evaluation.status.isTerminal, force || evaluation.modifyTime + age <= now else { return true }
            let isOld: (Timestamp) -> Bool = { force || $0 + age <= now }
            // A batch job's results go all together, when it is over, or those that are gone would run again.
            if evaluation.type.runsToCompletion, let job = snapshot.job(evaluation.namespace, evaluation.jobID) {
                guard force || self.isOld(job, now), isOver(job, snapshot, isOld) else { return true }
            }
            let rows = snapshot.allocations(ofEvaluation: evaluation.id)
            guard rows.allSatisfy({ isCollectable($0, snapshot) && isOld($0.modifyTime) }) else { return true }
            garbage.evaluations.append(evaluation.id)
            garbage.allocations += rows.map(\.id)
            return garbage.evaluations.count + garbage.allocations.count < ServerAgent.garbageMax
        }
        snapshot.forEachJob { record in
            if let job = collectableJob(record, snapshot, now: now, force: force) { garbage.jobs.append(job) }
            return garbage.jobs.count < ServerAgent.garbageMax
        }
        snapshot.forEachNode { record in
            let node = record.node
            let age = Timestamp(seconds: node.statusUpdatedAt) + settings.nodeCollectionAge
            if node.status == .down, force || age <= now, let row = snapshot.nodeRow(node.id),
                snapshot.allocations(ofNode: row).isEmpty
            {
                garbage.nodes.append(node.id)
            }
            return garbage.nodes.count < ServerAgent.garbageMax
        }
        return garbage
    }

    private func isOld(_ job: Job, _ now: Timestamp) -> Bool { job.submitTime + settings.jobCollectionAge <= now }

    /// Whether nothing of the job is under way or has ended too lately.
    private func isOver(_ job: Job, _ snapshot: Snapshot, _ isOld: (Timestamp) -> Bool) -> Bool {
        guard job.status == .dead else { return false }
        let evaluations = snapshot.evaluations(ofJob: job.id, namespace: job.namespace)
        guard evaluations.allSatisfy({ $0.status.isTerminal && isOld($0.modifyTime) }) else { return false }
        return snapshot.allocations(ofJob: job.id, namespace: job.namespace)
            .allSatisfy { isCollectable($0, snapshot) && isOld($0.modifyTime) }
    }

    /// Whether its client has ended it and no replacement is still to come: who replaces a failed allocation has to see how
    /// often that has been tried.
    private func isCollectable(_ row: AllocationRow, _ snapshot: Snapshot) -> Bool {
        guard row.isClientTerminal else { return false }
        guard row.clientStatus == .failed, row.desiredStatus == .run, row.nextAllocation.isNone else { return true }
        let key = snapshot.jobVersion(of: row).job
        guard let job = snapshot.job(key.namespace, key.id), job.createIndex == row.jobCreateIndex else { return true }
        return job.stop || job.status == .dead
    }

    private func collectableJob(_ record: JobRecord, _ snapshot: Snapshot, now: Timestamp, force: Bool) -> JobKey? {
        guard let job = record.job else { return nil }
        guard job.status == .dead, force || isOld(job, now) else { return nil }
        guard
            snapshot.allocations(ofJob: job.id, namespace: job.namespace).allSatisfy({ row in
                row.isClientTerminal && (force || row.modifyTime + settings.jobCollectionAge <= now)
            }),
            snapshot.evaluations(ofJob: job.id, namespace: job.namespace).allSatisfy(\.status.isTerminal)
        else { return nil }
        return JobKey(namespace: job.namespace, id: job.id)
    }
}
