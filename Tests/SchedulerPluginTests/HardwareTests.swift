import Basics
import Model
import Scheduling
import StateStore
import Testing

/// Devices and cores, from the job to the committed allocation.
@Suite struct HardwareTests {
    private func gpus(_ count: Int, memoryMiB: Int64 = 16_384, name: String = "A100") -> NodeDeviceResource {
        var group = NodeDeviceResource()
        (group.vendor, group.type, group.name) = ("nvidia", "gpu", name)
        var memory = DeviceAttribute()
        (memory.int, memory.unit) = (memoryMiB, "MiB")
        group.attributes["memory"] = memory
        group.instances = (0..<count).map { number in
            var device = NodeDevice()
            (device.id, device.healthy) = ("\(name)-\(number)", true)
            return device
        }
        return group
    }

    private func job(_ id: String = "train", count: Int = 1, _ change: (inout RequestedDevice) -> Void) -> Job {
        var job = Job.sample(id, type: .batch, count: count)
        var device = RequestedDevice()
        device.name = "nvidia/gpu"
        device.count = 1
        change(&device)
        job.taskGroups[0].tasks[0].resources?.cpu = 10
        job.taskGroups[0].tasks[0].resources?.memoryMB = 10
        job.taskGroups[0].tasks[0].resources?.devices = [device]
        return job
    }

    private func devices(_ harness: Harness, _ job: Job) -> [AllocatedDeviceResource] {
        harness.live(job).compactMap {
            harness.snapshot.allocation($0.id)?.allocatedResources.tasks["t"]?.devices.first
        }
    }

    @Test func wholeInstancesAreGivenOutOnce() throws {
        var harness = Harness(seed: 1)
        for _ in 0..<2 { _ = harness.addNode { $0.nodeResources.devices = [self.gpus(2)] } }
        _ = harness.addNode()
        let job = job(count: 5) { _ in }
        let (outcome, result) = try harness.process(try harness.register(job))
        #expect(!result.isPartial && harness.live(job).count == 4 && outcome.unplaced == ["g": 1])
        #expect(outcome.failed["g"]?.constraintFiltered == ["missing devices": 1])
        #expect(outcome.failed["g"]?.dimensionExhausted == ["devices": 2] && outcome.failed["g"]?.nodePool == "default")
        let held = zip(harness.live(job), devices(harness, job)).map { "\($0.node) \($1.deviceIDs)" }
        #expect(Set(held).count == 4)
    }

    /// The device of what is to be replaced goes to a sibling: without it the old one cannot stay.
    @Test func whatLosesItsDeviceToASiblingIsNotKept() throws {
        var harness = Harness(seed: 16)
        _ = harness.addNode { $0.nodeResources.devices = [self.gpus(1)] }
        var job = job(count: 2) { $0.share = 0.5 }
        try harness.process(try harness.register(job))
        #expect(harness.live(job).count == 2)
        job.taskGroups[0].tasks[0].resources?.devices[0].share = nil
        let (outcome, result) = try harness.process(try harness.register(job))
        #expect(!result.isPartial && outcome.unplaced == ["g": 1] && outcome.plan.stops.count == 2)
        #expect(devices(harness, job).map(\.share) == [nil])
    }

    @Test func sharesArePackedOnOneInstance() throws {
        var harness = Harness(seed: 2)
        _ = harness.addNode { $0.nodeResources.devices = [self.gpus(2)] }
        let quarters = job("quarters", count: 4) { $0.share = 0.25 }
        try harness.process(try harness.register(quarters))
        #expect(Set(devices(harness, quarters).flatMap(\.deviceIDs)).count == 1)
        #expect(devices(harness, quarters).allSatisfy { $0.share == 0.25 })
        let whole = job("whole") { _ in }
        try harness.process(try harness.register(whole))
        #expect(harness.live(whole).count == 1)
        let more = job("more") { $0.share = 0.1 }
        let (outcome, _) = try harness.process(try harness.register(more))
        #expect(harness.live(more).isEmpty && outcome.blocked != nil)
    }

