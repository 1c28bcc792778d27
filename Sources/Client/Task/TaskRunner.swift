internal import Basics
internal import Logging
internal import Model
internal import PluginHost
internal import Synchronization

/// Runs one task of one allocation: prepares it by hooks, starts it, waits for it, restarts it by its policy, ends it.
///
/// ```
/// pending ──gate──► [hooks ► start ► running ► ended] ──restart──► ...
///                                                     └──► dead
/// ```
/// ``run()`` ends when the task is dead, or, by cancellation, when the client lets go of it: then the task keeps running and a later
/// runner finds it again by its stored attempt.
final class TaskRunner: Sendable {
    let context: TaskContext
    let control = TaskControl()
    /// Called after every change of ``state``; `urgent` when the run state changed.
    private let changed: @Sendable (_ urgent: Bool) -> Void
    private let record: Mutex<TaskRecord>

    /// `restored` is what an earlier runner stored, nil for a new task.
    init(_ context: TaskContext, restored: TaskRecord?, changed: @escaping @Sendable (_ urgent: Bool) -> Void) {
        self.context = context
        self.changed = changed
        record = Mutex(restored ?? TaskRecord())
    }

    /// What is reported of the task.
    var state: TaskState { record.withLock { $0.state } }

    /// The driver's id of the attempt that runs; nil when none does.
    var runningTaskID: String? {
        record.withLock { $0.phase == .running ? context.taskID(attempt: $0.attempt) : nil }
    }

    var driverName: String { record.withLock { $0.driver } }

    func run() async {
        do {
            try await runToEnd()
        } catch is CancellationError {
            context.log.debug("let go of the task", metadata: ["task.name": "\(context.taskName)"])
        } catch {
            await die(failed: true, event: .setupFailure("\(error)"))
        }
    }

    /// Ends the task for good.
    func kill(_ kill: TaskControl.Kill) { control.kill(kill) }

    /// Sends a signal to the running task.
    func signal(_ signal: String, reason: String) async throws {
        guard let id = runningTaskID, let driver = context.world.drivers.driver(named: driverName) else {
            throw CallError(.notFound, "task \"\(context.taskName)\" is not running")
        }
        emit(.signaling(signal, reason: reason))
        try await driver.signal(id, signal)
    }

    // MARK: - The loop

    private func runToEnd() async throws {
        guard state.state != .dead else { return }
        if state.events.isEmpty { emit(.received) }
        guard var tracker = makeTracker() else {
            return await die(failed: true, event: .setupFailure("the job has no task \"\(context.taskName)\""))
        }
        var ending = try await resume()
        if ending == nil {
            // Nothing was under way: wait to be allowed to start.
            let command = try await race(
                [
                    { [control] in
                        try await control.gate.get(); return nil
                    },
                    { [control] in try await control.killed.get() },
                ] as [@Sendable () async throws -> TaskControl.Kill?])
            if let kill = command ?? control.killed.current { return await dieUnstarted(kill) }
        }
        while true {
            let outcome: AttemptEnd
            if let resumed = ending { outcome = resumed } else { outcome = try await attempt() }
            ending = nil
            guard try await goesOn(after: outcome, &tracker) else { return }
        }
    }

    /// Acts on the end of an attempt; true when another one follows, after its delay.
    private func goesOn(after outcome: AttemptEnd, _ tracker: inout RestartTracker) async throws -> Bool {
        let decision: RestartTracker.Decision
        switch outcome {
        case .killed(let kill):
            await die(failed: kill.fails, event: nil)
            return false
        case .restartAsked(let reason):
            decision = .restart(after: .zero, reason: reason)
        case .exited(let exit):
            decision = decide(.exited(success: exit.isSuccess), &tracker)
        case .notStarted(let error):
            emit(error.isValidation ? .failedValidation(error.message) : .driverFailure(error.message))
            decision = decide(.startFailed(recoverable: error.recoverable), &tracker)
        }
        switch decision {
        case .done:
            await die(failed: false, event: nil)
            return false
        case .fail(let reason):
            await die(failed: true, event: .notRestarting(reason, failed: true))
            return false
        case .restart(let delay, let reason):
            return try await rest(delay, reason)
        }
    }

