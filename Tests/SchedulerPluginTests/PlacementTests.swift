import Basics
import CDroverABI
import Model
import Scheduling
import StateStore
import Testing

/// Single situations a user can read: what is placed where, and what is said when it is not.
@Suite struct PlacementTests {
    @Test func bestFitFillsTheFullestNode() throws {
        var harness = Harness(seed: 1)
        let small = harness.addNode { $0.nodeResources.cpu.cpuShares = 2_000 }
        _ = harness.addNode { $0.nodeResources.cpu.cpuShares = 8_000 }
        let job = Job.sample(type: .batch, count: 1)
        let (outcome, result) = try harness.process(try harness.register(job))
        #expect(result.placed == 1)
        #expect(outcome.evaluation.status == .complete)
        #expect(harness.live(job).map(\.node) == [small])
    }

    @Test func spreadTakesTheEmptiestNode() throws {
        var harness = Harness(seed: 1)
        _ = harness.addNode { $0.nodeResources.cpu.cpuShares = 2_000 }
        let large = harness.addNode { $0.nodeResources.cpu.cpuShares = 8_000 }
        var configuration = SchedulerConfiguration()
        configuration.schedulerAlgorithm = "spread"
        harness.apply(.schedulerConfiguration(SchedulerConfigurationChange(configuration: configuration)))
        let job = Job.sample(count: 1)
        try harness.process(try harness.register(job))
        #expect(harness.live(job).map(\.node) == [large])
    }

    @Test func instancesOfOneJobKeepApart() throws {
        var harness = Harness(seed: 3)
        for _ in 0..<4 { _ = harness.addNode() }
        let job = Job.sample(count: 4)
        try harness.process(try harness.register(job))
        #expect(Set(harness.live(job).map(\.node)).count == 4)
    }

    @Test func failureSaysWhatIsShortAndWaits() throws {
        var harness = Harness(seed: 2)
        for number in 0..<5 {
            _ = harness.addNode {
                $0.nodeClass = number < 2 ? "small" : "large"
                $0.nodeResources.cpu.cpuShares = number < 2 ? 400 : 4_000
                if number == 4 { $0.attributes["kernel.name"] = "windows" }
            }
        }
        var job = Job.sample(count: 20)
        job.constraints = [Constraint("${attr.kernel.name}", "=", "linux")]
        let (outcome, result) = try harness.process(try harness.register(job))
        #expect(result.placed == 16)
        let metric = try #require(outcome.failed["g"])
        #expect(metric.nodesEvaluated == 5)
        #expect(metric.nodesFiltered == 1)
        #expect(metric.constraintFiltered == ["${attr.kernel.name} = linux": 1])
        #expect(metric.classFiltered == ["large": 1])
        #expect(metric.nodesExhausted == 4)
        #expect(metric.dimensionExhausted == ["cpu": 4])
        #expect(metric.classExhausted == ["small": 2, "large": 2])
        #expect(metric.coalescedFailures == 3)
        #expect(metric.nodesAvailable == ["dc1": 5])
        let blocked = try #require(outcome.blocked)
        #expect(outcome.evaluation.blockedEval == blocked.id)
        #expect(outcome.evaluation.queuedAllocations == ["g": 4])
        #expect(blocked.status == .blocked && blocked.triggeredBy == .queuedAllocations)
        #expect(blocked.classEligibility.values.filter { $0 }.count == 2)
        #expect(blocked.classEligibility.values.filter { !$0 }.count == 1)

        // Room appears: the blocked evaluation places the rest and blocks no more.
        _ = harness.addNode { $0.nodeClass = "large" }
        let (second, _) = try harness.process(blocked)
        #expect(harness.live(job).count == 20)
        #expect(second.evaluation.status == .complete && second.blocked == nil && second.failed.isEmpty)
    }

    @Test func blockedAgainKeepsItsEvaluation() throws {
        var harness = Harness(seed: 2)
        let (first, _) = try harness.process(try harness.register(Job.sample(count: 1)))
        let blocked = try #require(first.blocked)
        let (second, _) = try harness.process(blocked)
        #expect(second.evaluation.id == blocked.id && second.evaluation.status == .blocked)
        #expect(second.blocked == nil)
    }

