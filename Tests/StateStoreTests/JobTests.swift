import Basics
import Model
import Testing

@testable import StateStore

@Suite struct JobTests {
    @Test func registrationMakesVersionsAndEvaluations() throws {
        var fixture = Fixture()
        let first = fixture.register(fixture.job("web", count: 1))
        let job = try #require(fixture.snapshot.job("default", "web"))
        #expect(job.version == 0)
        #expect(job.createIndex == first.index)
        #expect(job.jobModifyIndex == first.index)
        #expect(job.status == .pending)
        let evaluation = try #require(first.evaluations.first)
        #expect(evaluation.triggeredBy == .jobRegister)
        #expect(evaluation.type == .service)
        #expect(evaluation.createTime == job.submitTime)
        let same = fixture.register(fixture.job("web", count: 1))
        #expect(fixture.snapshot.job("default", "web")?.version == 0)
        #expect(same.evaluations.count == 1)
        fixture.register(fixture.job("web", count: 2))
        #expect(fixture.snapshot.job("default", "web")?.version == 1)
        #expect(fixture.snapshot.job("default", "web")?.createIndex == first.index)
        #expect(fixture.snapshot.jobVersions("default", "web").map { $0.taskGroups[0].count } == [2, 1])
    }

    @Test(arguments: [
        (exists: false, expected: UInt64(0), refused: ""),
        (false, 7, "Enforcing job modify index 7: job does not exist"),
        (true, 0, "Enforcing job modify index 0: job already exists"), (true, 11, ""),
        (true, 12, "Enforcing job modify index 12: job exists with conflicting job modify index: 11"),
    ])
    func checkAndSet(exists: Bool, expected: UInt64, refused: String) {
        var fixture = Fixture()
        if exists { fixture.register(fixture.job("web")) }
        var registration = JobRegistration(job: fixture.job("web", count: 9), time: fixture.time)
        registration.expectedIndex = expected
        let outcome = fixture.apply(.jobRegister(registration))
        #expect(outcome.refusal?.message ?? "" == refused)
        #expect(outcome.refusal == nil || outcome.evaluations.isEmpty)
    }

    @Test func countsMayBePreserved() {
        var fixture = Fixture()
        fixture.register(fixture.job("web", count: 7))
        var registration = JobRegistration(
            job: fixture.job("web", count: 1, groups: ["web", "new"]), time: fixture.time)
        registration.preserveCounts = true
        fixture.apply(.jobRegister(registration))
        #expect(fixture.snapshot.job("default", "web")?.taskGroups.map(\.count) == [7, 1])
    }

    @Test func oldVersionsAreDroppedUnlessAllocationsAreOfThem() {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.register(fixture.job("web", count: 1))
        let plan = fixture.plan("web", count: 1)
        fixture.apply(.plans([plan]))
        for count in 2...12 { fixture.register(fixture.job("web", count: count)) }
        #expect(fixture.snapshot.jobVersions("default", "web").count == JobRecord.versionCountMax)
        #expect(fixture.snapshot.allocation(plan.placements[0].ids[0])?.job?.version == 0)
        #expect(fixture.snapshot.job("default", "web", version: 3) == nil)
    }

    @Test func statusAndSummaryFollowTheWork() throws {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        var evaluation = try #require(fixture.register(fixture.job("sum", type: .batch, count: 2)).evaluations.first)
        func status() -> JobStatus? { fixture.snapshot.job("default", "sum")?.status }
        func summary() -> TaskGroupSummary? { fixture.snapshot.jobSummary("default", "sum")?.summary["web"] }
        #expect(status() == .pending)
        let plan = fixture.plan("sum", count: 2, evaluation: evaluation.id)
        fixture.apply(.plans([plan]))
        evaluation.status = .complete
        evaluation.queuedAllocations = ["web": 3]
        fixture.apply(.evaluationsUpdate([evaluation], time: fixture.time))
        #expect(status() == .running)
        #expect(summary()?.queued == 3)
        let ids = plan.placements[0].ids
        fixture.send([fixture.report(ids[0], .running), fixture.report(ids[1], .running)])
        #expect(summary()?.running == 2)
        #expect(summary()?.starting == 0)
        let outcome = fixture.send([fixture.report(ids[0], .complete), fixture.report(ids[1], .complete)])
        #expect(outcome.evaluations.isEmpty)
        #expect(summary()?.complete == 2)
        #expect(status() == .dead)
    }

