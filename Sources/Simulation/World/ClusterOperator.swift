internal import Basics
internal import Model
internal import RPC
internal import Server
internal import SimulatedSeam
internal import StateStore

/// Does to a cluster what the script says, and puts right again what it has broken.
struct ClusterOperator {
    let world: SimulatedWorld
    let settings: ClusterSettings
    let recorder: ClusterRecorder
    let servers: [SimulatedServer]
    private let machines: [SimulatedMachine]
    private let random: SimulatedRandom
    private let factory: JobFactory
    private let caller: RecordingCaller
    private var jobs: [String: Job] = [:]
    /// Repairs that are due, by time and order.
    private var repairs: [(at: Uptime, repair: Repair)] = []

    init(
        world: SimulatedWorld, settings: ClusterSettings, recorder: ClusterRecorder, servers: [SimulatedServer],
        machines: [SimulatedMachine]
    ) {
        self.world = world
        self.settings = settings
        self.recorder = recorder
        self.servers = servers
        self.machines = machines
        random = world.random.fork("operator")
        factory = JobFactory(random: world.random.fork("jobs"))
        let network = world.seam(disk: SimulatedDisk(), name: "operator").network
        caller = RecordingCaller(caller: ServerList(servers.map(\.address), network: network), recorder: recorder)
    }

    /// Plays all events at their times, with what follows from them in between.
    mutating func playScript() async throws {
        let start = world.loop.uptime
        if !settings.scheduler.isEmpty {
            var call = SetSchedulerConfiguration()
            call.configuration.schedulerAlgorithm = settings.scheduler
            try await make(call)
        }
        for (at, event) in ClusterEvent.script(settings, random: world.random.fork("script")) {
            try await wait(until: start + at)
            guard recorder.violations.isEmpty else { return }
            if let moment = settings.syncsLieAfter, at >= moment {
                for server in servers { server.disk.ignoreSyncs() }
            }
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
    mutating func stopFaults() async throws {
        world.trace.record("faults stop")
        let end = world.loop.uptime + Self.replacementMax
        while !repairs.isEmpty, recorder.violations.isEmpty {
            let due = repairs
            repairs = []
            for (_, repair) in due { await carryOut(repair) }
            // What is left is a server whose removal is not committed yet.
            guard !repairs.isEmpty else { break }
            guard world.loop.uptime < end else { return recorder.report("a server cannot be replaced: \(repairs)") }
            try await world.loop.sleep(for: .seconds(1))
        }
        await carryOut(.deliver)
        await carryOut(.succeed)
        for server in servers {
            server.disk.failSyncs(0)
            server.clock.set(offset: .zero)
        }
    }

    // MARK: - Repairs

    private mutating func wait(until moment: Uptime) async throws {
        while let next = repairs.map(\.at).min(), next <= moment {
            try await world.loop.sleep(until: next)
            let due = repairs.filter { $0.at <= next }
            repairs.removeAll { $0.at <= next }
            for (_, repair) in due { await carryOut(repair) }
        }
        try await world.loop.sleep(until: moment)
    }

    mutating func later(_ seconds: ClosedRange<Int>, _ repair: Repair) {
        let delay = Duration.seconds(Int64(seconds.lowerBound + below(seconds.count)))
        repairs.append((world.loop.uptime + delay, repair))
    }

    private mutating func carryOut(_ repair: Repair) async {
        switch repair {
        case .turnOn(let machine): if !machine.isOn { machine.turn(on: true) }
        case .join(let machine): world.network.join(machine)
        case .mendLinks: world.network.mendLinks()
        case .deliver: world.network.setConditions(SimulatedNetwork.Conditions())
        case .succeed: for machine in machines { machine.client.script.failuresPerThousand = 0 }
        case .cutPower(let server, let disk): if server.disk === disk { server.die(.powerCut) }
        case .goOn(let server): server.process.goOn()
        case .quickenDisk(let server): server.disk.slowness = 1
        case .emptyDisk(let server): server.disk.setFreeBytes(.max)
        case .correctClock(let server): server.clock.set(offset: .zero)
        case .replace(let server, let id): if await !replace(server, id) { later(2...5, repair) }
        }
    }

    // MARK: - Events

    private mutating func perform(_ event: ClusterEvent) async throws {
        switch event {
        case .register, .changeInPlace, .changeDestructively, .scale, .stopJob, .purgeJob: try await performOnJob(event)
        case .joinNode, .crashNode, .isolateNode, .toggleEligibility: try await performOnNode(event)
        case .loseMessages, .echoMessages, .partition, .isolateServer: performOnNetwork(event)
        case .killServer, .cutPower, .hangServer, .failSync, .slowDisk, .fillDisk, .setClock, .saveSnapshot:
            try await performOnServer(event)
        case .transferLeadership, .leaveServer, .removeServer, .replaceServer: await performOnGroup(event)
        case .stopAllocation:
            guard let id = liveAllocation() else { return }
            var call = StopAllocation()
            call.allocationID = id
            try await make(call)
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

    mutating func performOnJob(_ event: ClusterEvent) async throws {
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
            later(5...60, .join(machine.node.name))
        case .toggleEligibility:
            var call = SetNodeEligibility()
            call.nodeID = machine.node.id
            call.eligibility = below(3) == 0 ? .ineligible : .eligible
            try await make(call)
        default: break
        }
    }

    private func liveAllocation() -> ID? {
        let snapshot = recorder.snapshot
        var live: [ID] = []
        snapshot.forEachJob { record in
            let rows = snapshot.allocations(ofJob: record.key.id, namespace: record.key.namespace)
            live += rows.filter { !$0.isTerminal }.map(\.id)
            return true
        }
        return live.isEmpty ? nil : live[below(live.count)]
    }

    func make(_ call: some ServerCall) async throws {
        _ = try await caller.call(call, context: CallContext(), deadline: .seconds(3))
    }

    func below(_ limit: Int) -> Int { Int(random.next() % UInt64(max(1, limit))) }
}
