import Basics
import Model
import Testing

@testable import StateStore

extension Fixture {
    @discardableResult
    mutating func setQuota(_ name: String, cpu: Int) -> ApplyOutcome {
        var quota = QuotaSpec()
        quota.name = name
        var limit = QuotaLimit()
        limit.region = "global"
        limit.regionLimit.cpu = cpu
        quota.limits = [limit]
        return apply(.quotaUpsert(quota))
    }

    @discardableResult
    mutating func setNamespace(_ name: String, quota: String) -> ApplyOutcome {
        var namespace = Namespace()
        namespace.name = name
        namespace.quota = quota
        return apply(.namespaceUpsert(namespace))
    }
}

@Suite struct QuotaTests {
    @Test func usageFollowsTheAllocations() {
        var fixture = Fixture()
        _ = fixture.addNodes(2)
        fixture.setQuota("small", cpu: 1_000)
        #expect(fixture.setNamespace("default", quota: "small").freedQuotas.isEmpty)
        fixture.register(fixture.job("api"))
        let plan = fixture.plan("api", count: 3)
        #expect(fixture.apply(.plans([plan])).freedQuotas.isEmpty)
        #expect(fixture.snapshot.held(quota: "small").cpu == 300 && fixture.snapshot.held(quota: "small").memory == 192)
        let index = fixture.snapshot.tableIndex(.quotaUsages)
        #expect(fixture.send([fixture.report(plan.placements[0].ids[0], .running)]).freedQuotas.isEmpty)
        #expect(fixture.snapshot.tableIndex(.quotaUsages) == index)
        #expect(fixture.send([fixture.report(plan.placements[0].ids[0], .complete)]).freedQuotas == ["small"])
        #expect(fixture.snapshot.held(quota: "small").cpu == 200)
        var stop = fixture.plan("api", count: 0)
        stop.stops = [PlannedStop(id: plan.placements[0].ids[1], description: "stop")]
        #expect(fixture.apply(.plans([stop])).freedQuotas == ["small"])
        #expect(fixture.snapshot.held(namespace: "default").cpu == 100)
        let usage = fixture.snapshot.quotaUsage("small", region: "global")
        #expect(usage?.used.values.map(\.regionLimit.cpu) == [100])
    }

    /// A replacement gives a quota nothing back, so nobody is woken by it.
    @Test func aReplacementFreesNothing() {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.setQuota("small", cpu: 1_000)
        fixture.setNamespace("default", quota: "small")
        fixture.register(fixture.job("api"))
        let first = fixture.plan("api", count: 1)
        fixture.apply(.plans([first]))
        var second = fixture.plan("api", count: 1)
        second.stops = [PlannedStop(id: first.placements[0].ids[0], description: "update")]
        #expect(fixture.apply(.plans([second])).freedQuotas.isEmpty)
        #expect(fixture.snapshot.held(quota: "small").cpu == 100)
    }

    @Test func aNamespaceTakesItsUseAlong() {
        var fixture = Fixture()
        _ = fixture.addNodes(1)
        fixture.setQuota("one", cpu: 1_000)
        fixture.setQuota("two", cpu: 1_000)
        fixture.register(fixture.job("api"))
        fixture.apply(.plans([fixture.plan("api", count: 2)]))
        fixture.setNamespace("default", quota: "one")
        #expect(fixture.snapshot.held(quota: "one").cpu == 200)
        #expect(fixture.setNamespace("default", quota: "two").freedQuotas == ["one"])
        #expect(fixture.snapshot.held(quota: "one").cpu == 0 && fixture.snapshot.held(quota: "two").cpu == 200)
        #expect(fixture.setNamespace("default", quota: "").freedQuotas == ["two"])
        #expect(fixture.snapshot.held(namespace: "default").cpu == 200)
    }

    @Test func onlyChangedLimitsWake() {
        var fixture = Fixture()
        #expect(fixture.setQuota("one", cpu: 100).freedQuotas.isEmpty)
        #expect(fixture.setQuota("one", cpu: 100).freedQuotas.isEmpty)
        #expect(fixture.setQuota("one", cpu: 200).freedQuotas == ["one"])
        #expect(fixture.snapshot.quota("one")?.createIndex == 11 && fixture.snapshot.quota("one")?.modifyIndex == 13)
    }

    @Test func whatIsInUseStays() {
        var fixture = Fixture()
        #expect(fixture.setNamespace("team", quota: "none").refusal?.kind == .invalid)
        fixture.setQuota("one", cpu: 100)
        fixture.setNamespace("team", quota: "one")
        #expect(fixture.apply(.quotaDelete(name: "one")).refusal?.message.contains("\"team\"") == true)
        var job = fixture.job("api")
        job.namespace = "team"
        fixture.register(job)
        #expect(fixture.apply(.namespaceDelete(name: "team")).refusal?.message.contains("\"api\"") == true)
        #expect(fixture.apply(.namespaceDelete(name: "default")).refusal?.kind == .invalid)
        #expect(fixture.apply(.namespaceDelete(name: "gone")).refusal?.kind == .notFound)
        #expect(fixture.apply(.quotaDelete(name: "gone")).refusal?.kind == .notFound)
        fixture.setNamespace("team", quota: "")
        #expect(fixture.apply(.quotaDelete(name: "one")).refusal == nil)
        #expect(fixture.snapshot.quotas.isEmpty)
    }
}
