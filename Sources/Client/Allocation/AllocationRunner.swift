internal import Basics
internal import Logging
internal import Model
internal import PluginHost
internal import Synchronization

/// Runs one allocation: its folders, its tasks in lifecycle order, its status and health.
///
/// ``run()`` ends when every task is dead, or, by cancellation, when the client lets go: the tasks then keep running.
final class AllocationRunner: Sendable {
    let id: ID
    let folders: AllocationFolders
    private let world: ClientWorld
    private let updates: UpdateQueue
    private let contact: ServerContact
    private let node: @Sendable () -> Node
    private let box: Box
    private let runners: [TaskRunner]

    /// What runner and task runners share.
    private final class Box: Sendable {
        struct State {
            var allocation: Allocation
            /// When the tasks are to be stopped: after the group's shutdown delay.
            var stopAt: Uptime?
            var isRemoved = false
            /// It has been without servers for as long as its group allows, and ends by itself.
            var isAbandoned = false
            var healthy: AllocationDeploymentStatus?
            /// The network that the allocation has of its own, while it is there.
            var network: GroupNetwork?
            var hasEnded = false
            var endedAt = Timestamp.never
            var urgent = false
        }

        let state: Mutex<State>
        let signal = ChangeSignal()

        init(_ allocation: Allocation) { state = Mutex(State(allocation: allocation)) }
    }

    init(
        _ allocation: Allocation, restored: [String: TaskRecord], world: ClientWorld, updates: UpdateQueue,
        contact: ServerContact, node: @escaping @Sendable () -> Node
    ) {
        id = allocation.id
        self.world = world
        self.updates = updates
        self.contact = contact
        self.node = node
        folders = AllocationFolders(base: world.configuration.allocationFolder, id: allocation.id)
        let box = Box(allocation)
        self.box = box
        let names = allocation.job?.taskGroup(allocation.taskGroup)?.tasks.map(\.name) ?? []
        let folders = folders
        runners = names.map { name in
            let context = TaskContext(
                world: world, allocationID: allocation.id, taskName: name, folders: folders,
                allocation: { box.state.withLock { $0.allocation } },
                network: { box.state.withLock { $0.network } }, node: node, log: world.log)
            return TaskRunner(context, restored: restored[name]) { urgent in
                if urgent { box.state.withLock { $0.urgent = true } }
                box.signal.notify()
            }
        }
    }

    // MARK: - What others ask

    var allocation: Allocation { box.state.withLock { $0.allocation } }

    /// All tasks are dead and nothing will run again.
    var hasEnded: Bool { box.state.withLock { $0.hasEnded } }

    /// The servers no longer know it.
    var isRemoved: Bool { box.state.withLock { $0.isRemoved } }

    /// Its group says that it ends some time after the last contact with the servers.
    var endsWithoutServers: Bool { patience(allocation) != nil }

    private func patience(_ allocation: Allocation) -> Duration? {
        allocation.job?.taskGroup(allocation.taskGroup).flatMap { DisconnectRules($0).stopOnClientAfter }
    }

    var endedAt: Timestamp { box.state.withLock { $0.endedAt } }

    var taskNames: [String] { runners.map { $0.context.taskName } }

    func task(_ name: String) -> TaskRunner? { runners.first { $0.context.taskName == name } }

    /// Task ids of the drivers for what runs now, by driver.
    func runningTasks() -> [(driver: String, task: String, id: String)] {
        runners.compactMap { runner in
            runner.runningTaskID.map { (runner.driverName, runner.context.taskName, $0) }
        }
    }

    /// Takes a newer version of the allocation from the servers; true when it differs in what the client acts on.
    func receive(_ allocation: Allocation) -> Bool {
        let isNew = box.state.withLock { state in
            guard allocation.allocModifyIndex > state.allocation.allocModifyIndex else { return false }
            var next = allocation
            // A later job object may be left out of an update that does not change it.
            if next.job == nil { next.job = state.allocation.job }
            state.allocation = next
            return true
        }
        box.signal.notify()
        return isNew
    }

