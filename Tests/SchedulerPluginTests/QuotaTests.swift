import Basics
import Model
import Scheduling
import StateStore
import Testing

/// Quotas from registration to commit: what is cut, what is said about it, and who waits for what.
@Suite struct QuotaTests {
    /// A harness with plenty of nodes whose default namespace is under a quota.
    private func harness(cpu: Int = 0, memory: Int = 0) -> Harness {
        var harness = Harness(seed: 1)
        for _ in 0..<3 { _ = harness.addNode() }
        harness.setQuota(cpu: cpu, memory: memory)
        return harness
    }

    @Test func placementsAreCutAndTheRestWaitsForTheQuotaAlone() throws {
        var harness = harness(cpu: 1_200)
        let job = Job.quotaSample(count: 4)
        let (outcome, result) = try harness.process(try harness.register(job))
        #expect(harness.live(job).count == 2 && !result.isPartial)
        #expect(outcome.unplaced == ["g": 2] && outcome.evaluation.queuedAllocations == ["g": 2])
        let metric = try #require(outcome.failed["g"])
        #expect(metric.quotaExhausted == ["cpu: 500 MHz asked, 200 MHz left"])
        #expect(metric.coalescedFailures == 1 && metric.nodesEvaluated == 3 && metric.nodesExhausted == 0)
        let blocked = try #require(outcome.blocked)
        #expect(blocked.quotaLimitReached == "small" && blocked.classEligibility.isEmpty)
        let (any, all) = (blocked.quotaNeed?.any ?? [], blocked.quotaNeed?.all)
        #expect(any.map(\.cpu) == [500] && any.map(\.memoryMB) == [256] && all?.cpu == 1_000 && all?.memoryMB == 512)
        #expect(!blocked.escapedComputedClass && outcome.evaluation.quotaLimitReached == "")
    }

    @Test func withoutAnyRoomNoSchedulerIsAsked() throws {
        var harness = harness(cpu: -1, memory: 100)
        let job = Job.quotaSample(count: 2)
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(harness.live(job).isEmpty && outcome.blocked?.quotaLimitReached == "small")
        #expect(
            outcome.failed["g"]?.quotaExhausted
                == ["cpu: 500 MHz asked, 0 MHz left", "memory: 256 MiB asked, 100 MiB left"])
    }

    @Test func aRaisedQuotaLetsTheRestIn() throws {
        var harness = harness(cpu: 1_000)
        let job = Job.quotaSample(count: 4)
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(harness.setQuota(cpu: 2_000).freedQuotas == ["small"])
        try harness.process(try #require(outcome.blocked))
        #expect(harness.live(job).count == 4)
    }

    @Test func jobsOfOtherNamespacesAndRegionsAreFree() throws {
        var harness = harness(cpu: 100)
        var namespace = Namespace()
        namespace.name = "team"
        harness.apply(.namespaceUpsert(namespace))
        var job = Job.quotaSample(count: 2)
        job.namespace = "team"
        try harness.process(try harness.register(job))
        #expect(harness.live(job).count == 2)
        var abroad = Job.quotaSample("abroad", count: 2)
        abroad.region = "other"
        try harness.process(try harness.register(abroad))
        #expect(harness.live(abroad).count == 2)
    }

    /// What a plan stops makes room for what it places; an update that finds none leaves the old version running.
    @Test func updatesCountTheDifference() throws {
        var harness = harness(cpu: 1_000)
        var job = Job.quotaSample(count: 2)
        try harness.process(try harness.register(job))
        job.taskGroups[0].tasks[0].env = ["A": "1"]
        try harness.process(try harness.register(job))
        #expect(Set(harness.live(job).map(\.jobVersion)) == [1] && harness.live(job).count == 2)
        job.taskGroups[0].tasks[0].resources?.cpu = 600
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(Set(harness.live(job).map(\.jobVersion)) == [1] && harness.live(job).count == 2)
        #expect(outcome.plan.stops.isEmpty)
        #expect(outcome.failed["g"]?.quotaExhausted == ["cpu: 100 MHz asked, 0 MHz left"])
    }

    /// A quota lowered below what is used stops nothing and lets replacements through.
    @Test func aLoweredQuotaKeepsWhatRuns() throws {
        var harness = harness(cpu: 2_000)
        var job = Job.quotaSample(count: 3)
        try harness.process(try harness.register(job))
        harness.setQuota(cpu: 500)
        job.taskGroups[0].tasks[0].env = ["A": "1"]
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(harness.live(job).count == 3 && outcome.failed.isEmpty)
        #expect(Set(harness.live(job).map(\.jobVersion)) == [1])
    }

    @Test func aGangIsCutAsAWhole() throws {
        var harness = harness(cpu: 1_400)
        var job = Job.quotaSample(count: 3)
        job.taskGroups[0].gang = .own
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(harness.live(job).isEmpty && outcome.unplaced == ["g": 3])
        #expect(outcome.failed["g"]?.quotaExhausted == ["cpu: 1500 MHz asked, 1400 MHz left"])
    }

    @Test func systemJobsGetTheNodesThereIsRoomFor() throws {
        var harness = harness(cpu: 1_000)
        let job = Job.quotaSample(type: .system)
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(harness.live(job).count == 2 && outcome.unplaced == ["g": 1])
    }

    @Test func whoLacksNodesAndQuotaWaitsForBoth() throws {
        var harness = harness(cpu: 3_000)
        var job = Job.quotaSample(count: 1)
        job.taskGroups[0].tasks[0].resources?.memoryMB = 100_000
        var second = Job.quotaSample(count: 9).taskGroups[0]
        second.name = "h"
        job.taskGroups.append(second)
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(outcome.unplaced == ["g": 1, "h": 4])
        let blocked = try #require(outcome.blocked)
        #expect(blocked.quotaLimitReached == "small" && !blocked.classEligibility.isEmpty)
        #expect(outcome.failed["g"]?.quotaExhausted == [] && outcome.failed["h"]?.quotaExhausted.count == 1)
    }
}