    /// The plug-in says how small a share may be; a node that does not say takes any.
    @Test(arguments: [
        (least: 250, share: 0.25, isPlaced: true), (250, 0.2, false), (1_000, 1, true), (1_000, 0.5, false),
    ])
    func sharesAreNoSmallerThanTheDeviceAllows(least: Int64, share: Double, isPlaced: Bool) throws {
        var harness = Harness(seed: 12)
        _ = harness.addNode { node in
            node.nodeResources.devices = [self.gpus(1)]
            node.nodeResources.devices[0].attributes[NodeDeviceResource.fractionMin] = DeviceAttribute(text: "\(least)")
        }
        let job = job { $0.share = share }
        try harness.process(try harness.register(job))
        #expect(harness.live(job).count == (isPlaced ? 1 : 0))
    }

    @Test func memoryIsAShareOfEachModel() throws {
        var harness = Harness(seed: 3)
        let small = harness.addNode { $0.nodeResources.devices = [self.gpus(1, memoryMiB: 8_192, name: "T4")] }
        let large = harness.addNode { $0.nodeResources.devices = [self.gpus(1, memoryMiB: 32_768)] }
        let job = job(count: 5) { $0.memoryMB = 8_192 }
        try harness.process(try harness.register(job))
        let nodes = harness.live(job).map(\.node)
        #expect(nodes.count { $0 == small } == 1 && nodes.count { $0 == large } == 4)
    }

    @Test(arguments: [
        ("${device.attr.memory}", ">=", "16 GiB", true), ("${device.attr.memory}", ">", "16 GiB", false),
        ("${device.model}", "=", "A100", true), ("${device.model}", "=", "T4", false),
        ("${device.vendor}", "regexp", "^nv", true), ("${device.attr.cores}", "is_set", "", false),
    ])
    func constraintsReadAttributesWithUnits(left: String, operand: String, right: String, isPlaced: Bool) throws {
        var harness = Harness(seed: 4)
        _ = harness.addNode { $0.nodeResources.devices = [self.gpus(1)] }
        let job = job { $0.constraints = [Constraint(left, operand, right)] }
        try harness.process(try harness.register(job))
        #expect(harness.live(job).count == (isPlaced ? 1 : 0))
    }

    @Test func affinityChoosesTheModel() throws {
        var harness = Harness(seed: 5)
        _ = harness.addNode { $0.nodeResources.devices = [self.gpus(1, name: "T4"), self.gpus(1)] }
        let job = job { device in
            var affinity = Affinity()
            (affinity.lTarget, affinity.operand, affinity.rTarget, affinity.weight) = (
                "${device.model}", "=", "A100", 50
            )
            device.affinities = [affinity]
        }
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(devices(harness, job).map(\.name) == ["A100"])
        let scores = try #require(outcome.plan.placements.first?.metric.scoreMetaData.first)
        #expect(scores.scores["devices"] == 1, "a full affinity is a part of the score: \(scores.scores)")
    }

    @Test func endedTasksGiveDevicesBackAndUpdatesReuseThem() throws {
        var harness = Harness(seed: 6)
        let node = harness.addNode { $0.nodeResources.devices = [self.gpus(1)] }
        var job = Job.sample("web")
        job.taskGroups[0].tasks[0].resources?.devices =
            self.job { _ in }.taskGroups[0].tasks[0].resources?.devices ?? []
        try harness.process(try harness.register(job))
        harness.report(job, .running)
        job.taskGroups[0].tasks[0].env = ["VERSION": "2"]
        try harness.process(try harness.register(job))
        #expect(harness.live(job).map(\.jobVersion) == [1])
        #expect(harness.snapshot.hardwareLoad(node)?.shares.values.map { $0 } == [1_000])
        harness.report(job, .complete)
        #expect(harness.snapshot.hardwareLoad(node)?.shares.isEmpty == true)
    }

    @Test func illDevicesAreNotGivenOut() throws {
        var harness = Harness(seed: 7)
        _ = harness.addNode {
            $0.nodeResources.devices = [self.gpus(2)]
            $0.nodeResources.devices[0].instances[0].healthy = false
        }
        let job = job(count: 2) { _ in }
        try harness.process(try harness.register(job))
        #expect(devices(harness, job).flatMap(\.deviceIDs) == ["A100-1"])
    }

