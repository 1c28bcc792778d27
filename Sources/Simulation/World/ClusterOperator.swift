internal import Basics
internal import Model
internal import RPC
internal import Server
internal import SimulatedSeam
internal import StateStore

/// Does to a cluster what the script says, and puts right again what it has broken.
struct ClusterOperator {
    private let world: SimulatedWorld
    private let settings: ClusterSettings
    private let recorder: ClusterRecorder
    private let server: SimulatedServer
    private let machines: [SimulatedMachine]
    private let random: SimulatedRandom
    private let factory: JobFactory
    private let caller: RecordingCaller
    private var jobs: [String: Job] = [:]
    /// Repairs that are due, by time and order.
    private var repairs: [(at: Uptime, repair: Repair)] = []

    private enum Repair {
        case turnOn(SimulatedMachine)
        case join(SimulatedMachine)
        case deliver
        case succeed
        /// The power failed long ago, if it was to fail at all.
        case cutPower(SimulatedDisk)
    }

    init(
        world: SimulatedWorld, settings: ClusterSettings, recorder: ClusterRecorder, server: SimulatedServer,
        machines: [SimulatedMachine]
    ) {
        self.world = world
        self.settings = settings
        self.recorder = recorder
        self.server = server
        self.machines = machines
        random = world.random.fork("operator")
        factory = JobFactory(random: world.random.fork("jobs"))
        let peer = world.seam(disk: SimulatedDisk(), name: "operator").network.peer(at: SimulatedServer.address)
        caller = RecordingCaller(caller: RemoteCaller(peer: peer), recorder: recorder)
    }

    /// Plays all events at their times, with what follows from them in between.
    mutating func playScript() async throws {
        try await world.loop.sleep(for: .seconds(3))
        let start = world.loop.uptime
        for (at, event) in ClusterEvent.script(settings, random: world.random.fork("script")) {
            try await wait(until: start + at)
            guard recorder.violations.isEmpty else { return }
            if let moment = settings.syncsLieAfter, at >= moment { server.disk.ignoreSyncs() }
            world.trace.record("event \(event.rawValue)")
            do {
                try await perform(event)
            } catch let error as CallError {
                if error.code == .invalid { recorder.report("refused what is valid: \(error)") }
                world.trace.record("refused: \(error)")
            }
        }
        try await wait(until: start + settings.chaos)
    }

    /// Everything comes back, and nothing fails any more.
    mutating func stopFaults() {
        for (_, repair) in repairs { carryOut(repair) }
        repairs = []
        carryOut(.deliver)
        carryOut(.succeed)
        server.disk.failSyncs(0)
        world.trace.record("faults stop")
    }

    // MARK: - Repairs

    private mutating func wait(until moment: Uptime) async throws {
        while let next = repairs.map(\.at).min(), next <= moment {
            try await world.loop.sleep(until: next)
            let due = repairs.filter { $0.at <= next }
            repairs.removeAll { $0.at <= next }
            for (_, repair) in due { carryOut(repair) }
        }
        try await world.loop.sleep(until: moment)
    }

    private mutating func later(_ seconds: ClosedRange<Int>, _ repair: Repair) {
        let delay = Duration.seconds(Int64(seconds.lowerBound + below(seconds.count)))
        repairs.append((world.loop.uptime + delay, repair))
    }

    private func carryOut(_ repair: Repair) {
        switch repair {
        case .turnOn(let machine): if !machine.isOn { machine.turn(on: true) }
        case .join(let machine): world.network.join(machine.node.name)
        case .deliver: world.network.setConditions(SimulatedNetwork.Conditions())
        case .succeed: for machine in machines { machine.client.script.failuresPerThousand = 0 }
        case .cutPower(let disk): if server.disk === disk { server.die(.powerCut) }
        }
    }

    // MARK: - Events