    /// The servers no longer know the allocation: everything is stopped at once.
    func remove() {
        box.state.withLock { $0.isRemoved = true }
        box.signal.notify()
    }

    /// What is reported now.
    func currentUpdate() -> AllocationUpdate {
        let states = taskStates()
        let (allocation, health, network) = box.state.withLock { ($0.allocation, $0.healthy, $0.network) }
        let coordinator = LifecycleCoordinator(tasks(of: allocation))
        var update = AllocationUpdate()
        update.id = id
        update.taskStates = states
        (update.clientStatus, update.clientDescription) = coordinator.status(states)
        if runners.isEmpty { (update.clientStatus, update.clientDescription) = (.failed, "the job has no such group") }
        if update.clientStatus == .complete, states.values.contains(where: \.wasAbandoned) {
            // Its work is not done, so a batch job has it done elsewhere.
            (update.clientStatus, update.clientDescription) = (.lost, "Stopped for want of contact with the servers")
        }
        update.deploymentStatus = health ?? allocation.deploymentStatus
        update.networkStatus = network?.status ?? allocation.networkStatus
        return update
    }

    private func taskStates() -> [String: TaskState] {
        Dictionary(runners.map { ($0.context.taskName, $0.state) }) { first, _ in first }
    }

    private func tasks(of allocation: Allocation) -> [JobTask] {
        allocation.job?.taskGroup(allocation.taskGroup)?.tasks ?? []
    }

    var network: AllocationNetwork { AllocationNetwork(id: id, folders: folders, world: world) }

    // MARK: - The run

