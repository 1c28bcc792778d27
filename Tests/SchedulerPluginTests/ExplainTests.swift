import Basics
import CDroverABI
import Model
import Scheduling
import StateStore
import Testing

/// Why here, why not there, and what would have to change.
@Suite struct ExplainTests {
    private func row(_ harness: inout Harness, _ change: (inout Node) -> Void = { _ in }) -> NodeRow {
        harness.addNode(change)
    }

    @Test func everyReasonHasItsRemedy() throws {
        var harness = Harness(seed: 1)
        let good = harness.addNode()
        let cases: [(verdict: String, reason: String, change: String, node: (inout Node) -> Void)] = [
            ("filtered", "datacenter \"dc9\"", "add \"dc9\"", { $0.datacenter = "dc9" }),
            ("filtered", "node pool \"gpu\"", "node_pool = \"gpu\"", { $0.nodePool = "gpu" }),
            ("filtered", "ineligible", "node eligibility -enable", { $0.schedulingEligibility = .ineligible }),
            ("filtered", "the node has \"bsd\"", "change the node's value", { $0.attributes["kernel.name"] = "bsd" }),
            ("filtered", "driver \"mock_driver\" is not there", "install", { $0.drivers = [:] }),
            (
                "exhausted", "memory exhausted: asks for 256 MiB, 100 of 100 are free", "at most 100",
                { $0.nodeResources.memory.memoryMB = 100 }
            ),
        ]
        let rows = cases.map { harness.addNode($0.node) }
        var job = Job.sample()
        job.datacenters = ["dc1"]
        job.constraints = [Constraint("${attr.kernel.name}", "=", "linux")]
        let evaluation = try harness.register(job)
        try harness.process(evaluation)
        let told = try harness.explain(evaluation.id, nodes: rows + [good])[0]
        #expect(told.placed == 1 && told.failed == 0 && told.metric.nodesEvaluated == 4)
        for (given, node) in zip(cases, told.nodes) {
            #expect(node.verdict == given.verdict, "\(node)")
            #expect(node.reason.contains(given.reason), "\(node)")
            #expect(node.change.contains(given.change), "\(node)")
            #expect(node.rank == 0)
        }
        #expect(told.nodes.last?.verdict == "chosen")
    }

    @Test func feasibleNodesAreRanked() throws {
        var harness = Harness(seed: 2)
        let nodes = (0..<5).map { number in harness.addNode { $0.nodeResources.cpu.cpuShares = 4_000 + number * 1_000 }
        }
        let job = Job.sample()
        let evaluation = try harness.register(job)
        try harness.process(evaluation)
        let told = try harness.explain(evaluation.id, nodes: nodes)[0]
        #expect(Set(told.nodes.map(\.rank)) == Set(1...5))
        let losers = told.nodes.filter { $0.verdict == "feasible" && $0.rank > 1 }
        #expect(!losers.isEmpty && losers.allSatisfy { $0.reason.hasPrefix("scores ") && !$0.change.isEmpty })
        let best = try harness.explain(evaluation.id, nodes: [])[0]
        #expect(best.nodes.map(\.rank) == [1, 2, 3, 4, 5])
    }

    /// A trial of one group takes nothing from the next, and a gang that finds no place as a whole hides no scores.
    @Test(arguments: [false, true])
    func everyGroupIsRatedByItself(isGang: Bool) throws {
        var harness = Harness(seed: 4)
        let node = harness.addNode { $0.nodeResources.memory.memoryMB = 300 }
        var job = Job.sample()
        job.taskGroups.append(job.taskGroups[0])
        job.taskGroups[1].name = "h"
        if isGang { for position in 0...1 { job.taskGroups[position].gang = .named("pair") } }
        let evaluation = try harness.register(job)
        let told = try harness.explain(evaluation.id, nodes: [node])
        #expect(told.map(\.taskGroup) == ["g", "h"])
        for group in told {
            #expect(group.nodes.map(\.verdict) == ["feasible"] && group.nodes.map(\.rank) == [1], "\(group.nodes)")
        }
    }