    private mutating func perform(_ event: ClusterEvent) async throws {
        switch event {
        case .register, .changeInPlace, .changeDestructively, .scale, .stopJob, .purgeJob: try await performOnJob(event)
        case .joinNode, .crashNode, .isolateNode, .toggleEligibility: try await performOnNode(event)
        case .killServer, .cutPower, .failSync, .saveSnapshot: try await performOnServer(event)
        case .stopAllocation:
            guard let id = liveAllocation() else { return }
            var call = StopAllocation()
            call.allocationID = id
            try await make(call)
        case .loseMessages:
            var conditions = SimulatedNetwork.Conditions()
            conditions.lossChance = Double(5 + below(30)) / 100
            conditions.delayMax = .milliseconds(Int64(2 + below(300)))
            world.network.setConditions(conditions)
            later(3...20, .deliver)
        case .failTasks:
            for machine in machines { machine.client.script.failuresPerThousand = UInt64(100 + below(700)) }
            later(5...20, .succeed)
        case .changeScheduler:
            var call = SetSchedulerConfiguration()
            call.configuration.schedulerAlgorithm = ["binpack", "spread", RivalSchedulers.name][below(3)]
            if below(2) == 0 { call.configuration.shadow.plugin = RivalSchedulers.name }
            var rule = SchedulerRule()
            rule.jobType = ["", "service", "batch"][below(3)]
            rule.plugin = ["", RivalSchedulers.name][below(2)]
            rule.algorithm = ["", "spread"][below(2)]
            if below(2) == 0 { call.configuration.schedulers = [rule] }
            try await make(call)
        case .collectGarbage: try await make(CollectGarbage())
        }
    }

    private mutating func performOnJob(_ event: ClusterEvent) async throws {
        let id = "job-\(below(settings.jobs))"
        switch (event, jobs[id]) {
        case (.stopJob, _), (.purgeJob, _):
            var call = DeregisterJob()
            call.jobID = id
            call.purge = event == .purgeJob
            if call.purge { jobs[id] = nil }
            try await make(call)
        case (.changeInPlace, let job?): try await register(factory.changedInPlace(job))
        case (.changeDestructively, let job?): try await register(factory.changedDestructively(job))
        case (.scale, let job?) where !job.type.isEachNode: try await register(factory.scaled(job))
        case (_, let job?): try await register(job)
        default: try await register(factory.job(id))
        }
    }

    private mutating func register(_ job: Job) async throws {
        jobs[job.id] = job
        var call = RegisterJob()
        call.job = job
        try await make(call)
    }

    private mutating func performOnNode(_ event: ClusterEvent) async throws {
        guard event != .joinNode else {
            if let machine = machines[settings.nodes...].first(where: { !$0.isOn }) { machine.turn(on: true) }
            return
        }
        let machine = machines[below(settings.nodes)]
        switch event {
        case .crashNode where machine.isOn:
            machine.turn(on: false)
            later(1...60, .turnOn(machine))
        case .isolateNode:
            world.network.isolate(machine.node.name)
            later(5...60, .join(machine))
        case .toggleEligibility:
            var call = SetNodeEligibility()
            call.nodeID = machine.node.id
            call.eligibility = below(3) == 0 ? .ineligible : .eligible
            try await make(call)
        default: break
        }
    }

    private mutating func performOnServer(_ event: ClusterEvent) async throws {
        switch event {
        case .killServer: server.die(.processDeath)
        case .cutPower:
            let disk = server.disk
            disk.failPower(after: below(12))
            later(2...4, .cutPower(disk))
            try await performOnJob(.register)
        case .failSync: server.disk.failSyncs(1)
        default:
            do {
                try await server.agent?.saveSnapshot()
            } catch {
                world.trace.record("no snapshot: \(error)")
            }
        }
    }

    private func liveAllocation() -> ID? {
        guard let snapshot = server.agent?.snapshot else { return nil }
        var live: [ID] = []
        snapshot.forEachJob { record in
            let rows = snapshot.allocations(ofJob: record.key.id, namespace: record.key.namespace)
            live += rows.filter { !$0.isTerminal }.map(\.id)
            return true
        }
        return live.isEmpty ? nil : live[below(live.count)]
    }

    private func make(_ call: some ServerCall) async throws {
        _ = try await caller.call(call, context: CallContext(), deadline: .seconds(5))
    }

    private func below(_ limit: Int) -> Int { Int(random.next() % UInt64(max(1, limit))) }
}