    @Test(arguments: [
        ("driver", "missing drivers"), ("volume", "missing compatible host volumes"), ("device", "missing devices"),
        ("escaped", "${attr.unique.hostname} = other"),
    ])
    func filterIsNamed(what: String, label: String) throws {
        var harness = Harness(seed: 4)
        _ = harness.addNode { $0.attributes["unique.hostname"] = "this" }
        var job = Job.sample()
        switch what {
        case "driver": job.taskGroups[0].tasks[0].driver = "qemu"
        case "volume":
            var volume = VolumeRequest()
            volume.type = "host"
            volume.source = "data"
            job.taskGroups[0].volumes["data"] = volume
        case "device":
            var device = RequestedDevice()
            device.name = "nvidia/gpu"
            job.taskGroups[0].tasks[0].resources?.devices = [device]
        default: job.constraints = [Constraint("${attr.unique.hostname}", "=", "other")]
        }
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(outcome.failed["g"]?.constraintFiltered == [label: 1])
        #expect(outcome.blocked?.escapedComputedClass == (what == "escaped"))
    }

    @Test func portsAreReservedAndGivenOut() throws {
        var harness = Harness(seed: 5)
        let nodes = [harness.addNode(), harness.addNode()]
        var job = Job.sample(count: 3)
        var network = NetworkResource()
        var fixed = Port()
        fixed.label = "http"
        fixed.value = 8_080
        var dynamic = Port()
        dynamic.label = "admin"
        network.reservedPorts = [fixed]
        network.dynamicPorts = [dynamic]
        job.taskGroups[0].networks = [network]
        let (outcome, result) = try harness.process(try harness.register(job))
        #expect(result.placed == 2 && Set(harness.live(job).map(\.node)) == Set(nodes))
        #expect(outcome.failed["g"]?.dimensionExhausted == ["network: reserved port collision": 2])
        for row in harness.live(job) {
            let ports = harness.snapshot.ports(of: row)
            #expect(ports[0] == 8_080 && (20_000...32_000).contains(ports[1]))
        }
        // Another job meets the taken port before any scheduler does.
        var other = job
        other.id = "other"
        let (second, _) = try harness.process(try harness.register(other))
        #expect(second.failed["g"]?.dimensionExhausted == ["network: reserved port collision http=8080": 2])
    }

    @Test func distinctHostsAndProperties() throws {
        var harness = Harness(seed: 6)
        for rack in ["r1", "r1", "r2", "r3"] { _ = harness.addNode { $0.meta["rack"] = rack } }
        var hosts = Job.sample("hosts", count: 6)
        hosts.constraints = [Constraint("", "distinct_hosts", "")]
        let (outcome, _) = try harness.process(try harness.register(hosts))
        #expect(Set(harness.live(hosts).map(\.node)).count == 4 && harness.live(hosts).count == 4)
        #expect(outcome.failed["g"]?.constraintFiltered == ["distinct_hosts": 4])
        var racks = Job.sample("racks", count: 9)
        racks.constraints = [Constraint("${meta.rack}", "distinct_property", "2")]
        try harness.process(try harness.register(racks))
        let counts = Dictionary(grouping: harness.live(racks)) { harness.snapshot.node($0.node)?.meta["rack"] }
        #expect(counts.mapValues(\.count) == ["r1": 2, "r2": 2, "r3": 2])
    }

    @Test func groupsOfOneJobShareLimitsAndPorts() throws {
        var harness = Harness(seed: 13)
        for _ in 0..<4 { _ = harness.addNode() }
        var hosts = Job.sample("hosts", count: 2)
        hosts.constraints = [Constraint("", "distinct_hosts", "")]
        hosts.taskGroups.append(hosts.taskGroups[0])
        hosts.taskGroups[1].name = "h"
        try harness.process(try harness.register(hosts))
        #expect(Set(harness.live(hosts).map(\.node)).count == 4)
        var ports = Job.sample("ports", count: 2)
        var network = NetworkResource()
        var port = Port()
        port.label = "http"
        port.value = 80
        network.reservedPorts = [port]
        ports.taskGroups[0].networks = [network]
        ports.taskGroups.append(ports.taskGroups[0])
        ports.taskGroups[1].name = "h"
        try harness.process(try harness.register(ports))
        #expect(Set(harness.live(ports).map(\.node)).count == 4)
        harness.checkNodes("ports")
    }