    @Test(arguments: [
        (type: JobType.service, status: AllocationClientStatus.failed, evaluations: 1), (.service, .complete, 1),
        (.batch, .complete, 0), (.batch, .failed, 1), (.service, .running, 0), (.service, .lost, 1),
    ])
    func endedWorkIsLookedAt(type: JobType, status: AllocationClientStatus, evaluations: Int) throws {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.register(fixture.job("a", type: type, count: 2))
        let plan = fixture.plan("a", count: 2)
        fixture.apply(.plans([plan]))
        let outcome = fixture.send(plan.placements[0].ids.map { fixture.report($0, status) })
        #expect(outcome.evaluations.map(\.triggeredBy) == Array(repeating: .retryFailedAllocation, count: evaluations))
    }

    @Test func stoppedJobsEndWithAnEvaluation() throws {
        var fixture = Fixture()
        fixture.register(fixture.job("web"))
        let key = JobKey(namespace: "default", id: "web")
        let outcome = fixture.apply(.jobDeregister(JobDeregistration(key: key, time: fixture.time)))
        #expect(outcome.evaluations.map(\.triggeredBy) == [.jobDeregister])
        #expect(outcome.endedJobs == [key])
        #expect(fixture.snapshot.job("default", "web")?.stop == true)
        #expect(fixture.snapshot.job("default", "web")?.version == 1)
        let missing = JobKey(namespace: "default", id: "nothing")
        #expect(
            fixture.apply(.jobDeregister(JobDeregistration(key: missing, time: fixture.time))).refusal?.kind
                == .notFound)
    }

    @Test func aPurgedJobsNamesakeStartsAnew() throws {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        let first = fixture.register(fixture.job("web", count: 1)).index
        let plan = fixture.plan("web", count: 1)
        fixture.apply(.plans([plan]))
        var request = JobDeregistration(key: JobKey(namespace: "default", id: "web"), time: fixture.time)
        request.purge = true
        fixture.apply(.jobDeregister(request))
        #expect(fixture.snapshot.job("default", "web") == nil)
        #expect(fixture.snapshot.allocations(ofJob: "web", namespace: "default").count == 1)
        let second = fixture.register(fixture.job("web", count: 1)).index
        #expect(fixture.snapshot.job("default", "web")?.version == 0)
        #expect(fixture.snapshot.job("default", "web")?.createIndex == second)
        let rows = fixture.snapshot.allocations(ofJob: "web", namespace: "default")
        #expect(rows.map(\.jobCreateIndex) == [first])
        #expect(fixture.snapshot.jobVersions("default", "web").count == 1)
    }

    @Test func aSuccessfulEvaluationCancelsBlockedOnes() throws {
        var fixture = Fixture()
        var evaluation = try #require(fixture.register(fixture.job("web")).evaluations.first)
        var blocked = evaluation
        blocked.id = ID(high: 9, low: 9)
        blocked.status = .blocked
        fixture.apply(.evaluationsUpdate([blocked], time: fixture.time))
        #expect(fixture.snapshot.job("default", "web")?.status == .pending)
        evaluation.status = .complete
        fixture.apply(.evaluationsUpdate([evaluation], time: fixture.time))
        let after = try #require(fixture.snapshot.evaluation(blocked.id))
        #expect(after.status == .canceled)
        #expect(after.statusDescription == "evaluation \"\(evaluation.id)\" successful")
    }

    @Test func inPlaceUpdatesTakeOnTheNewVersion() throws {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.register(fixture.job("web", count: 2, groups: ["other", "web"]))
        let plan = fixture.plan("web", count: 2)
        fixture.apply(.plans([plan]))
        var changed = fixture.job("web", count: 2, groups: ["web"])
        changed.taskGroups[0].tasks[0].resources?.cpu = 250
        fixture.register(changed)
        var update = Plan()
        update.namespace = "default"
        update.jobID = "web"
        update.jobVersion = 1
        update.inPlaceUpdates = [plan.placements[0].ids[0]]
        fixture.apply(.plans([update]))
        let row = try #require(fixture.snapshot.allocationRow(plan.placements[0].ids[0]))
        #expect(row.jobVersion == 1)
        #expect(row.groupIndex == 0)
        #expect(fixture.snapshot.nodeUsage(0).cpu == 350)
        #expect(fixture.snapshot.jobSummary("default", "web")?.summary["web"]?.starting == 2)
        #expect(fixture.snapshot.job("default", "web")?.status == .running)
    }
}