    @Test func limitsOfTheJobAreReasons() throws {
        var harness = Harness(seed: 5)
        let nodes = ["a", "a", "b"].map { rack in harness.addNode { $0.meta["rack"] = rack } } + [harness.addNode()]
        var job = Job.sample(count: 2)
        job.constraints = [Constraint("${meta.rack}", "distinct_property", "1")]
        let reasons = { (told: [GroupExplanation], row: NodeRow) in
            told[0].nodes.filter { $0.verdict == "filtered" && $0.nodeID == harness.snapshot.node(row)?.id }
                .map { $0.reason + " / " + $0.change }
        }
        // A plan's own placements count before they are there.
        let evaluation = try harness.register(job)
        let outcome = try harness.decide(evaluation)
        let planned = try harness.explain(evaluation, job, nodes: nodes, outcome: outcome)
        try harness.process(evaluation)
        let placed = Set(harness.live(job).map(\.node))
        let other = try #require(nodes.prefix(2).first { !placed.contains($0) })
        for told in [planned, try harness.explain(evaluation.id, nodes: nodes)] {
            #expect(
                reasons(told, other) == [
                    "distinct_property ${meta.rack}: nodes with this one's value have an instance of the job already"
                        + " / add nodes with another value, or allow more of the job on one"
                ], "\(told[0].nodes)")
            #expect(
                reasons(told, nodes[3]) == [
                    "distinct_property ${meta.rack}: the node has no such value / give the node one"
                ])
        }
    }

    /// What a plan itself uses of a node counts against the others, and what it stops there does not.
    @Test func aPlansOwnUseIsAReason() throws {
        var harness = Harness(seed: 7)
        let nodes = (0..<2).map { _ in harness.addNode { $0.nodeResources.memory.memoryMB = 400 } }
        var job = Job.sample()
        job.taskGroups.append(job.taskGroups[0])
        job.taskGroups[1].name = "h"
        let evaluation = try harness.register(job)
        let told = try harness.explain(evaluation, job, nodes: nodes, outcome: try harness.decide(evaluation))
        for group in told {
            #expect(Set(group.nodes.map(\.verdict)) == ["chosen", "exhausted"], "\(group.nodes)")
            let other = try #require(group.nodes.first { $0.verdict == "exhausted" })
            #expect(other.reason == "memory exhausted: asks for 256 MiB, 144 of 400 are free then")
        }
        try harness.process(evaluation)
        var next = job
        next.taskGroups.removeLast()
        next.taskGroups[0].tasks[0].resources?.memoryMB = 300
        let update = try harness.register(next)
        let planned = try harness.explain(update, next, nodes: nodes, outcome: try harness.decide(update))
        #expect(Set(planned[0].nodes.map(\.verdict)) == ["chosen", "feasible"], "\(planned[0].nodes)")
    }

    @Test func aQuotaWithoutRoomIsTheReason() throws {
        var harness = Harness(seed: 6)
        let nodes = (0..<3).map { _ in harness.addNode() }
        harness.setQuota(cpu: 1_200)
        let job = Job.quotaSample(count: 3)
        let evaluation = try harness.register(job)
        let outcome = try harness.decide(evaluation)
        let planned = try harness.explain(evaluation, job, nodes: nodes, outcome: outcome)
        try harness.process(evaluation)
        for told in [planned, try harness.explain(evaluation.id, nodes: nodes)] {
            let other = try #require(told[0].nodes.first { $0.verdict != "chosen" })
            #expect(other.verdict == "exhausted" && other.change.hasPrefix("raise the limits of quota \"small\""))
            #expect(
                other.reason
                    == "the node would do, but quota \"small\" has no room: cpu: 500 MHz asked, 200 MHz left")
        }
    }

    @Test func impossibleAsksAreNamed() throws {
        var harness = Harness(seed: 3)
        _ = harness.addNode()
        var job = Job.sample()
        job.taskGroups[0].tasks[0].resources?.memoryMB = 1_000_000
        job.constraints = [Constraint("${node.class}", "=", "a"), Constraint("${node.class}", "=", "b")]
        let evaluation = try harness.register(job)
        try harness.process(evaluation)
        let contradictions = ImpossibleAsks.contradictions(job, job.taskGroups[0])
        #expect(contradictions == [.contradiction("${node.class} = a", "${node.class} = b")])
        #expect(
            contradictions.map { $0.sentence(of: "g") } == [
                "group \"g\" has constraints \"${node.class} = a\" and \"${node.class} = b\", which exclude each other"
            ])
        #expect(try harness.explain(evaluation.id, nodes: [])[0].impossible == contradictions.map(\.description))
        // Who looks at the one that waits, or at the one that is done, is told.
        let notes = harness.snapshot.evaluations(ofJob: job.id, namespace: "default").map(\.statusDescription)
        #expect(notes.count == 2 && notes.allSatisfy { $0.contains("which exclude each other") }, "\(notes)")
        job.constraints = []
        job.version = 1
        let next = try harness.register(job)
        let (outcome, _) = try harness.process(next)
        #expect(outcome.failed["g"]?.dimensionExhausted == ["memory": 1])
        #expect(outcome.failed["g"]?.resourcesExhausted["t"]?.memoryMB == 1_000_000)
        #expect(outcome.failed["g"]?.resourcesExhausted["t"]?.cpu == 0)
        let told = try harness.explain(next.id, nodes: [])[0]
        #expect(told.failed == 1)
        #expect(
            told.impossible == [
                "asks for 1000000 MiB of memory, and no node that meets its constraints has more than 8192"
            ])
    }

    @Test(arguments: [
        (
            "${device.model}", "regexp", "(",
            "device \"nvidia/gpu\": constraint has a regular expression that does not compile"
        ),
        ("${device.attr.driver}", "version", ">= x.y", "cannot be read"),
        ("${device.model}", "regexp", "[[:alpha:]]+", ""),
    ])
    func deviceConditionsThatCannotBeReadAreRefused(left: String, operand: String, right: String, fault: String) {
        var job = Job.sample()
        var device = RequestedDevice()
        device.name = "nvidia/gpu"
        device.constraints = [Constraint(left, operand, right)]
        job.taskGroups[0].tasks[0].resources?.devices = [device]
        let faults = ConstraintFaults.of(job)
        #expect(faults.count == (fault.isEmpty ? 0 : 1) && faults.allSatisfy { $0.contains(fault) }, "\(faults)")
    }

    @Test func spreadsOverNothingAreRefused() {
        var (job, spread) = (Job.sample(), Spread())
        spread.attribute = "${atr.rack}"
        job.taskGroups[0].spreads = [spread]
        #expect(ConstraintFaults.of(job).first?.hasPrefix("group \"g\": spread names \"${atr.rack}\"") == true)
        job.taskGroups[0].spreads[0].attribute = "${attr.rack}"
        #expect(ConstraintFaults.of(job).isEmpty)
    }

    @Test(arguments: [
        ("${nmae}", "=", "x", "job: constraint names \"${nmae}\", which no node has"),
        ("${attr.a}", "regexp", "(", "does not compile"),
        ("${attr.a}", "version", ">= x.y", "cannot be read"),
        ("${attr.a}", "semver", "1", "cannot be read"),
        ("${alloc.meta.app}", "=", "x", ""),
    ])
    func conditionsThatCannotBeReadAreRefused(left: String, operand: String, right: String, fault: String) {
        var job = Job.sample()
        job.constraints = [Constraint(left, operand, right)]
        let faults = ConstraintFaults.of(job)
        if fault.isEmpty {
            #expect(faults.isEmpty, "\(faults)")
        } else {
            #expect(faults.count == 1 && faults[0].contains(fault), "\(faults)")
        }
    }
}

extension Harness {
    /// What an evaluation's job thinks of nodes, by the stock scheduler.
    func explain(_ id: ID, nodes: [NodeRow]) throws -> [GroupExplanation] {
        let evaluation = try #require(snapshot.evaluation(id))
        return try explain(evaluation, try #require(snapshot.job(evaluation.namespace, evaluation.jobID)), nodes: nodes)
    }

    /// The same for a job that need not be registered, and a plan for it that is not committed.
    func explain(
        _ evaluation: Evaluation, _ job: Job, nodes: [NodeRow], outcome: EvaluationOutcome? = nil
    ) throws -> [GroupExplanation] {
        try job.taskGroups.indices.map { position in
            let inquiry = processor.inquire(evaluation, job, group: position, snapshot: snapshot)
            return try answer().withUnsafeBytes {
                processor.explain(inquiry, nodes: nodes, answer: $0, outcome: outcome)
            }
        }
    }
}