    @Test func applierRefusesADeviceThatIsTaken() throws {
        var harness = Harness(seed: 8)
        _ = harness.addNode { $0.nodeResources.devices = [self.gpus(1)] }
        let (first, second) = (job("a") { _ in }, job("b") { _ in })
        let outcomes = [
            try harness.decide(try harness.register(first)), try harness.decide(try harness.register(second)),
        ]
        #expect(!harness.commit(outcomes[0]).isPartial)
        let refused = harness.commit(outcomes[1])
        #expect(refused.isPartial && refused.placed == 0)
        #expect(refused.rejected.values.first?.contains("A100-0") == true)
    }

    @Test func coresAreExclusiveAndTakeTheirCompute() throws {
        var harness = Harness(seed: 9)
        let node = harness.addNode {
            $0.nodeResources.cpu.cpuShares = 4_000
            $0.nodeResources.cpu.totalCpuCores = 4
            $0.nodeResources.cpu.reservableCpuCores = [0, 1, 2, 3]
            $0.attributes["numa.node.count"] = "2"
            $0.attributes["numa.node0.cores"] = "0,2"
            $0.attributes["numa.node1.cores"] = "1,3"
        }
        var pinned = Job.sample("pinned", count: 2)
        pinned.taskGroups[0].tasks[0].resources?.cpu = nil
        pinned.taskGroups[0].tasks[0].resources?.cores = 2
        pinned.taskGroups[0].tasks[0].resources?.numa = .object([("Affinity", .string("prefer"))])
        try harness.process(try harness.register(pinned))
        let cores = harness.live(pinned).compactMap {
            harness.snapshot.allocation($0.id)?.allocatedResources.tasks["t"]?.cpu.reservedCores
        }
        #expect(Set(cores) == [[0, 2], [1, 3]])
        #expect(harness.snapshot.nodeUsage(node).cpu == 4_000)
        let shared = Job.sample("shared")
        let (outcome, _) = try harness.process(try harness.register(shared))
        #expect(harness.live(shared).isEmpty && outcome.failed["g"]?.dimensionExhausted == ["cpu": 1])
    }

    /// Four cores on each of two NUMA nodes.
    private func twoNUMANodes(_ node: inout Node) {
        node.nodeResources.cpu.cpuShares = 8_000
        node.nodeResources.cpu.totalCpuCores = 8
        node.nodeResources.cpu.reservableCpuCores = Array(0..<8)
        node.attributes["numa.node.count"] = "2"
        node.attributes["numa.node0.cores"] = "0-3"
        node.attributes["numa.node1.cores"] = "4-7"
    }

    private func pinned(_ id: String, cores: Int, count: Int = 1, affinity: String = "require") -> Job {
        var job = Job.sample(id, count: count)
        job.taskGroups[0].tasks[0].resources?.cpu = nil
        job.taskGroups[0].tasks[0].resources?.cores = cores
        job.taskGroups[0].tasks[0].resources?.numa = .object([("Affinity", .string(affinity))])
        return job
    }

    private let together = "cores on one NUMA node"

