internal import Basics
internal import Consensus
internal import Logging
internal import Model
internal import Raft
internal import StateStore
internal import Synchronization

extension ServerAgent {
    /// How often the leader looks at heartbeats, delayed evaluations and waiting readers.
    private static let clockInterval = Duration.milliseconds(250)

    /// Turns the leader's queues on and off as leadership comes and goes.
    func followLeadership() async throws {
        // The term it leads in: another server may have led in between without this one having seen it.
        var leading: UInt64?
        for await status in consensus.statusUpdates() {
            successions.fire([true])
            let term = status.role == .leader ? status.term : nil
            guard term != leading else { continue }
            await leadershipChanges.enter()
            defer { leadershipChanges.leave() }
            if leading != nil { stopLeading() }
            leading = nil
            while let term, leading == nil, consensus.status.role == .leader, consensus.status.term == term {
                if await beginLeading(in: term) {
                    leading = term
                } else {
                    try await seam.time.sleep(for: .milliseconds(100))
                }
            }
        }
        try Task.checkCancellation()
    }

    /// Does what makes the leader's queues void while they rest, and fills them anew.
    ///
    /// When leadership is lost meanwhile, ``followLeadership()`` has the next word.
    func whileQueuesRest<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        await leadershipChanges.enter()
        defer { leadershipChanges.leave() }
        guard isLeader else { throw CallError(.undone, "No cluster leader") }
        let term = consensus.status.term
        stopLeading()
        let result: Swift.Result<Result, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        let status = consensus.status
        if status.role == .leader, status.term == term { _ = await beginLeading(in: term) }
        return try result.get()
    }

    /// Returns whether this server leads now: everything committed before is applied, the cluster has its identity, and the queues
    /// are filled.
    private func beginLeading(in term: UInt64) async -> Bool {
        contacts.withLock { $0.leadingSince = seam.time.uptime }
        autopilot.withLock { $0 = Autopilot() }
        do {
            try await consensus.barrier()
            if snapshot.clusterIdentity == nil {
                let identity = ClusterIdentity(id: seam.random.id(), createTime: seam.time.now)
                _ = try await propose(.clusterIdentity(identity))
            }
            // Whoever drove a restore leads no more.
            if let abandoned = snapshot.incomingRestore { try await propose(.restoreAbandon(id: abandoned)) }
        } catch {
            log.warning("leadership was lost before it began", metadata: ["error": "\(error)"])
            return false
        }
        heartbeats.enable(from: state.feed)
        locks.enable(from: state.feed)
        plans.enable(term: term)
        queue.enable(from: state.feed, term: term)
        isEstablished.store(true, ordering: .releasing)
        log.info("became the leader", metadata: ["raft.index": "\(snapshot.index)"])
        return true
    }

    private func stopLeading() {
        isEstablished.store(false, ordering: .releasing)
        queue.disable()
        plans.disable()
        heartbeats.disable()
        locks.disable()
        log.info("no longer the leader")
    }

    /// The leader's clock, and everybody's timeouts.
    func runClock() async throws {
        var nextCollection = seam.time.uptime + settings.collectionInterval
        while true {
            try await seam.time.sleep(for: ServerAgent.clockInterval)
            state.feed.expire(now: seam.time.uptime)
            relays.expire(now: seam.time.uptime)
            guard isLeader else { continue }
            await storeAutopilotConfiguration()
            if consensus.status.membership.members.count > 1 {
                await attempt("look after the servers") { try await self.runAutopilot() }
            }
            await attempt("let go of servers that left") { try await self.removeDeparted() }
            await attempt("save a snapshot for servers of an earlier release") {
                try await self.handOver()
            }
            await settleEvaluations()
            await revisitEachNode()
            await settleSilentNodes()
            await endExpiredLocks()
            await settleRootKeys()
            if seam.time.uptime >= nextCollection {
                nextCollection = seam.time.uptime + settings.collectionInterval
                await collectGarbage(force: false)
            }
        }
    }

    /// A server whose workers hold evaluations and that has not been heard of for so long holds them no more; 3 s.
    private static let borrowerSilenceMax = Duration.seconds(3)

    /// Marks the evaluations that were given up or became moot, and takes back those of servers that are gone.
    private func settleEvaluations() async {
        let now = seam.time.uptime
        queue.takeBack { silence(of: ServerID($0.server), now: now) > ServerAgent.borrowerSilenceMax }
        let due = queue.tick()
        var updates = due.cancelled.map { evaluation in
            evaluation.settled(
                .canceled, "canceled: a newer evaluation covers it or the job has ended", at: seam.time.now)
        }
        for evaluation in due.failed {
            updates.append(evaluation.settled(.failed, "maximum delivery attempts reached", at: seam.time.now))
            updates.append(evaluation.retry(id: seam.random.id(), at: seam.time.now))
        }
        guard !updates.isEmpty else { return }
        await attempt("settle evaluations") {
            do {
                _ = try await self.propose(.evaluationsUpdate(updates, time: self.seam.time.now))
            } catch {
                self.queue.putBack(failed: due.failed, cancelled: due.cancelled)
                throw error
            }
        }
    }

    /// Runs housekeeping whose failure is logged and met by the next round.
    func attempt(_ what: String, _ body: () async throws -> Void) async {
        do { try await body() } catch {
            log.warning(
                "housekeeping failed; the next round tries again", metadata: ["task": "\(what)", "error": "\(error)"])
        }
    }
}

extension Evaluation {
    /// The evaluation with a final status.
    fileprivate func settled(_ status: EvaluationStatus, _ description: String, at time: Timestamp) -> Evaluation {
        var settled = self
        settled.status = status
        settled.statusDescription = description
        settled.modifyTime = time
        return settled
    }

    /// A new try at what was given up, after five minutes.
    fileprivate func retry(id: ID, at time: Timestamp) -> Evaluation {
        var next = Evaluation()
        next.id = id
        next.namespace = namespace
        next.priority = priority
        next.type = type
        next.triggeredBy = .failedFollowUp
        next.jobID = jobID
        next.jobModifyIndex = jobModifyIndex
        next.status = .pending
        next.waitUntil = time + .seconds(300)
        next.previousEval = self.id
        next.createTime = time
        next.modifyTime = time
        return next
    }
}
