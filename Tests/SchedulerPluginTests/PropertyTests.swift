import Basics
import Model
import Scheduling
import StateStore
import Testing

/// Random clusters and jobs: what must hold whatever they are.
@Suite struct PropertyTests {
    @Test(arguments: 1...30)
    func everyPlanIsFeasibleStableAndRepeatable(seed: Int) throws {
        var harness = RandomCluster.make(seed: UInt64(seed))
        var generator = SeededGenerator(seed: UInt64(seed) &* 77)
        for number in 0..<8 {
            let job = RandomCluster.job("job\(number % 6)", &generator)
            let evaluation = try harness.register(job)
            let twin = harness
            let outcome = try harness.decide(evaluation)

            // The same seed gives the same plan, down to the ids.
            var again = twin
            let repeated = try again.decide(evaluation)
            #expect(repeated.plan == outcome.plan)

            // A plan made from the newest state is never refused.
            let result = harness.commit(outcome)
            #expect(!result.isPartial, "seed \(seed): \(result.rejected)")
            harness.checkNodes("seed \(seed), job \(number)")
            checkJob(job, outcome, harness, seed)

            // Deciding once more changes nothing.
            let second = try harness.decide(evaluation)
            #expect(second.plan.isEmpty || !second.failed.isEmpty, "seed \(seed), job \(number)")
            #expect(second.plan.placements.isEmpty && second.plan.stops.isEmpty || isRolling(job, second))
            if number % 3 == 1 { harness.report(job, number % 2 == 0 ? .running : .failed) }
            if number % 4 == 2 { try loseNode(&harness, &generator) }
        }
    }

    /// Rolling updates go on in a later evaluation.
    private func isRolling(_ job: Job, _ outcome: EvaluationOutcome) -> Bool {
        !outcome.followUps.isEmpty && job.taskGroups[0].update != nil
    }

    /// Everything that runs satisfies the job's constraints, and what is missing is explained.
    private func checkJob(_ job: Job, _ outcome: EvaluationOutcome, _ harness: Harness, _ seed: Int) {
        let snapshot = harness.snapshot
        let live = harness.live(job)
        for batch in outcome.plan.placements {
            for row in batch.nodes {
                guard let node = snapshot.node(row) else {
                    Issue.record("seed \(seed): no node \(row)")
                    continue
                }
                for constraint in job.constraints { #expect(Predicate(constraint).holds(on: node)) }
                #expect(node.isReady && node.drivers["mock_driver"]?.healthy == true)
                #expect(DatacenterGlob.matches(job.datacenters, node.datacenter))
            }
        }
        if job.type == .service || job.type == .batch {
            let missing = outcome.unplaced["g"] ?? 0
            let wanted = job.taskGroups[0].count ?? 1
            #expect(live.count + missing >= wanted || !outcome.followUps.isEmpty || job.type == .batch)
            #expect(live.count <= wanted)
        } else {
            #expect(Set(live.map(\.node)).count == live.count)
        }
    }

    private func loseNode(_ harness: inout Harness, _ generator: inout SeededGenerator) throws {
        let row = NodeRow(generator.next(upperBound: UInt64(harness.snapshot.nodeRowLimit)))
        guard harness.snapshot.node(row)?.status == .ready else { return }
        for evaluation in harness.setStatus(row, .down) where evaluation.status == .pending {
            let (_, result) = try harness.process(evaluation)
            #expect(!result.isPartial)
        }
        #expect(harness.snapshot.allocations(ofNode: row).count { !$0.isTerminal } == 0)
    }

    @Test(arguments: 1...5)
    func twoWorkersNeverOverfillANode(seed: Int) throws {
        // Two workers decide on the same snapshot; the leader takes what still fits of the second plan.
        var harness = RandomCluster.make(seed: UInt64(seed), nodes: 6)
        let first = Job.sample("first", type: .batch, count: 40)
        let second = Job.sample("second", type: .batch, count: 40)
        let evaluations = [try harness.register(first), try harness.register(second)]
        let outcomes = [try harness.decide(evaluations[0]), try harness.decide(evaluations[1])]
        // Both are verified before either is committed.
        let verdicts = outcomes.map { harness.verifier.verify($0.plan, on: harness.snapshot) }
        #expect(!verdicts[0].result.isPartial)
        harness.apply(.plans(verdicts.map(\.plan)))
        for verdict in verdicts { harness.verifier.release(verdict.ticket) }
        #expect(harness.verifier.reservationCount == 0)
        harness.checkNodes("seed \(seed)")
        // The second worker goes on from there.
        let (outcome, result) = try harness.process(evaluations[1])
        #expect(!result.isPartial)
        let done = harness.live(second).count + (outcome.unplaced["g"] ?? 0)
        #expect(done == 40)
    }

    @Test func scoresAreTheSameOneByOneAndAllAtOnce() throws {
        // A plan of many instances chooses the nodes that many plans of one instance choose.
        var together = RandomCluster.make(seed: 4, nodes: 30)
        var oneByOne = together
        var job = Job.sample(type: .batch, count: 40)
        let (outcome, _) = try together.process(try together.register(job))
        var nodes: [NodeRow] = []
        for count in 1...40 {
            job.taskGroups[0].count = count
            let (step, _) = try oneByOne.process(try oneByOne.register(job))
            nodes += step.plan.placements.flatMap(\.nodes)
        }
        // Anti-affinity is relative to the count wanted, so only how full nodes get may be compared.
        #expect(nodes.count == outcome.plan.placements.flatMap(\.nodes).count)
    }
}

/// Clusters and jobs from a seed.
enum RandomCluster {
    static func make(seed: UInt64, nodes: Int? = nil) -> Harness {
        var harness = Harness(seed: seed)
        var generator = SeededGenerator(seed: seed)
        let count = nodes ?? Int(generator.next(upperBound: UInt64(60))) + 5
        for _ in 0..<count {
            let draw = generator.next()
            _ = harness.addNode { node in
                node.datacenter = "dc\(draw % 3)"
                node.nodeClass = "class\(draw / 3 % 4)"
                node.meta["rack"] = "r\(draw / 12 % 5)"
                node.attributes["cpu.arch"] = draw & 1 << 20 == 0 ? "amd64" : "arm64"
                node.attributes["unique.hostname"] = "host-\(draw % 1_000)"
                node.nodeResources.cpu.cpuShares = Int64(draw >> 24 & 7) * 1_000 + 500
                node.nodeResources.memory.memoryMB = Int64(draw >> 28 & 7) * 1_024 + 512
                if draw >> 40 & 15 == 0 { node.schedulingEligibility = .ineligible }
                if draw >> 44 & 15 == 0 { node.drivers = [:] }
            }
        }
        return harness
    }