    @Test func coresThatAreNotTogetherAreAShortage() throws {
        var harness = Harness(seed: 11)
        let node = harness.addNode(twoNUMANodes)
        let job = pinned("pinned", cores: 3, count: 4)
        let evaluation = try harness.register(job)
        let (outcome, _) = try harness.process(evaluation)
        // Two cores are left, one on each NUMA node, with the compute of two.
        #expect(harness.live(job).count == 2 && outcome.unplaced == ["g": 2] && outcome.blocked != nil)
        #expect(outcome.failed["g"]?.dimensionExhausted == ["cpu": 1])
        let two = pinned("two", cores: 2)
        let second = try harness.register(two)
        let (short, _) = try harness.process(second)
        #expect(harness.live(two).isEmpty && short.blocked != nil)
        #expect(short.failed["g"]?.dimensionExhausted == [together: 1])
        let told = try #require(try harness.explain(second.id, nodes: [node])[0].nodes.first)
        #expect(told.verdict == "exhausted" && told.reason == "\(together) exhausted: 1 are free together at most")
        let loose = pinned("loose", cores: 2, affinity: "prefer")
        try harness.process(try harness.register(loose))
        #expect(harness.live(loose).count == 1)
        harness.report(job, .complete)
        try harness.process(try #require(short.blocked))
        #expect(harness.live(two).count == 1)
    }

    /// A scheduler sees the number of a node's cores only, and is told how many instances find theirs together.
    @Test func instancesGoWhereCoresAreTogether() throws {
        var harness = Harness(seed: 12)
        for _ in 0..<3 { _ = harness.addNode(twoNUMANodes) }
        let job = pinned("pinned", cores: 3, count: 6)
        let (outcome, result) = try harness.process(try harness.register(job))
        #expect(outcome.unplaced.isEmpty && !result.isPartial)
        #expect(Dictionary(grouping: harness.live(job), by: \.node).values.map(\.count) == [2, 2, 2])
    }

    /// Two groups of one job compete for cores of which each alone would find enough together.
    @Test func whatAnotherGroupOfTheJobTookIsAShortageToo() throws {
        var harness = Harness(seed: 13)
        _ = harness.addNode(twoNUMANodes)
        var job = pinned("pinned", cores: 3, count: 2)
        var second = pinned("pinned", cores: 2).taskGroups[0]
        second.name = "h"
        job.taskGroups.append(second)
        let (outcome, _) = try harness.process(try harness.register(job))
        #expect(harness.live(job).map(\.taskGroup) == ["g", "g"] && outcome.unplaced == ["h": 1])
        #expect(outcome.failed["h"]?.dimensionExhausted == [together: 1])
        var empty = Harness(seed: 14)
        _ = empty.addNode(twoNUMANodes)
        for group in 0..<2 { job.taskGroups[group].gang = .named("pair") }
        let (broken, _) = try empty.process(try empty.register(job))
        #expect(empty.live(job).isEmpty && broken.unplaced == ["g": 2, "h": 1])
        #expect(broken.failed["h"]?.constraintFiltered == ["gang: not all of it finds a place": 1])
    }

    /// The room that an eviction would have made is no room when it does not make cores free together.
    @Test func nobodyIsEvictedForCoresThatAreNotTogether() throws {
        var harness = Harness(seed: 15)
        _ = harness.addNode(twoNUMANodes)
        var configuration = SchedulerConfiguration()
        configuration.preemptionConfig.serviceSchedulerEnabled = true
        harness.apply(.schedulerConfiguration(SchedulerConfigurationChange(configuration: configuration)))
        let keeper = pinned("keeper", cores: 3, count: 2)
        try harness.process(try harness.register(keeper))
        var low = pinned("low", cores: 2, affinity: "none")
        low.priority = 20
        try harness.process(try harness.register(low))
        #expect(harness.live(low).count == 1)
        let wish = pinned("wish", cores: 2)
        let (outcome, _) = try harness.process(try harness.register(wish))
        #expect(harness.live(wish).isEmpty && harness.live(low).count == 1 && outcome.plan.stops.isEmpty)
        #expect(outcome.failed["g"]?.nodesExhausted == 1 && outcome.blocked != nil)
    }

    @Test func hardwareSurvivesASnapshot() throws {
        var harness = Harness(seed: 10)
        let node = harness.addNode { $0.nodeResources.devices = [self.gpus(1)] }
        let job = job { $0.share = 0.5 }
        try harness.process(try harness.register(job))
        var reader = SnapshotReader()
        try reader.read(harness.snapshot.encoded)
        let restored = try reader.finish()
        #expect(restored.snapshot().hardwareLoad(node) == harness.snapshot.hardwareLoad(node))
        let id = try #require(harness.live(job).first).id
        #expect(restored.snapshot().allocation(id) == harness.snapshot.allocation(id))
    }
}