    @Test func stickyDisksBringInstancesBackToTheirNodes() throws {
        var harness = Harness(seed: 14)
        for _ in 0..<8 { _ = harness.addNode() }
        var job = Job.sample(count: 6)
        job.taskGroups[0].ephemeralDisk?.sticky = true
        try harness.process(try harness.register(job))
        let before = Dictionary(uniqueKeysWithValues: harness.live(job).map { ($0.nameIndex, $0.node) })
        job.taskGroups[0].tasks[0].env = ["VERSION": "2"]
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(outcome.plan.placements.first?.ids.count == 6)
        #expect(Dictionary(uniqueKeysWithValues: harness.live(job).map { ($0.nameIndex, $0.node) }) == before)
    }

    @Test func spreadFollowsTargets() throws {
        var harness = Harness(seed: 7)
        for number in 0..<20 { _ = harness.addNode { $0.datacenter = number < 10 ? "east" : "west" } }
        var job = Job.sample(count: 20)
        var spread = Spread()
        spread.attribute = "${node.datacenter}"
        spread.weight = 100
        for (value, percent) in [("east", 70), ("west", 30)] {
            var target = SpreadTarget()
            target.value = value
            target.percent = percent
            spread.spreadTarget.append(target)
        }
        job.spreads = [spread]
        try harness.process(try harness.register(job))
        let counts = Dictionary(grouping: harness.live(job)) { harness.snapshot.node($0.node)?.datacenter }
        #expect(counts.mapValues(\.count) == ["east": 14, "west": 6])

        // Without targets: evenly.
        var even = Job.sample("even", count: 10)
        spread.spreadTarget = []
        even.spreads = [spread]
        try harness.process(try harness.register(even))
        let halves = Dictionary(grouping: harness.live(even)) { harness.snapshot.node($0.node)?.datacenter }
        #expect(halves.mapValues(\.count) == ["east": 5, "west": 5])
    }

    @Test func affinityAttractsAndRepels() throws {
        var harness = Harness(seed: 8)
        let liked = harness.addNode { $0.meta["tier"] = "gold" }
        for _ in 0..<4 { _ = harness.addNode { $0.meta["tier"] = "iron" } }
        for (weight, isThere) in [(100, true), (-100, false)] {
            var job = Job.sample("job\(weight)", count: 1)
            var affinity = Affinity()
            affinity.lTarget = "${meta.tier}"
            affinity.rTarget = "gold"
            affinity.weight = weight
            job.affinities = [affinity]
            try harness.process(try harness.register(job))
            #expect((harness.live(job).map(\.node) == [liked]) == isThere)
        }
    }

