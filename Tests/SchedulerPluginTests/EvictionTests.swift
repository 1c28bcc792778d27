import Basics
import CDroverABI
import Model
import Scheduling
import StateStore
import Testing

/// Pre-emption from the evaluation to the committed plan.
@Suite struct EvictionTests {
    /// One node that four instances of a job of priority `filler` fill.
    private func full(seed: UInt64, filler: Int = 20, nodes: Int = 1) throws -> (Harness, Job) {
        var harness = Harness(seed: seed)
        for _ in 0..<nodes { _ = harness.addNode() }
        var job = Job.sample("filler", type: .batch, count: 4 * nodes)
        job.priority = filler
        job.taskGroups[0].tasks[0].resources?.cpu = 1_000
        try harness.process(try harness.register(job))
        #expect(harness.live(job).count == 4 * nodes)
        return (harness, job)
    }

    private func urgent(_ priority: Int, type: JobType = .service, count: Int = 1, cpu: Int = 900) -> Job {
        var job = Job.sample("urgent", type: type, count: count)
        job.priority = priority
        job.taskGroups[0].tasks[0].resources?.cpu = cpu
        return job
    }

    private func allow(_ harness: inout Harness) {
        var configuration = SchedulerConfiguration()
        configuration.preemptionConfig.serviceSchedulerEnabled = true
        configuration.preemptionConfig.batchSchedulerEnabled = true
        harness.apply(.schedulerConfiguration(SchedulerConfigurationChange(configuration: configuration)))
    }

    @Test(arguments: [
        (priority: 30, allowed: true, placed: 1), (29, true, 0), (100, false, 0),
    ])
    func evictsOnlyLowerPriorityAndWhenAllowed(priority: Int, allowed: Bool, placed: Int) throws {
        var (harness, filler) = try full(seed: 1)
        if allowed { allow(&harness) }
        let job = urgent(priority)
        let (outcome, result) = try harness.process(try harness.register(job))
        #expect(!result.isPartial && harness.live(job).count == placed)
        #expect(harness.live(filler).count == 4 - placed)
        guard placed > 0 else { return }
        let winner = try #require(harness.live(job).first)
        let victim = try #require(outcome.plan.stops.first { $0.desiredStatus == .evict })
        let evicted = try #require(harness.snapshot.allocation(victim.id))
        #expect(evicted.preemptedByAllocation == winner.id && evicted.desiredStatus == .evict)
        #expect(evicted.desiredDescription == "Preempted by alloc ID \(winner.id)")
        #expect(harness.snapshot.allocation(winner.id)?.preemptedAllocations == [victim.id])
        #expect(outcome.desired["g"]?.preemptions == 1)
    }

    @Test func victimsJobIsEvaluatedAgain() throws {
        var (harness, filler) = try full(seed: 2)
        allow(&harness)
        let outcome = try harness.decide(try harness.register(urgent(90)))
        let verdict = harness.verifier.verify(outcome.plan, on: harness.snapshot)
        let applied = harness.apply(.plans([verdict.plan]))
        #expect(applied.evaluations.map(\.jobID) == [filler.id])
        #expect(applied.evaluations.first?.triggeredBy == .preemption)
    }

    @Test func nothingIsEvictedWhereThereIsRoom() throws {
        var (harness, filler) = try full(seed: 3)
        _ = harness.addNode()
        allow(&harness)
        let job = urgent(90, count: 4)
        try harness.process(try harness.register(job))
        #expect(harness.live(job).count == 4 && harness.live(filler).count == 4)
    }

    @Test func systemJobsPreemptOnEachNode() throws {
        var (harness, filler) = try full(seed: 4, nodes: 3)
        let job = urgent(90, type: .system)
        try harness.process(try harness.register(job))
        #expect(Set(harness.live(job).map(\.node)).count == 3 && harness.live(filler).count == 9)
    }

    @Test func applierSparesAVictimThatHasRisen() throws {
        var (harness, filler) = try full(seed: 5)
        allow(&harness)
        let job = urgent(50)
        let outcome = try harness.decide(try harness.register(job))
        #expect(outcome.plan.stops.count == 1)
        filler.priority = 45
        try harness.process(try harness.register(filler))
        let result = harness.commit(outcome)
        #expect(result.isPartial && harness.live(job).isEmpty && harness.live(filler).count == 4)
    }

    @Test func applierNeedsNoVictimThatEndedMeanwhile() throws {
        var (harness, filler) = try full(seed: 6)
        allow(&harness)
        let job = urgent(50)
        let outcome = try harness.decide(try harness.register(job))
        harness.report(filler, .complete)
        let result = harness.commit(outcome)
        #expect(!result.isPartial && harness.live(job).count == 1)
        let victim = try #require(harness.snapshot.allocation(outcome.plan.stops[0].id))
        #expect(victim.desiredStatus == .run && victim.preemptedByAllocation.isNone)
    }

    /// A node that one allocation fills, and plans for it that are in flight side by side.
    private func contested(seed: UInt64) throws -> (Harness, Job) {
        var harness = Harness(seed: seed)
        _ = harness.addNode()
        var filler = Job.sample("filler", type: .batch)
        filler.priority = 20
        filler.taskGroups[0].tasks[0].resources?.cpu = 4_000
        try harness.process(try harness.register(filler))
        allow(&harness)
        return (harness, filler)
    }

