import Basics
import DroverSDK
import Model
import Scheduling
import StateStore
import Testing

/// Several evaluations of one job, one after the other, on the real state.
@Suite struct LifecycleTests {
    @Test func rollingUpdateReplacesAllStepByStep() throws {
        var harness = Harness(seed: 1)
        for _ in 0..<6 { _ = harness.addNode() }
        var job = Job.sample(count: 10)
        var update = UpdateStrategy()
        update.maxParallel = 3
        update.stagger = .seconds(30)
        job.taskGroups[0].update = update
        try harness.process(try harness.register(job))
        harness.report(job, .running)
        job.taskGroups[0].tasks[0].env = ["VERSION": "2"]
        var next: [Evaluation] = [try harness.register(job)]
        var replaced: [Int] = []
        while let evaluation = next.first {
            let (outcome, _) = try harness.process(evaluation)
            next = outcome.followUps
            replaced.append(outcome.plan.stops.count)
            #expect(next.allSatisfy { $0.waitUntil == harness.now + .seconds(30) })
            #expect(harness.live(job).count == 10)
            harness.report(job, .running)
            harness.now = harness.now + .seconds(30)
        }
        #expect(replaced == [3, 3, 3, 1])
        #expect(harness.live(job).allSatisfy { $0.jobVersion == 1 })
        #expect(Set(harness.live(job).map(\.nameIndex)) == Set(0..<10))
    }

    /// A limit that is new with an update holds for what is updated in place as well: the first of a name stays.
    @Test(arguments: [
        (Constraint("", "distinct_hosts", ""), JobType.service),
        (Constraint("${meta.rack}", "distinct_property", ""), .batch),
    ])
    func newLimitsMoveWhoBreaksThem(constraint: Constraint, type: JobType) throws {
        var harness = Harness(seed: 13)
        let first = harness.addNode { $0.meta["rack"] = "a" }
        var job = Job.sample(type: type, count: 3)
        try harness.process(try harness.register(job))
        let others = ["b", "c"].map { rack in harness.addNode { $0.meta["rack"] = rack } }
        job.constraints = [constraint]
        let (outcome, result) = try harness.process(try harness.register(job))
        #expect(!result.isPartial && outcome.plan.inPlaceUpdates.count == 1)
        let nodes = Dictionary(uniqueKeysWithValues: harness.live(job).map { ($0.nameIndex, $0.node) })
        #expect(nodes[0] == first && Set(nodes.values) == Set([first] + others))
    }

