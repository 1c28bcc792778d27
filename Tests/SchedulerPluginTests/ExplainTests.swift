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
        let told = try harness.explain(evaluation.id, nodes: rows + [good]).groups[0]
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
        let told = try harness.explain(evaluation.id, nodes: nodes).groups[0]
        #expect(Set(told.nodes.map(\.rank)) == Set(1...5))
        let losers = told.nodes.filter { $0.verdict == "feasible" && $0.rank > 1 }
        #expect(!losers.isEmpty && losers.allSatisfy { $0.reason.hasPrefix("scores ") && !$0.change.isEmpty })
        let best = try harness.explain(evaluation.id, nodes: []).groups[0]
        #expect(best.nodes.map(\.rank) == [1, 2, 3, 4, 5])
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
        #expect(try harness.explain(evaluation.id, nodes: []).groups[0].impossible == contradictions.map(\.description))
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
        let told = try harness.explain(next.id, nodes: []).groups[0]
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
    func explain(_ id: ID, nodes: [NodeRow]) throws -> PlacementExplanation {
        let evaluation = try #require(snapshot.evaluation(id))
        let inquiry = try #require(processor.inquire(evaluation, snapshot: snapshot))
        let records = try answer()
        return records.withUnsafeBytes { processor.explain(inquiry, nodes: nodes, answer: $0) }
    }
}