    @Test func plansInFlightShareNoVictim() throws {
        var (harness, _) = try contested(seed: 7)
        let outcomes = try ["a", "b"].map { name in
            var job = urgent(50)
            job.id = name
            return try harness.decide(try harness.register(job))
        }
        let verdicts = outcomes.map { harness.verifier.verify($0.plan, on: harness.snapshot) }
        let victims = outcomes.map { $0.plan.stops.map(\.id) }
        #expect(verdicts.map(\.result.placed) == [1, 0] && victims[0] == victims[1])
        #expect(verdicts[1].result.rejected.values.first == "allocation \(victims[0][0]) is stopped by another plan")
        harness.verifier.release(verdicts[0].ticket)
        #expect(harness.verifier.verify(outcomes[1].plan, on: harness.snapshot).result.placed == 1)
    }

    /// The victim's own job replaces it where it was: the room it leaves is given away already.
    @Test func aVictimsRoomIsGivenOnce() throws {
        var (harness, filler) = try contested(seed: 8)
        let eviction = try harness.decide(try harness.register(urgent(50)))
        filler.taskGroups[0].tasks[0].env = ["VERSION": "2"]
        let update = try harness.decide(try harness.register(filler))
        let verdicts = [eviction, update].map { harness.verifier.verify($0.plan, on: harness.snapshot) }
        #expect(verdicts.map(\.result.placed) == [1, 0])
        #expect(verdicts[1].result.rejected.values.first == "cpu exhausted")
    }

    /// What a plan in flight stops may end by itself before the plan is part of the state.
    @Test(arguments: [true, false])
    func whatEndsBeforeItsStopFreesItsRoomOnce(usesPort: Bool) throws {
        var (harness, filler) = try contested(seed: 9)
        var other = urgent(50)
        if usesPort {
            filler.taskGroups[0].tasks[0].resources?.cpu = 100
            filler.taskGroups[0].networks = [.staticPort(8_080)]
            other.taskGroups[0].networks = [.staticPort(8_080)]
            try harness.process(try harness.register(filler))
        }
        filler.taskGroups[0].tasks[0].env = ["VERSION": "2"]
        let update = try harness.decide(try harness.register(filler))
        #expect(harness.verifier.verify(update.plan, on: harness.snapshot).result.placed == 1)
        harness.report(filler, .complete)
        let late = try harness.decide(try harness.register(other))
        #expect(late.plan.placements.count == 1 && late.plan.stops.isEmpty)
        let verdict = harness.verifier.verify(late.plan, on: harness.snapshot)
        #expect(verdict.result.placed == 0)
        #expect(verdict.result.rejected.values.first == (usesPort ? "port 8080 is taken" : "cpu exhausted"))
    }

    /// Room for a large instance among many small ones.
    @Test func asManyAreOfferedAsMakeRoom() throws {
        var harness = Harness(seed: 11)
        _ = harness.addNode()
        allow(&harness)
        var small = Job.sample("small", type: .batch, count: 100)
        small.priority = 20
        small.taskGroups[0].tasks[0].resources?.cpu = 40
        small.taskGroups[0].tasks[0].resources?.memoryMB = 10
        try harness.process(try harness.register(small))
        let job = urgent(50, cpu: 3_200)
        try harness.process(try harness.register(job))
        #expect(harness.live(job).count == 1 && harness.live(small).count == 20)
    }

    /// A scheduler that puts an instance where a static port is held and evicts nobody.
    @Test func aPortIsNotTakenFromWhoStays() throws {
        var harness = Harness(seed: 10)
        _ = harness.addNode()
        var (holder, job) = (Job.sample("holder"), urgent(50))
        holder.priority = 20
        holder.taskGroups[0].networks = [.staticPort(8_080)]
        job.taskGroups[0].networks = [.staticPort(8_080)]
        try harness.process(try harness.register(holder))
        allow(&harness)
        let prepared = harness.processor.prepare(
            try harness.register(job), snapshot: harness.snapshot, now: harness.now, generator: &harness.generator)
        #expect(harness.processor.offerCandidates(prepared))
        let answer = try harness.answer()
        #expect(try harness.finish(prepared, answer).plan.stops.count == 1)
        let stripped = TestAnswer.records(answer).filter { $0.first != UInt8(DROVER_RECORD_PREEMPTION) }
        #expect(throws: PlacementFault.self) { try harness.finish(prepared, Array(stripped.joined())) }
    }

    @Test(arguments: 1...20)
    func randomClustersKeepTheRules(seed: UInt64) throws {
        var harness = Harness(seed: seed)
        for _ in 0..<6 { _ = harness.addNode() }
        allow(&harness)
        var jobs: [Job] = []
        for number in 0..<12 {
            var job = Job.sample(
                "job-\(number)", type: number % 2 == 0 ? .batch : .service,
                count: Int.random(in: 1...6, using: &harness.generator))
            job.priority = Int.random(in: 1...100, using: &harness.generator)
            job.taskGroups[0].tasks[0].resources?.cpu = Int.random(in: 200...2_000, using: &harness.generator)
            let before = jobs.flatMap { harness.live($0) }
            let (outcome, result) = try harness.process(try harness.register(job))
            #expect(!result.isPartial, "a plan from the newest state was refused: \(result.rejected)")
            harness.checkNodes("seed \(seed), job \(number)")
            for stop in outcome.plan.stops where stop.desiredStatus == .evict {
                let victim = try #require(before.first { $0.id == stop.id })
                #expect(harness.snapshot.jobVersion(of: victim).job.priority + 10 <= job.priority)
            }
            jobs.append(job)
        }
    }
}