    /// Its replacement finds no room at first, and is its replacement still when it does.
    @Test func failedAllocationKeepsItsHistoryUntilThereIsRoom() throws {
        var harness = Harness(seed: 12)
        _ = harness.addNode { $0.nodeResources.cpu.cpuShares = 1_000 }
        let job = Job.sample()
        try harness.process(try harness.register(job))
        let first = try #require(harness.live(job).first)
        harness.report(job, .failed)
        var filler = Job.sample("filler", type: .batch)
        filler.taskGroups[0].tasks[0].resources?.cpu = 800
        try harness.process(try harness.register(filler))
        harness.now = harness.now + .seconds(60)
        var evaluation = Evaluation()
        (evaluation.id, evaluation.jobID, evaluation.type) = (ID(random: &harness.generator), job.id, .service)
        (evaluation.namespace, evaluation.priority) = ("default", 50)
        let (short, _) = try harness.process(evaluation)
        #expect(short.plan.stops.isEmpty && short.unplaced == ["g": 1])
        #expect(harness.snapshot.allocation(first.id)?.desiredStatus == .run)
        harness.report(filler, .complete)
        let (late, _) = try harness.process(try #require(short.blocked))
        let second = try #require(harness.live(job).first)
        #expect(second.previousAllocation == first.id && late.plan.stops.map(\.id) == [first.id])
        #expect(harness.snapshot.rescheduleTracker(of: second)?.events.map(\.prevAllocID) == [first.id])
    }

    @Test func failedAllocationMovesToAnotherNodeAfterItsWait() throws {
        var harness = Harness(seed: 2)
        for _ in 0..<3 { _ = harness.addNode() }
        let job = Job.sample()
        try harness.process(try harness.register(job))
        let first = try #require(harness.live(job).first)
        var failure = AllocationUpdate()
        failure.id = first.id
        failure.clientStatus = .failed
        let report = AllocationReports(updates: [failure], time: harness.now)
        let evaluation = try #require(harness.apply(.allocationUpdates(report)).evaluations.last)
        let (waiting, _) = try harness.process(evaluation)
        let later = try #require(waiting.followUps.first)
        #expect(later.waitUntil == harness.now + .seconds(30) && waiting.plan.placements.isEmpty)
        #expect(harness.snapshot.allocation(first.id)?.followupEvalID == later.id)

        harness.now = later.waitUntil
        try harness.process(later)
        let second = try #require(harness.live(job).first)
        #expect(second.node != first.node && second.previousAllocation == first.id && second.nameIndex == 0)
        let event = try #require(harness.snapshot.rescheduleTracker(of: second)?.events.first)
        #expect(event.prevAllocID == first.id && event.prevNodeID == harness.snapshot.node(first.node)?.id)
        #expect(event.delay == .seconds(30))
        #expect(harness.snapshot.allocation(first.id)?.nextAllocation == second.id)
    }

    @Test func partialCommitIsRetriedThenWaits() throws {
        var harness = Harness(seed: 3)
        let row = harness.addNode()
        let outcome = try harness.decide(try harness.register(Job.sample(count: 2)))
        // The node goes away between decision and commit.
        _ = harness.setStatus(row, .down)
        let verdict = harness.verifier.verify(outcome.plan, on: harness.snapshot)
        #expect(verdict.plan.isEmpty && verdict.result.rejected == [row: "node is not ready for placements"])
        guard case .retry(let index) = outcome.settle(verdict.result, attempt: 1) else {
            Issue.record("not retried")
            return
        }
        #expect(index == harness.snapshot.index)
        guard case .done(let evaluations) = outcome.settle(verdict.result, attempt: 5) else {
            Issue.record("retried for ever")
            return
        }
        #expect(evaluations.map(\.status) == [.failed, .pending])
        #expect(evaluations[0].nextEval == evaluations[1].id && evaluations[1].triggeredBy == .maxPlans)
        #expect(evaluations[1].waitUntil > harness.now)
    }

    @Test func allAtOnceIsAllOrNothing() throws {
        var harness = Harness(seed: 4)
        let rows = [harness.addNode(), harness.addNode()]
        var job = Job.sample(count: 4)
        job.allAtOnce = true
        let outcome = try harness.decide(try harness.register(job))
        _ = harness.setStatus(rows[0], .down)
        let verdict = harness.verifier.verify(outcome.plan, on: harness.snapshot)
        #expect(verdict.plan.placements.isEmpty && verdict.result.isPartial && verdict.result.placed == 0)
    }

    @Test func poolsAndDatacenters() throws {
        var harness = Harness(seed: 5)
        for number in 0..<6 {
            _ = harness.addNode {
                $0.nodePool = number < 2 ? "gpu" : ""
                $0.datacenter = number % 2 == 0 ? "east" : "west"
            }
        }
        for (pool, datacenters, evaluated) in [
            ("default", ["*"], 4), ("", ["e*"], 2), ("gpu", ["west"], 1), ("all", ["*"], 6), ("none", ["*"], 0),
        ] {
            var job = Job.sample("job-\(pool)", type: .system)
            job.nodePool = pool
            job.datacenters = datacenters
            let (outcome, result) = try harness.process(try harness.register(job))
            #expect(result.placed == evaluated)
            #expect(evaluated == 0 || outcome.plan.placements.first?.metric.nodesEvaluated == evaluated)
        }
    }

    /// A view moved forward step by step equals one made anew.
    @Test(arguments: 1...5)
    func patchedViewEqualsAFreshOne(seed: Int) throws {
        var harness = RandomCluster.make(seed: UInt64(seed), nodes: 40)
        var generator = SeededGenerator(seed: UInt64(seed))
        for step in 0..<25 {
            switch generator.next(upperBound: UInt64(4)) {
            case 0: _ = harness.addNode { $0.meta["rack"] = "r\(step)" }
            case 1: _ = harness.setStatus(NodeRow(generator.next(upperBound: UInt64(40))), .down)
            default: break
            }
            let evaluation = try harness.register(RandomCluster.job("job\(step)", &generator))
            try harness.process(evaluation)
            _ = try harness.decide(evaluation)
            let fresh = EvaluationProcessor()
            _ = fresh.prepare(evaluation, snapshot: harness.snapshot, now: harness.now, generator: &generator)
            let (left, right) = (try Columns(harness.processor.viewBytes), try Columns(fresh.viewBytes))
            #expect(left == right, "seed \(seed), step \(step)")
        }
    }

    /// The columns of a view that do not depend on its history.
    private struct Columns: Equatable {
        private var numbers: [[Int64]] = []

        init(_ bytes: UnsafeRawBufferPointer) throws {
            let view = ClusterView(try #require(bytes.baseAddress))
            let count = view.nodeCount
            func list(_ pointer: UnsafePointer<some FixedWidthInteger>?) -> [Int64] {
                (0..<count).map { Int64(truncatingIfNeeded: pointer?[$0] ?? 0) }
            }
            numbers = (0..<view.dimensionCount).flatMap { [list(view.capacity($0)), list(view.used($0))] }
            numbers += [list(view.flags), list(view.nodeKey), list(view.freePorts)]
        }
    }

    /// Whatever a scheduler writes, it is refused or makes a plan that the leader takes.
    @Test func damagedAnswersNeverPass() throws {
        var harness = RandomCluster.make(seed: 9, nodes: 20)
        var generator = SeededGenerator(seed: 9)
        let evaluation = try harness.register(Job.sample(count: 12))
        let prepared = harness.processor.prepare(
            evaluation, snapshot: harness.snapshot, now: harness.now, generator: &harness.generator)
        let good = try harness.answer()
        var accepted = 0
        for _ in 0..<3_000 {
            var bytes = good
            for _ in 0...generator.next(upperBound: UInt64(3)) {
                let position = Int(generator.next(upperBound: UInt64(bytes.count)))
                bytes[position] = UInt8(truncatingIfNeeded: generator.next() & 15)
            }
            if generator.next() & 7 == 0 { bytes.removeLast(Int(generator.next(upperBound: UInt64(bytes.count)))) }
            guard let outcome = try? harness.finish(prepared, bytes) else { continue }
            accepted += 1
            let verdict = harness.verifier.verify(outcome.plan, on: harness.snapshot)
            harness.verifier.release(verdict.ticket)
            #expect(verdict.result.rejected.isEmpty)
        }
        #expect(accepted > 0 && accepted < 3_000)
    }
}
