import Basics
import Model
import Scheduling
import StateStore
import Testing

/// What must hold whatever clusters and jobs are, where devices, cores and room are scarce: shares, gangs and pre-emption.
@Suite struct ScarcePropertyTests {
    @Test(arguments: 1...40)
    func everyPlanIsFeasibleStableAndRepeatable(seed: Int) throws {
        var harness = ScarceCluster.make(seed: UInt64(seed))
        var generator = SeededGenerator(seed: UInt64(seed) &* 131)
        for number in 0..<12 {
            let job = ScarceCluster.job("job\(number % 9)", &generator)
            let note: Comment = "seed \(seed), job \(number)"
            let planned = try harness.plan(job)
            let evaluation = try harness.register(job)
            let before = harness
            let outcome = try harness.decide(evaluation)
            var twin = before
            #expect(try twin.decide(evaluation).plan == outcome.plan, note)
            #expect(Placed(planned.plan) == Placed(outcome.plan) && planned.unplaced == outcome.unplaced, note)

            let result = harness.commit(outcome)
            #expect(!result.isPartial, "\(note): \(result.rejected)")
            harness.checkNodes(note)
            harness.checkHardware(note)
            checkGangs(job, outcome, before, evaluation, note)
            try checkVictims(job, outcome, before, evaluation, harness, note)

            let second = try harness.decide(evaluation)
            #expect(second.plan.placements.isEmpty && second.plan.stops.isEmpty, note)
            try settle(&harness, note)
            if number % 4 == 3 { harness.report(job, .failed) }
        }
    }

    /// Takes the evaluations of evicted jobs to their end: they may evict in their turn, and that comes to an end.
    private func settle(_ harness: inout Harness, _ note: Comment) throws {
        for _ in 0..<200 {
            var next: Evaluation?
            harness.snapshot.forEachEvaluation { evaluation in
                if evaluation.status == .pending, evaluation.triggeredBy == .preemption { next = evaluation }
                return next == nil
            }
            guard let next else { return }
            let (_, result) = try harness.process(next)
            #expect(!result.isPartial, "\(note): \(result.rejected)")
            harness.checkNodes(note)
            harness.checkHardware(note)
        }
        Issue.record("\(note): jobs evict each other without end")
    }

    /// All of a gang is placed or none, and none only if not all of it finds a place one by one.
    private func checkGangs(
        _ job: Job, _ outcome: EvaluationOutcome, _ before: Harness, _ evaluation: Evaluation, _ note: Comment
    ) {
        let members = job.taskGroups.filter { $0.gang != .none }
        guard !members.isEmpty else { return }
        let placed = Dictionary(grouping: outcome.plan.placements, by: \.taskGroup).mapValues {
            $0.reduce(0) { $0 + $1.ids.count }
        }
        for member in members {
            let together = member.gang == .own ? [member] : members.filter { $0.gang == member.gang }
            let missing = together.reduce(0) { $0 + (outcome.unplaced[$1.name] ?? 0) }
            let found = together.reduce(0) { $0 + (placed[$1.name] ?? 0) }
            #expect(missing == 0 || found == 0, "\(note): \(found) of a gang are placed, \(missing) are not")
        }
    }

    /// Victims are of lower priority, are needed, and are taken only where there is no room otherwise.
    private func checkVictims(
        _ job: Job, _ outcome: EvaluationOutcome, _ before: Harness, _ evaluation: Evaluation, _ after: Harness,
        _ note: Comment
    ) throws {
        let victims = outcome.plan.stops.filter { $0.desiredStatus == .evict }
        guard !victims.isEmpty else { return }
        for victim in victims {
            let row = try #require(after.snapshot.allocationRow(victim.id))
            #expect(after.snapshot.jobVersion(of: row).job.priority <= job.priority - 10, note)
            #expect(!after.wouldFit(row), "\(note): \(row.id) was evicted without need")
        }
        // Instances that exclude each other may trade places.
        guard job.constraints.isEmpty else { return }
        var peaceful = before
        peaceful.processor = EvaluationProcessor()
        var configuration = peaceful.snapshot.schedulerConfiguration
        configuration.preemptionConfig = PreemptionConfig()
        configuration.preemptionConfig.systemSchedulerEnabled = false
        peaceful.apply(.schedulerConfiguration(SchedulerConfigurationChange(configuration: configuration)))
        let missing = try peaceful.decide(evaluation).unplaced.values.reduce(0, +)
        #expect(missing > outcome.unplaced.values.reduce(0, +), note)
    }
}