/// The leader's check of plans that were made side by side.
@Suite struct QuotaPlanTests {
    private func decided(_ harness: inout Harness, _ count: Int, gang: Gang = .none) throws -> [EvaluationOutcome] {
        for _ in 0..<4 { _ = harness.addNode() }
        harness.setQuota(cpu: 2_500)
        return try ["a", "b"].map { name in
            var job = Job.quotaSample(name, count: count)
            job.taskGroups[0].gang = gang
            return try harness.decide(try harness.register(job))
        }
    }

    @Test func aLaterPlanLosesItsEnd() throws {
        var harness = Harness(seed: 3)
        let outcomes = try decided(&harness, 3)
        #expect(!harness.commit(outcomes[0]).isPartial)
        let result = harness.commit(outcomes[1])
        #expect(result.placed == 2 && result.quotaLimitReached == "small" && result.rejected.isEmpty)
        #expect(harness.live(Job.sample("b")).map(\.nameIndex) == [0, 1])
        #expect(harness.snapshot.held(quota: "small").cpu == 2_500)
    }

    @Test func aGangGoesAsAWhole() throws {
        var harness = Harness(seed: 4)
        let outcomes = try decided(&harness, 3, gang: .own)
        #expect(!harness.commit(outcomes[0]).isPartial)
        #expect(harness.commit(outcomes[1]).placed == 0 && harness.live(Job.sample("b")).isEmpty)
    }

    @Test func plansInFlightCount() throws {
        var harness = Harness(seed: 5)
        let outcomes = try decided(&harness, 3)
        let first = harness.verifier.verify(outcomes[0].plan, on: harness.snapshot)
        let second = harness.verifier.verify(outcomes[1].plan, on: harness.snapshot)
        #expect(first.result.placed == 3 && second.result.placed == 2)
        harness.verifier.release(first.ticket)
        harness.verifier.release(second.ticket)
        #expect(harness.verifier.verify(outcomes[1].plan, on: harness.snapshot).result.placed == 3)
    }

    /// What a plan in flight stops may end by itself before the plan is part of the state.
    @Test func whatEndsBeforeItsStopGivesBackOnce() throws {
        var harness = Harness(seed: 8)
        for _ in 0..<4 { _ = harness.addNode() }
        harness.setQuota(cpu: 1_000)
        var job = Job.quotaSample(count: 2)
        try harness.process(try harness.register(job))
        job.taskGroups[0].tasks[0].env = ["VERSION": "2"]
        let update = try harness.decide(try harness.register(job))
        let first = harness.verifier.verify(update.plan, on: harness.snapshot)
        harness.report(job, .complete)
        let other = try harness.decide(try harness.register(Job.quotaSample("other", count: 2)))
        let second = harness.verifier.verify(other.plan, on: harness.snapshot)
        #expect(first.result.placed == 2 && second.result.placed == 0 && second.result.quotaLimitReached == "small")
        harness.verifier.release(first.ticket)
        #expect(harness.verifier.verify(other.plan, on: harness.snapshot).result.placed == 2)
    }

    /// A worker that never gets through ends up waiting for the quota.
    @Test func whoGivesUpWaitsForTheQuota() throws {
        var harness = Harness(seed: 6)
        let outcomes = try decided(&harness, 3)
        _ = harness.commit(outcomes[0])
        let verdict = harness.verifier.verify(outcomes[1].plan, on: harness.snapshot)
        guard case .done(let evaluations) = outcomes[1].settle(verdict.result, attempt: 9) else {
            Issue.record("the worker goes on for ever")
            return
        }
        #expect(evaluations.last?.quotaLimitReached == "small" && evaluations.last?.status == .blocked)
    }

    /// An update whose placement is dropped keeps what it was to replace.
    @Test func aDroppedReplacementKeepsTheOldOne() throws {
        var harness = Harness(seed: 7)
        for _ in 0..<4 { _ = harness.addNode() }
        harness.setQuota(cpu: 2_000)
        var job = Job.quotaSample(count: 2)
        try harness.process(try harness.register(job))
        job.taskGroups[0].tasks[0].resources?.cpu = 900
        let update = try harness.decide(try harness.register(job))
        try harness.process(try harness.register(Job.quotaSample("other")))
        let result = harness.commit(update)
        #expect(result.placed == 1 && harness.live(job).count == 2)
        #expect(harness.snapshot.held(quota: "small").cpu == 1_900)
    }
}

extension Harness {
    /// Puts the default namespace under a quota of the region `global`.
    @discardableResult
    mutating func setQuota(cpu: Int = 0, memory: Int = 0) -> ApplyOutcome {
        var quota = QuotaSpec()
        quota.name = "small"
        var limit = QuotaLimit()
        limit.region = "global"
        (limit.regionLimit.cpu, limit.regionLimit.memoryMB) = (cpu, memory)
        quota.limits = [limit]
        let outcome = apply(.quotaUpsert(quota))
        var namespace = Namespace()
        namespace.name = "default"
        namespace.quota = "small"
        apply(.namespaceUpsert(namespace))
        return outcome
    }
}

extension Job {
    static func quotaSample(_ id: String = "web", type: JobType = .service, count: Int = 1) -> Job {
        var job = Job.sample(id, type: type, count: count)
        job.region = "global"
        return job
    }
}