    /// Waits before the next attempt; false when the task was killed meanwhile.
    private func rest(_ delay: Duration, _ reason: String) async throws -> Bool {
        let now = context.world.seam.time.now
        update(urgent: true) { record in
            record.phase = .idle
            record.state.state = .pending
            record.state.restarts += 1
            record.state.lastRestart = TimeText(now)
        }
        emit(.restarting(after: delay, reason: reason))
        await persist()
        control.forgetRestarts()
        let kill = try await race(
            [
                { [context] in
                    try await context.world.seam.time.sleep(for: delay); return nil
                },
                { [control] in try await control.killed.get() },
            ] as [@Sendable () async throws -> TaskControl.Kill?])
        guard let kill = kill ?? control.killed.current else { return true }
        await dieUnstarted(kill)
        return false
    }

    private func decide(_ ending: RestartTracker.Ending, _ tracker: inout RestartTracker) -> RestartTracker.Decision {
        var generator = context.world.seam.random.generator()
        return tracker.decide(ending, now: context.world.seam.time.uptime, using: &generator)
    }

    private func makeTracker() -> RestartTracker? {
        guard let (job, group, task) = definition() else { return nil }
        let policy = task.restartPolicy ?? group.restartPolicy ?? RestartPolicy()
        return RestartTracker(policy: policy, jobType: job.type, lifecycle: task.lifecycle)
    }

    /// The task's definition in the allocation as it is now.
    func definition() -> (Job, TaskGroup, JobTask)? {
        let allocation = context.allocation()
        guard let job = allocation.job, let group = job.taskGroup(allocation.taskGroup),
            let task = group.tasks.first(where: { $0.name == context.taskName })
        else { return nil }
        return (job, group, task)
    }

    // MARK: - State

    /// Adds an event, stamped now, together with the `change` it tells of; the latest ten are kept.
    func emit(_ event: TaskEvent, urgent: Bool = false, with change: (inout TaskRecord) -> Void = { _ in }) {
        var event = event
        event.time = context.world.seam.time.now
        if event.message.isEmpty { event.message = event.displayMessage }
        update(urgent: urgent) { record in
            change(&record)
            record.state.events.append(event)
            if record.state.events.count > 10 { record.state.events.removeFirst(record.state.events.count - 10) }
        }
    }

    func update(urgent: Bool, _ change: (inout TaskRecord) -> Void) {
        record.withLock { change(&$0) }
        changed(urgent)
    }

    var current: TaskRecord { record.withLock { $0 } }

    /// Stores the record; a failure is logged, the task goes on.
    func persist() async {
        do {
            try await store()
        } catch {
            context.log.error(
                "cannot store the task's state",
                metadata: [
                    "alloc.id": "\(context.allocationID)", "task.name": "\(context.taskName)", "error": "\(error)",
                ])
        }
    }

    func store() async throws {
        try await context.world.store.put(current, task: context.taskName, allocation: context.allocationID)
    }

    private func dieUnstarted(_ kill: TaskControl.Kill) async {
        if let event = kill.event { emit(event) }
        await die(failed: kill.fails, event: .killed(error: nil))
    }

    func die(failed: Bool, event: TaskEvent?) async {
        let now = context.world.seam.time.now
        let end = { (record: inout TaskRecord) in
            record.phase = .idle
            record.state.state = .dead
            record.state.failed = failed
            record.state.finishedAt = TimeText(now)
        }
        if let event { emit(event, urgent: true, with: end) } else { update(urgent: true, end) }
        await persist()
    }
}

/// How one attempt ended.
enum AttemptEnd: Sendable {
    case exited(TaskExit)
    case notStarted(TaskSetupError)
    case restartAsked(String)
    case killed(TaskControl.Kill)
}