extension Harness {
    /// Nobody holds more of a device or core than there is, and everybody has what he asked for, of devices that are there.
    func checkHardware(_ note: Comment) {
        let snapshot = snapshot
        for row in 0..<snapshot.nodeRowLimit {
            guard let node = snapshot.node(row) else { continue }
            var load = HardwareLoad()
            let usable = Set(
                node.nodeResources.devices.flatMap { group in group.instances.filter(\.healthy).map(\.id) })
            for allocation in snapshot.allocations(ofNode: row) where !allocation.isTerminal {
                guard let hardware = snapshot.hardware(of: allocation) else { continue }
                let cores = hardware.tasks.values.flatMap(\.cores)
                #expect(load.cores.isDisjoint(with: cores), note)
                #expect(Set(cores).isSubset(of: node.nodeResources.cpu.reservableCpuCores), note)
                let group = snapshot.jobVersion(of: allocation).job.taskGroups[allocation.groupIndex]
                for task in group.tasks {
                    let given = hardware.tasks[task.name]
                    #expect(given?.cores.count ?? 0 == task.resources?.cores ?? 0, note)
                    let devices = given?.devices ?? []
                    #expect(devices.count == task.resources?.devices.count ?? 0, note)
                    for (device, ask) in zip(devices, task.resources?.devices ?? []) {
                        #expect(Set(device.deviceIDs).count == ask.count ?? 1, note)
                        #expect(usable.isSuperset(of: device.deviceIDs), note)
                        if ask.memoryMB == nil { #expect(device.share == ask.share, note) }
                    }
                }
                load.add(hardware, sign: 1)
            }
            #expect(load.shares.values.allSatisfy { $0 <= DeviceShare.whole }, note)
            #expect(load == snapshot.hardwareLoad(row) ?? HardwareLoad(), note)
        }
    }

    /// Whether there is room on its node for an allocation that has ended, with the very hardware that it had; which cores are
    /// left may matter to others, so one that had some is taken to be needed elsewhere.
    func wouldFit(_ allocation: AllocationRow) -> Bool {
        let snapshot = snapshot
        var used = snapshot.nodeUsage(allocation.node)
        used += snapshot.usage(of: allocation)
        let capacity = snapshot.nodeCapacity(allocation.node)
        guard used.cpu <= capacity.cpu, used.memory <= capacity.memory, used.disk <= capacity.disk,
            used.cores <= capacity.cores
        else { return false }
        guard Set(snapshot.usedPorts(allocation.node)).isDisjoint(with: snapshot.ports(of: allocation)) else {
            return false
        }
        guard let hardware = snapshot.hardware(of: allocation) else { return true }
        var load = snapshot.hardwareLoad(allocation.node) ?? HardwareLoad()
        guard hardware.tasks.values.allSatisfy(\.cores.isEmpty) else { return false }
        load.add(hardware, sign: 1)
        return load.shares.values.allSatisfy { $0 <= DeviceShare.whole }
    }
}

/// Small clusters with devices and cores, and jobs of all priorities that want more of them than there is.
private enum ScarceCluster {
    static func make(seed: UInt64) -> Harness {
        var harness = Harness(seed: seed)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<(Int(generator.next(upperBound: 8 as UInt64)) + 2) {
            let draw = generator.next()
            _ = harness.addNode { node in
                node.nodeResources.cpu.cpuShares = Int64(draw & 7) * 1_000 + 1_000
                node.nodeResources.memory.memoryMB = Int64(draw >> 3 & 7) * 512 + 512
                if draw >> 6 & 1 == 0 {
                    node.nodeResources.cpu.totalCpuCores = 4
                    node.nodeResources.cpu.reservableCpuCores = [0, 1, 2, 3]
                }
                node.nodeResources.devices = ["A100", "T4"].enumerated().compactMap { number, name in
                    gpus(name, count: Int(draw >> (8 + 4 * UInt64(number)) & 3), healthy: draw >> 20 & 3 != 0)
                }
            }
        }
        var configuration = SchedulerConfiguration()
        configuration.preemptionConfig.serviceSchedulerEnabled = true
        configuration.preemptionConfig.batchSchedulerEnabled = true
        configuration.preemptionConfig.systemSchedulerEnabled = true
        configuration.preemptionConfig.sysBatchSchedulerEnabled = true
        harness.apply(.schedulerConfiguration(SchedulerConfigurationChange(configuration: configuration)))
        return harness
    }