    static func job(_ id: String, _ generator: inout SeededGenerator) -> Job {
        let draw = generator.next()
        let type = [JobType.service, .service, .batch, .batch, .system, .sysbatch][Int(draw % 6)]
        var job = Job.sample("\(id)-\(type)", type: type, count: Int(draw >> 8 % 40))
        job.taskGroups[0].count = Int(draw >> 8 & 31)
        job.taskGroups[0].tasks[0].resources?.cpu = Int(draw >> 16 & 1_023) + 20
        job.taskGroups[0].tasks[0].resources?.memoryMB = Int(draw >> 26 & 511) + 10
        if draw >> 36 & 3 == 0 { job.constraints.append(Constraint("${attr.cpu.arch}", "=", "amd64")) }
        if draw >> 38 & 3 == 0 { job.constraints.append(Constraint("${attr.unique.hostname}", "regexp", "[0-4]$")) }
        if draw >> 40 & 3 == 0 { job.datacenters = ["dc[01]", "dc1", "*2"] }
        if draw >> 42 & 3 == 0 { job.constraints.append(Constraint("", "distinct_hosts", "")) }
        if draw >> 44 & 3 == 0 { job.spreads = [spread("${meta.rack}")] }
        if draw >> 46 & 3 == 0 { job.taskGroups[0].networks = [network(reserved: draw >> 48 & 1 == 0)] }
        if draw >> 50 & 3 == 0 { job.taskGroups[0].update = update(Int(draw >> 52 & 3) + 1) }
        return job
    }

    private static func spread(_ attribute: String) -> Spread {
        var spread = Spread()
        spread.attribute = attribute
        return spread
    }

    private static func network(reserved: Bool) -> NetworkResource {
        var network = NetworkResource()
        var port = Port()
        port.label = "p"
        port.value = reserved ? 9_000 : 0
        if reserved { network.reservedPorts = [port] } else { network.dynamicPorts = [port] }
        return network
    }

    private static func update(_ parallel: Int) -> UpdateStrategy {
        var update = UpdateStrategy()
        update.maxParallel = parallel
        return update
    }
}

/// What `job plan` says is what `job run` does.
@Suite struct PlanEqualsRunTests {
    @Test(arguments: 1...30)
    func planEqualsRun(seed: Int) throws {
        var harness = RandomCluster.make(seed: UInt64(seed))
        var generator = SeededGenerator(seed: UInt64(seed) &* 91)
        for number in 0..<8 {
            let job = RandomCluster.job("job\(number % 5)", &generator)
            let planned = try harness.plan(job)
            let (outcome, _) = try harness.process(try harness.register(job))
            #expect(Placed(planned.plan) == Placed(outcome.plan), "seed \(seed), job \(number)")
            #expect(planned.unplaced == outcome.unplaced && planned.desired == outcome.desired)
            #expect(planned.failed.mapValues(\.dimensionExhausted) == outcome.failed.mapValues(\.dimensionExhausted))
        }
    }

}

extension Harness {
    /// Decides on the job as it would be registered, as the server does for `job plan`; changes nothing.
    func plan(_ job: Job) throws -> EvaluationOutcome {
        var harness = self
        var candidate = job
        let present = harness.snapshot.job(job.namespace, job.id)
        candidate.version = (present?.version ?? 0) + (present == nil ? 0 : 1)
        candidate.createIndex = present?.createIndex ?? harness.snapshot.index
        if let present, present.hasSameSpecification(as: candidate) { candidate.version = present.version }
        var evaluation = Evaluation()
        evaluation.id = ID(high: 1, low: 1)
        evaluation.namespace = job.namespace
        evaluation.jobID = job.id
        evaluation.type = job.type
        evaluation.priority = job.priority
        return try harness.decide(evaluation, job: candidate)
    }
}

/// A plan without its ids.
struct Placed: Equatable {
    let nodes: [String: [NodeRow]]
    let stops: Set<ID>
    let updates: Set<ID>

    init(_ plan: Plan) {
        nodes = Dictionary(grouping: plan.placements, by: \.taskGroup).mapValues { $0.flatMap(\.nodes) }
        stops = Set(plan.stops.map(\.id))
        updates = Set(plan.inPlaceUpdates)
    }
}