    @Test func systemJobsRunEverywhereAndOnNewNodes() throws {
        var harness = Harness(seed: 9)
        for _ in 0..<3 { _ = harness.addNode() }
        let full = harness.addNode { $0.nodeResources.cpu.cpuShares = 100 }
        let job = Job.sample(type: .system)
        let (outcome, result) = try harness.process(try harness.register(job))
        #expect(result.placed == 3)
        #expect(
            outcome.failed["g"]?.dimensionExhausted == ["cpu": 1] && outcome.evaluation.queuedAllocations == ["g": 1])
        #expect(outcome.failed["g"]?.constraintFiltered == [:])
        #expect(!harness.live(job).map(\.node).contains(full))
        _ = harness.addNode()
        var again = outcome.evaluation
        again.id = ID(random: &harness.generator)
        try harness.process(again)
        #expect(harness.live(job).count == 4)
    }

    @Test func replacementThatFindsNoPlaceKeepsTheOldRunning() throws {
        var harness = Harness(seed: 10)
        _ = harness.addNode { $0.nodeResources.cpu.cpuShares = 1_000 }
        var job = Job.sample(count: 2)
        try harness.process(try harness.register(job))
        #expect(harness.live(job).count == 2)
        // The new version is too large for the node even once the old one is gone.
        job.taskGroups[0].tasks[0].resources?.cpu = 1_200
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(outcome.plan.stops.isEmpty && outcome.failed["g"] != nil)
        #expect(harness.live(job).count == 2)
    }

    @Test func badAnswersAreRefused() throws {
        var harness = Harness(seed: 11)
        _ = harness.addNode { $0.nodeResources.cpu.cpuShares = 600 }
        let evaluation = try harness.register(Job.sample(count: 2))
        let prepared = harness.processor.prepare(
            evaluation, snapshot: harness.snapshot, now: harness.now, generator: &harness.generator)
        let good = try harness.answer()
        var twice = Array(good[..<32])
        twice += twice
        var elsewhere = Array(good[..<32])
        elsewhere[20] = 77
        var overfull = twice
        overfull[48] = 1
        for (name, bytes) in [
            ("cut off", Array(good[..<30])), ("ordinal twice", twice), ("no such node", elsewhere),
            ("overfull", overfull),
            ("unknown kind", [9, 0, 0, 0, 8, 0, 0, 0]), ("size 0", [1, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            #expect(throws: PlacementFault.self, "\(name)") { try harness.finish(prepared, bytes) }
        }
    }

    /// A scheduler that puts two instances where the job's limits allow one.
    @Test(arguments: [
        (Constraint("", "distinct_hosts", ""), false), (Constraint("", "distinct_hosts", ""), true),
        (Constraint("${meta.rack}", "distinct_property", "1"), false),
        (Constraint("${node.unique.name}", "distinct_property", ""), true),
    ])
    func answersAgainstLimitsAreRefused(constraint: Constraint, isOfJob: Bool) throws {
        var harness = Harness(seed: 13)
        for rack in ["a", "b", "c"] { _ = harness.addNode { $0.meta["rack"] = rack } }
        var job = Job.sample(count: 2)
        if isOfJob { job.constraints = [constraint] } else { job.taskGroups[0].constraints = [constraint] }
        if isOfJob {
            job.taskGroups.append(job.taskGroups[0])
            job.taskGroups[1].name = "h"
            job.taskGroups[1].count = 1
        }
        let prepared = harness.processor.prepare(
            try harness.register(job), snapshot: harness.snapshot, now: harness.now, generator: &harness.generator)
        let answer = try harness.answer()
        #expect(try harness.finish(prepared, answer).unplaced.isEmpty)
        let placements = TestAnswer.records(answer).filter { $0.first == UInt8(DROVER_RECORD_PLACEMENT) }.map(
            Array.init)
        var together = placements
        together[placements.count - 1].replaceSubrange(20..<24, with: placements[0][20..<24])
        let fault = #expect(throws: PlacementFault.self) { try harness.finish(prepared, Array(together.joined())) }
        #expect(fault?.description.contains("one too many for \(constraint.operand)") == true)
    }

    @Test func scoresOfTheBestNodesAreKept() throws {
        var harness = Harness(seed: 12)
        for number in 1...8 { _ = harness.addNode { $0.nodeResources.cpu.cpuShares = Int64(1_000 * number) } }
        let outcome = try harness.decide(try harness.register(Job.sample()))
        let metric = try #require(outcome.plan.placements.first?.metric)
        #expect(metric.scoreMetaData.count == 5)
        #expect(metric.scoreMetaData.map(\.normScore) == metric.scoreMetaData.map(\.normScore).sorted(by: >))
        #expect(metric.scoreMetaData.first?.scores["binpack"] == metric.scoreMetaData.first?.normScore)
        #expect(metric.scoreMetaData.first?.nodeID == harness.snapshot.node(outcome.plan.placements[0].nodes[0])?.id)
    }

    /// The same bytes as ``AllocationMetric`` writes, which is asked when something is missing.
    @Test(arguments: [1, 3])
    func theMetricOfWhatIsPlacedIsWrittenByHand(fitting: Int) throws {
        var harness = Harness(seed: 13)
        for number in 1...fitting { _ = harness.addNode { $0.nodeResources.cpu.cpuShares = Int64(500 * number) } }
        _ = harness.addNode {
            $0.attributes["kernel.name"] = "plan9"
            $0.nodeClass = "odd"
        }
        var job = Job.sample(count: fitting)
        job.constraints = [Constraint("${attr.kernel.name}", "=", "linux")]
        let outcome = try harness.decide(try harness.register(job))
        #expect(outcome.unplaced.isEmpty)
        let batch = try #require(outcome.plan.placements.first)
        let metric = try AllocationMetric(json: batch.metricJSON)
        #expect(metric.terseBytes == batch.metricJSON)
        #expect((metric.nodesEvaluated, metric.nodesFiltered, metric.nodesInPool) == (fitting + 1, 1, fitting + 1))
        #expect(metric.nodePool == "default" && metric.nodesAvailable == ["dc1": fitting + 1])
        #expect(metric.classFiltered == ["odd": 1])
        #expect(metric.constraintFiltered == ["${attr.kernel.name} = linux": 1])
        #expect(metric.scoreMetaData.count == fitting && metric.scoreMetaData[0].scores.count == 5)
    }
}
