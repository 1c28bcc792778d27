import Basics
import Model
import Scheduling
import StateStore
import Testing

/// Groups whose instances are placed all or none, in the scheduler, the plan and the commit.
@Suite struct GangTests {
    private func job(count: Int, cpu: Int = 1_000) -> Job {
        var job = Job.sample("gang", count: count)
        job.taskGroups[0].gang = .own
        job.taskGroups[0].tasks[0].resources?.cpu = cpu
        return job
    }

    @Test func nothingIsPlacedWhenNotAllFit() throws {
        var harness = Harness(seed: 1)
        _ = harness.addNode()
        let job = job(count: 5)
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(harness.live(job).isEmpty && outcome.unplaced == ["g": 5] && outcome.blocked != nil)
        #expect(outcome.failed["g"]?.constraintFiltered == ["gang: not all of it finds a place": 1])
        _ = harness.addNode()
        try harness.process(try #require(outcome.blocked))
        #expect(harness.live(job).count == 5)
    }

    @Test func groupsOfANameStandTogether() throws {
        var harness = Harness(seed: 2)
        _ = harness.addNode()
        var job = job(count: 2)
        job.taskGroups[0].gang = .named("pair")
        var second = job.taskGroups[0]
        second.name = "h"
        second.tasks[0].resources?.cpu = 5_000
        var free = job.taskGroups[0]
        free.name = "free"
        free.gang = .none
        free.count = 1
        job.taskGroups += [second, free]
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(harness.live(job).map(\.taskGroup) == ["free"] && outcome.unplaced == ["g": 2, "h": 2])
    }

    @Test func applierDropsTheWholeGang() throws {
        var harness = Harness(seed: 3)
        for _ in 0..<2 { _ = harness.addNode() }
        let job = job(count: 8)
        let outcome = try harness.decide(try harness.register(job))
        // Another job takes room on one node before the plan arrives.
        var other = Job.sample("other")
        other.taskGroups[0].tasks[0].resources?.cpu = 2_000
        try harness.process(try harness.register(other))
        let result = harness.commit(outcome)
        #expect(result.isPartial && result.placed == 0 && harness.live(job).isEmpty)
    }

    @Test func aNodeThatGoesDownTakesTheGangWithIt() throws {
        var harness = Harness(seed: 4)
        let nodes = (0..<2).map { _ in harness.addNode() }
        let job = job(count: 8)
        let outcome = try harness.decide(try harness.register(job))
        let verdict = harness.verifier.verify(outcome.plan, on: harness.snapshot)
        _ = harness.setStatus(nodes[0], .down)
        let applied = harness.apply(.plans([verdict.plan]))
        #expect(harness.live(job).isEmpty)
        #expect(applied.evaluations.contains { $0.jobID == job.id })
    }
}