    /// Of which the last one may be out of order.
    private static func gpus(_ name: String, count: Int, healthy: Bool) -> NodeDeviceResource? {
        guard count > 0 else { return nil }
        var group = NodeDeviceResource()
        (group.vendor, group.type, group.name) = ("nvidia", "gpu", name)
        var memory = DeviceAttribute()
        (memory.int, memory.unit) = (name == "T4" ? 16_384 : 40_960, "MiB")
        group.attributes["memory"] = memory
        group.instances = (0..<count).map { number in
            var device = NodeDevice()
            (device.id, device.healthy) = ("\(name)-\(number)", healthy || number < count - 1)
            return device
        }
        return group
    }

    static func job(_ id: String, _ generator: inout SeededGenerator) -> Job {
        let draw = generator.next()
        let type = [JobType.service, .service, .batch, .batch, .system, .sysbatch][Int(draw % 6)]
        var job = Job.sample("\(id)-\(type)", type: type)
        job.priority = Int(draw >> 8 & 7) * 10 + 10
        job.taskGroups[0] = group("g", &generator)
        if draw >> 12 & 1 == 0 {
            job.taskGroups.append(group("h", &generator))
            if draw >> 13 & 1 == 0 { for position in 0..<2 { job.taskGroups[position].gang = .named("both") } }
        }
        if draw >> 14 & 3 == 0 { job.constraints = [Constraint("", "distinct_hosts", "")] }
        if type.isEachNode { for position in job.taskGroups.indices { job.taskGroups[position].gang = .none } }
        return job
    }

    private static func group(_ name: String, _ generator: inout SeededGenerator) -> TaskGroup {
        let draw = generator.next()
        var group = Job.sample().taskGroups[0]
        group.name = name
        group.count = Int(draw & 7)
        if draw >> 4 & 3 == 0 { group.gang = .own }
        if draw >> 6 & 7 == 0 { group.networks = [.staticPort(9_000)] }
        var resources = Resources()
        resources.memoryMB = Int(draw >> 10 & 255) + 10
        if draw >> 18 & 3 == 0 {
            resources.cores = Int(draw >> 20 & 1) + 1
        } else {
            resources.cpu = Int(draw >> 22 & 1_023) + 20
        }
        if draw >> 34 & 1 == 0 { resources.devices = [device(draw >> 35)] }
        group.tasks[0].resources = resources
        return group
    }

    private static func device(_ draw: UInt64) -> RequestedDevice {
        var device = RequestedDevice()
        device.name = ["gpu", "nvidia/gpu", "nvidia/gpu/T4"][Int(draw % 3)]
        device.count = draw >> 2 & 3 == 0 ? 2 : 1
        switch draw >> 4 & 3 {
        case 0: device.share = [0.1, 0.25, 0.5, 0.75][Int(draw >> 6 & 3)]
        case 1: device.memoryMB = [2_048, 8_192, 20_000][Int(draw >> 6 & 3) % 3]
        default: break
        }
        if draw >> 8 & 3 == 0 { device.constraints = [Constraint("${device.attr.memory}", ">", "20 GiB")] }
        return device
    }
}
