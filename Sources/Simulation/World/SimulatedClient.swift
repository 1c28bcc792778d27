package import Basics
package import Model
package import RPC
internal import Synchronization

/// A node without a machine: speaks a client's side of the RPC in full and plays the tasks it is given by a script.
///
/// It runs on any seam: on the simulated one as part of a simulation, on the real one as one of thousands of nodes of a
/// benchmark, over the same RPC as a real client.
package final class SimulatedClient: Sendable {
    /// What becomes of the tasks a node is given.
    package struct Script: Sendable {
        /// From hearing of an allocation to running it.
        package var startDelay = Duration.milliseconds(20)
        /// How long tasks of batch jobs run; service tasks run until stopped.
        package var batchRun = Duration.seconds(5)
        /// Of 1,000 allocations so many fail right after their start.
        package var failuresPerThousand: UInt64 = 0
        /// Watch for allocations and report on them; without it the node registers and heartbeats, and allocations stay
        /// pending.
        package var runsTasks = true
        /// How long a watch may wait for news, and how long beyond that any call waits for its answer.
        package var watchWait = Duration.seconds(60)
        package var patience = Duration.seconds(30)
        /// Told of every allocation that a watch brings.
        package var heard: (@Sendable (Allocation) -> Void)?

        package init() {}
    }

    private struct Running {
        var allocation: Allocation
        var endsAt: Uptime?
        var fails: Bool
        var started: Bool
    }

    private struct Tasks {
        var running: [ID: Running] = [:]
        /// What the server has not confirmed to have heard.
        var reports: [ID: AllocationUpdate] = [:]
    }

    package let node: Node
    private let seam: Seam
    private let servers: any Caller
    private let current: Mutex<Script>

    package init(node: Node, seam: Seam, servers: any Caller, script: Script = Script()) {
        self.node = node
        self.seam = seam
        self.servers = servers
        current = Mutex(script)
    }

    /// What becomes of the tasks from now on.
    package var script: Script {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }

    /// Registers, then heartbeats and watches until cancelled. `registered` is called once the server knows the node.
    package func run(registered: @Sendable () -> Void = {}) async {
        let interval = await register()
        registered()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.heartbeat(every: interval) }
            if script.runsTasks { group.addTask { await self.watch() } }
        }
    }

    // MARK: - Step by step

    /// Reports allocations of one task each as running, in one call.
    package func reportRunning(_ allocations: [ID], task: String) async throws {
        var call = UpdateAllocations()
        call.nodeID = node.id
        call.secretID = node.secretID
        call.reports = AllocationReportBatch(allocations.map { report($0, tasks: [task], .running) })
        _ = try await self.call(call, within: script.patience)
    }

    // MARK: - Playing

    private func register() async -> Duration {
        while !Task.isCancelled {
            do {
                return try await call(RegisterNode(node: node), within: script.patience).heartbeatTTL
            } catch {
                try? await seam.time.sleep(for: .milliseconds(500))
            }
        }
        return .seconds(1)
    }

    private func heartbeat(every first: Duration) async {
        var interval = Duration.zero
        while !Task.isCancelled {
            do {
                try await seam.time.sleep(for: interval)
                let beat = Heartbeat(nodeID: node.id, secretID: node.secretID)
                let reply = try await call(beat, within: script.patience)
                interval = reply.heartbeatTTL * 0.9
            } catch let error as CallError where error.code == .notFound {
                interval = await register()
            } catch {
                interval = min(first, .seconds(1))
            }
        }
    }

    private func watch() async {
        var tasks = Tasks()
        var index: UInt64 = 0
        var resume = ID.none
        while !Task.isCancelled {
            var watch = WatchAllocations()
            watch.nodeID = node.id
            watch.secretID = node.secretID
            watch.minIndex = index
            watch.resume = resume
            watch.wait = wait(for: tasks)
            do {
                let reply = try await call(watch, within: watch.wait + script.patience)
                (index, resume) = (reply.index, reply.resume)
                play(reply, &tasks)
                try await report(&tasks)
            } catch {
                try? await seam.time.sleep(for: .milliseconds(500))
            }
        }
    }

    /// Until the next task starts or ends by the script.
    private func wait(for tasks: Tasks) -> Duration {
        guard tasks.reports.isEmpty else { return .milliseconds(1) }
        let now = seam.time.uptime
        let due = tasks.running.values.compactMap { $0.started ? $0.endsAt : now + script.startDelay }.min()
        let longest = script.watchWait
        return max(.milliseconds(1), min(longest, due.map { $0 - now } ?? longest))
    }

    private func play(_ reply: WatchAllocationsReply, _ tasks: inout Tasks) {
        for allocation in reply.changed {
            script.heard?(allocation)
            if allocation.desiredStatus == .run {
                let isKnown = tasks.running[allocation.id] != nil || tasks.reports[allocation.id] != nil
                if !isKnown, !allocation.isClientTerminal {
                    tasks.running[allocation.id] = start(allocation)
                } else if allocation.clientStatus == .unknown, tasks.running[allocation.id]?.started == true {
                    // The node had been out of sight: say again how things stand.
                    tasks.reports[allocation.id] = report(allocation, .running)
                }
            } else if tasks.running.removeValue(forKey: allocation.id) != nil || !allocation.isClientTerminal {
                tasks.reports[allocation.id] = report(allocation, .complete)
            }
        }
        let now = seam.time.uptime
        for id in tasks.running.keys.sorted() {
            guard var running = tasks.running[id] else { continue }
            if !running.started {
                running.started = true
                tasks.running[id] = running
                tasks.reports[id] = report(running.allocation, .running)
            } else if let end = running.endsAt, end <= now {
                tasks.running[id] = nil
                tasks.reports[id] = report(running.allocation, running.fails ? .failed : .complete)
            }
        }
        guard reply.resume.isNone else { return }
        tasks.running = tasks.running.filter { reply.present[$0.key.description] != nil }
    }

    /// Sends what the server has not confirmed; what fails to arrive is sent again.
    private func report(_ tasks: inout Tasks) async throws {
        guard !tasks.reports.isEmpty else { return }
        var call = UpdateAllocations()
        call.nodeID = node.id
        call.secretID = node.secretID
        call.reports = AllocationReportBatch(tasks.reports.keys.sorted().compactMap { tasks.reports[$0] })
        _ = try await self.call(call, within: script.patience)
        tasks.reports = [:]
    }

    private func start(_ allocation: Allocation) -> Running {
        let fails = seam.random.next() % 1000 < script.failuresPerThousand
        let type = allocation.job?.type ?? .service
        let life: Duration? = fails ? script.startDelay : type.runsToCompletion ? script.batchRun : nil
        return Running(
            allocation: allocation, endsAt: life.map { seam.time.uptime + script.startDelay + $0 }, fails: fails,
            started: false)
    }

    private func report(_ allocation: Allocation, _ status: AllocationClientStatus) -> AllocationUpdate {
        let tasks = allocation.job?.taskGroup(allocation.taskGroup)?.tasks ?? []
        return report(allocation.id, tasks: tasks.map(\.name), status)
    }

    private func report(_ id: ID, tasks: [String], _ status: AllocationClientStatus) -> AllocationUpdate {
        var update = AllocationUpdate()
        update.id = id
        update.clientStatus = status
        update.clientDescription = status == .running ? "Tasks are running" : "All tasks have completed"
        let now = seam.time.now
        for task in tasks {
            var state = TaskState()
            state.state = status == .running ? .running : .dead
            state.failed = status == .failed
            state.startedAt = TimeText(now)
            state.events = [TaskEventType.received, TaskEventType.taskSetup, TaskEventType.started].map { type in
                var event = TaskEvent()
                event.type = type
                event.time = now
                return event
            }
            if status != .running {
                state.finishedAt = TimeText(now)
                var event = TaskEvent()
                event.type = TaskEventType.terminated
                event.time = now
                event.exitCode = status == .failed ? 1 : 0
                state.events.append(event)
            }
            update.taskStates[task] = state
        }
        return update
    }

    private func call<Call: ServerCall>(_ call: Call, within deadline: Duration) async throws -> Call.Reply {
        try await servers.call(call, context: CallContext(), deadline: deadline)
    }
}
