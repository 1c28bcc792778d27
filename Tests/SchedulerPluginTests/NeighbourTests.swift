import Basics
import Model
import Scheduling
import StateStore
import Testing

/// Constraints and affinities over the labels of other jobs' allocations.
@Suite struct NeighbourTests {
    /// A cluster of four nodes, on one of which a job labelled `app = cache` runs.
    private func cluster(seed: UInt64) throws -> (Harness, NodeRow) {
        var harness = Harness(seed: seed)
        for _ in 0..<4 { _ = harness.addNode() }
        var cache = Job.sample("cache")
        cache.taskGroups[0].meta = ["app": "cache"]
        try harness.process(try harness.register(cache))
        return (harness, try #require(harness.live(cache).first).node)
    }

    @Test func constraintPutsBesideALabel() throws {
        var (harness, node) = try cluster(seed: 1)
        var job = Job.sample("web", count: 3)
        job.constraints = [Constraint("${alloc.meta.app}", "=", "cache")]
        try harness.process(try harness.register(job))
        #expect(harness.live(job).map(\.node) == [node, node, node])
    }

    @Test func constraintKeepsAwayFromALabel() throws {
        var (harness, node) = try cluster(seed: 2)
        var job = Job.sample("web", count: 12)
        job.constraints = [Constraint("${alloc.meta.app}", "!=", "cache")]
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(harness.live(job).count == 12 && !harness.live(job).map(\.node).contains(node))
        let metric = try #require(outcome.plan.placements.first?.metric)
        #expect(metric.constraintFiltered == ["${alloc.meta.app} != cache": 1])
    }

    @Test func affinityPrefersALabel() throws {
        var (harness, node) = try cluster(seed: 3)
        var job = Job.sample("web")
        var affinity = Affinity()
        (affinity.lTarget, affinity.operand, affinity.rTarget, affinity.weight) = (
            "${alloc.meta.app}", "=", "cache", 100
        )
        job.affinities = [affinity]
        try harness.process(try harness.register(job))
        #expect(harness.live(job).map(\.node) == [node])
    }

    /// A blocked evaluation waits for the labels because of which nodes were left out, not for all that its job names.
    @Test(arguments: [
        (left: "${alloc.meta.app}", right: "store", keys: Set(["app"])),
        ("${alloc.meta.app}", "cache", ["app"] as Set<String>),
        ("${attr.kernel.name}", "plan9", [] as Set<String>),
    ])
    func labelsThatKeepItBackAreKnown(left: String, right: String, keys: Set<String>) throws {
        var (harness, _) = try cluster(seed: 6)
        var job = Job.sample("web", count: 30)
        job.constraints = [Constraint(left, "=", right), Constraint("${alloc.meta.tier}", "is_not_set", "")]
        let (outcome, _) = try harness.process(try harness.register(job))
        let blocked = try #require(outcome.blocked)
        #expect(job.neighbourKeys(keepingBack: blocked) == keys)
    }

    @Test func ownLabelsDoNotCount() throws {
        var harness = Harness(seed: 4)
        _ = harness.addNode()
        var job = Job.sample("web", count: 2)
        job.meta = ["app": "web"]
        job.constraints = [Constraint("${alloc.meta.app}", "!=", "web")]
        try harness.process(try harness.register(job))
        #expect(harness.live(job).count == 2)
    }

    @Test func endedAllocationsDoNotCount() throws {
        var (harness, _) = try cluster(seed: 5)
        let cache = try #require(harness.snapshot.job("default", "cache"))
        harness.report(cache, .failed)
        var job = Job.sample("web")
        job.constraints = [Constraint("${alloc.meta.app}", "=", "cache")]
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(outcome.failed["g"]?.constraintFiltered == ["${alloc.meta.app} = cache": 4])
    }
}