    func run() async {
        do {
            try await prepare()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for runner in runners { group.addTask { await runner.run() } }
                try await supervise()
                try await group.waitForAll()
            }
            await finish()
        } catch is CancellationError {
            // Let go: nothing is said or stored beyond what is.
        } catch {
            await fail("\(error)")
        }
    }

    private func prepare() async throws {
        let (folders, disk, modes) = (folders, world.seam.disk, world.modes)
        guard !taskStates().values.allSatisfy({ $0.state == .dead }) || runners.isEmpty else { return }
        do {
            try await world.seam.blocking.run { try folders.make(disk: disk, modes: modes) }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw TaskSetupError(message: "cannot make the allocation's folders: \(error)")
        }
        let made = try await network.prepare(allocation)
        box.state.withLock { $0.network = made }
    }

    /// Every task fails for a reason that concerns them all.
    private func fail(_ reason: String) async {
        world.log.error("allocation failed", metadata: ["alloc.id": "\(id)", "error": "\(reason)"])
        for runner in runners where runner.state.state != .dead {
            await runner.die(failed: true, event: .setupFailure(reason))
        }
        await finish()
    }

    private func finish() async {
        do {
            try await network.clear()
        } catch {
            // Tried again when the allocation is cleared away, and when the client starts anew.
            world.log.error(
                "cannot take an allocation's network away", metadata: ["alloc.id": "\(id)", "error": "\(error)"])
        }
        let now = world.seam.time.now
        box.state.withLock { state in
            state.hasEnded = true
            state.endedAt = now
        }
        updates.put(currentUpdate(), urgent: true)
        world.log.info("allocation ended", metadata: ["alloc.id": "\(id)"])
    }

    /// Opens gates, ends tasks and reports, until all tasks are dead.
    private func supervise() async throws {
        var reported: AllocationUpdate?
        var health = makeHealthTracker()
        while true {
            let seen = box.signal.count
            let now = world.seam.time.uptime
            let (allocation, removed) = box.state.withLock { ($0.allocation, $0.isRemoved) }
            var coordinator = LifecycleCoordinator(tasks(of: allocation))
            let states = taskStates()
            let stopAt = stopTime(allocation, removed: removed, now: now)
            coordinator.isStopping = stopAt.map { $0 <= now } ?? false
            drive(coordinator, states, allocation)
            if let healthy = health?.look(states, coordinator, now: now) { setHealth(healthy, allocation) }
            let update = currentUpdate()
            let urgent = box.state.withLock { state in
                defer { state.urgent = false }
                return state.urgent
            }
            if update != reported {
                // That it is pending, as they placed it, is no news to the servers.
                let changed = update.clientStatus != (reported?.clientStatus ?? allocation.clientStatus)
                updates.put(update, urgent: urgent || changed)
                reported = update
            }
            if runners.allSatisfy({ $0.state.state == .dead }) { return }
            try await wait(since: seen, until: [stopAt.flatMap { $0 > now ? $0 : nil }, health?.nextLook])
        }
    }

    private func wait(since seen: UInt64, until times: [Uptime?]) async throws {
        guard let next = times.compactMap({ $0 }).min() else {
            _ = try await box.signal.changed(since: seen)
            return
        }
        try await race(
            [
                { [world] in try await world.seam.time.sleep(until: next) },
                { [box] in _ = try await box.signal.changed(since: seen) },
            ] as [@Sendable () async throws -> Void])
    }

    private func drive(_ coordinator: LifecycleCoordinator, _ states: [String: TaskState], _ allocation: Allocation) {
        let skipsDelay = allocation.desiredTransition.noShutdownDelay ?? false
        let isAbandoned = box.state.withLock { $0.isAbandoned }
        var ending = coordinator.mustEnd(states)
        // The leader goes first; the others follow when it is dead.
        if coordinator.isStopping, let leader = coordinator.leader, states[leader]?.state == .running {
            ending = ending.filter { $0.task == leader }
        }
        for (task, reason) in ending {
            let event: TaskEvent? = reason == .stopped && isAbandoned ? .abandoned : .ending(reason)
            self.task(task)?.kill(TaskControl.Kill(event: event, skipsDelay: skipsDelay))
        }
        for runner in runners {
            let name = runner.context.taskName
            if coordinator.mayStart(name, states) { runner.control.gate.set(()) }
        }
    }

    /// When the tasks are to stop; nil while they should run.
    private func stopTime(_ allocation: Allocation, removed: Bool, now: Uptime) -> Uptime? {
        if removed { return now }
        guard allocation.desiredStatus != .run || allocation.clientStatus == .lost else {
            return timeWithoutServers(allocation, now: now)
        }
        return box.state.withLock { state in
            if let time = state.stopAt { return time }
            let group = allocation.job?.taskGroup(allocation.taskGroup)
            let skips = allocation.desiredTransition.noShutdownDelay ?? false
            let time = now + (skips ? .zero : group?.shutdownDelay ?? .zero)
            state.stopAt = time
            return time
        }
    }

    /// When the tasks are to end unless a server is heard of; nil for never. Once it has come, it stays.
    private func timeWithoutServers(_ allocation: Allocation, now: Uptime) -> Uptime? {
        guard let patience = patience(allocation) else { return nil }
        let end = contact.end(after: patience)
        return box.state.withLock { state in
            if end <= now, !state.isAbandoned {
                state.isAbandoned = true
                world.log.warning(
                    "no contact with the servers: the allocation ends",
                    metadata: ["alloc.id": "\(id)", "after": "\(patience.goText)"])
            }
            return state.isAbandoned ? now : end
        }
    }

    // MARK: - Health

    private func makeHealthTracker() -> HealthTracker? {
        let allocation = allocation
        guard !allocation.deploymentID.isNone, allocation.deploymentStatus?.healthy == nil,
            let group = allocation.job?.taskGroup(allocation.taskGroup), group.update?.healthCheck != "manual"
        else { return nil }
        return HealthTracker(update: group.update ?? allocation.job?.update, start: world.seam.time.uptime)
    }

    private func setHealth(_ healthy: Bool, _ allocation: Allocation) {
        var status = allocation.deploymentStatus ?? AllocationDeploymentStatus()
        status.healthy = healthy
        status.timestamp = TimeText(world.seam.time.now)
        box.state.withLock { state in
            state.healthy = status
            state.urgent = true
        }
    }
}
