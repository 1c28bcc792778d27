internal import Basics
internal import Linux
internal import Logging
internal import Model
internal import PluginHost

/// One attempt: prepare, start or find again, wait, end.
extension TaskRunner {
    /// Goes on with the attempt that an earlier runner left; nil when nothing was under way.
    func resume() async throws -> AttemptEnd? {
        var found = current
        if found.phase == .idle, found.attempt == 0, let lost = await attemptFromFile() {
            // The state database was lost: the folder still knows which attempt there was.
            found.attempt = lost.attempt
            found.driver = lost.driver
            found.phase = .starting
            update(urgent: false) { [found] in $0 = found }
        }
        guard found.phase != .idle else { return nil }
        // Without its driver the task can be neither watched nor replaced: another attempt might be a second one.
        let driver = try await context.world.driverAwaited(found.driver)
        let id = context.taskID(attempt: found.attempt)
        if found.phase == .ended {
            try? await driver.destroy(id, force: true)
            return .exited(TaskRunner.lastExit(found.state))
        }
        let handle = found.handle.isEmpty ? nil : TaskHandle(bytes: Array(found.handle.utf8))
        do {
            let answer = try await find(driver, attempt: found.attempt, handle: handle)
            try await running(answer, isNew: found.phase == .starting)
        } catch let error as PluginError where error.code == .notFound {
            return vanished(found)
        }
        return try await untilEnd(driver, id)
    }

    /// Asks the driver for an attempt until it gives a definite answer; throws ``PluginError/Code/notFound`` when there is none.
    private func find(_ driver: any Driver, attempt: Int, handle: TaskHandle?) async throws -> TaskHandle {
        // The id alone finds the task; the rest is told as far as it can still be made out.
        let prepared = try? await prepare(driver, attempt: attempt, isNew: false).spec
        try Task.checkCancellation()
        let spec = prepared ?? TaskSpec(id: context.taskID(attempt: attempt))
        while true {
            do {
                return try await driver.recover(spec, handle: handle)
            } catch let error as PluginError where error.code != .notFound {
                try Task.checkCancellation()
                guard error.isPassing else {
                    // It cannot be taken over: end it, so that nothing runs unwatched.
                    try await driver.destroy(spec.id, force: true)
                    throw PluginError(.notFound, error.message)
                }
                try await pause()
            }
        }
    }

    private func pause() async throws { try await context.world.seam.time.sleep(for: .milliseconds(500)) }

    /// The driver knows no such task: it was never started, or everything of it is gone.
    private func vanished(_ found: TaskRecord) -> AttemptEnd? {
        switch found.phase {
        case .starting, .idle, .ended:
            // Asked or not, it did not start. The next attempt has an identity of its own.
            control.gate.set(())
            update(urgent: false) { $0.phase = .idle }
            return nil
        case .running:
            emit(.failedRestoring("the driver no longer knows the task; it ended while the client was away"))
            return .exited(TaskExit(error: "the task was lost while the client was away"))
        }
    }

    /// How the latest attempt ended, from its event.
    private static func lastExit(_ state: TaskState) -> TaskExit {
        guard let event = state.events.last(where: { $0.type == TaskEventType.terminated }) else {
            return TaskExit(error: "the task ended while the client was away")
        }
        let error = event.details["exit_message"]
        return TaskExit(
            code: event.exitCode, signal: event.signal, oomKilled: event.details["oom_killed"] == "true", error: error)
    }

    /// Prepares and starts the next attempt and waits for its end.
    func attempt() async throws -> AttemptEnd {
        guard let (_, _, task) = definition() else {
            return .notStarted(TaskSetupError(message: "the job has no task \"\(context.taskName)\" any more"))
        }
        control.forgetRestarts()
        update(urgent: false) { record in
            record.attempt += 1
            record.driver = task.driver
            record.handle = ""
        }
        let number = current.attempt
        guard let driver = await context.world.driver(named: task.driver) else {
            let known = context.world.drivers.driverNames.joined(separator: ", ")
            let message = "driver \"\(task.driver)\" is not available on this node; it has: \(known)"
            return .notStarted(TaskSetupError(message: message, recoverable: true))
        }
        do {
            emit(.setup)
            let start = try await prepare(driver, attempt: number, isNew: true)
            FaultPoint.before(.clientIdentity)
            try await storeIdentity(start.spec.id)
            FaultPoint.after(.clientIdentity)
            let handle = try await startOnce(driver, start.spec, attempt: number)
            try await running(handle, isNew: true)
        } catch let error as TaskSetupError {
            return .notStarted(error)
        } catch let error as PluginError {
            try Task.checkCancellation()
            return .notStarted(TaskSetupError(message: error.message, recoverable: error.isPassing))
        }
        return try await untilEnd(driver, context.taskID(attempt: number))
    }

    /// Starts the attempt. When the answer is lost with the plug-in's process, the plug-in is asked whether the task runs: only a
    /// definite "no" lets another attempt begin.
    private func startOnce(_ driver: any Driver, _ spec: TaskSpec, attempt: Int) async throws -> TaskHandle {
        do {
            return try await driver.start(spec)
        } catch let error as PluginError where error.leavesDoubt {
            try Task.checkCancellation()
            do {
                return try await find(driver, attempt: attempt, handle: nil)
            } catch let missing as PluginError where missing.code == .notFound {
                throw PluginError(.retry, error.message)
            }
        }
    }

    /// Runs the hooks; `isNew` is ``TaskStart/isNew``.
    private func prepare(_ driver: any Driver, attempt: Int, isNew: Bool) async throws -> TaskStart {
        guard let (job, group, task) = definition() else {
            throw TaskSetupError(message: "the job has no task \"\(context.taskName)\" any more")
        }
        let allocation = context.allocation()
        var spec = TaskSpec(id: context.taskID(attempt: attempt))
        spec.attempt = attempt - 1
        spec.name = task.name
        spec.allocationID = "\(allocation.id)"
        spec.allocationName = allocation.name
        spec.group = group.name
        spec.jobID = allocation.jobID
        spec.namespace = allocation.namespace
        spec.nodeID = "\(allocation.nodeID)"
        spec.killTimeout = killTimeout(task)
        spec.killSignal = task.killSignal
        var start = TaskStart(
            allocation: allocation, job: job, group: group, task: task, node: context.node(), driver: driver, spec: spec
        )
        start.isNew = isNew
        for hook in TaskHooks.all {
            do {
                try await hook.prestart(&start, context)
            } catch let error as TaskSetupError {
                if !error.isValidation { emit(.hookFailed(hook.name, error.message)) }
                throw error
            }
        }
        return start
    }

    /// Stores who is about to be started, before the driver is asked: after a crash at any later moment the task is found again.
    private func storeIdentity(_ id: String) async throws {
        update(urgent: false) { $0.phase = .starting }
        let record = current
        let text = JSON.object([
            ("attempt", .integer(Int64(record.attempt))), ("driver", .string(record.driver)), ("id", .string(id)),
        ]).bytes
        let (folder, disk, modes) = (
            context.folders.task(context.taskName), context.world.seam.disk, context.world.modes
        )
        do {
            try await store()
            try await context.world.seam.blocking.run {
                try modes.replace(AllocationFolders.attempt, in: folder, with: text, mode: 0o600, disk: disk)
            }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw TaskSetupError(
                message: "cannot store the task's identity, so it is not started: \(error)", recoverable: true)
        }
    }

    private func attemptFromFile() async -> (attempt: Int, driver: String)? {
        let (path, disk) = (context.folders.attemptFile(context.taskName), context.world.seam.disk)
        let bytes = try? await context.world.seam.blocking.run { try disk.read(path, limit: 4_096) }
        guard let bytes, let json = try? JSONParser.parse(bytes), let attempt = json["attempt"]?.integer,
            let driver = json["driver"]?.string
        else { return nil }
        return (Int(attempt), driver)
    }

    /// The task runs: keep the handle, tell the servers.
    private func running(_ handle: TaskHandle, isNew: Bool) async throws {
        let now = context.world.seam.time.now
        let begin = { (record: inout TaskRecord) in
            record.phase = .running
            record.handle = String(decoding: handle.bytes, as: UTF8.self)
            record.state.state = .running
            if isNew || record.state.startedAt.time == .never { record.state.startedAt = TimeText(now) }
        }
        // Nobody hears that it runs without hearing why.
        if isNew { emit(.started, urgent: true, with: begin) } else { update(urgent: true, begin) }
        FaultPoint.before(.clientHandle)
        await persist()
        FaultPoint.after(.clientHandle)
    }

    /// Waits for the end of the running attempt, or for a request to end it.
    private func untilEnd(_ driver: any Driver, _ id: String) async throws -> AttemptEnd {
        let event = try await race(
            [
                { try await .exited(self.waitForExit(driver, id)) }, { try await .command(self.control.next()) },
            ] as [@Sendable () async throws -> RunningEvent])
        switch event {
        case .exited(let exit):
            await cleared(driver, id, exit)
            if let kill = control.killed.current { return .killed(kill) }
            return .exited(exit)
        case .command(.kill(let kill)):
            return try await end(driver, id, kill)
        case .command(.restart(let reason)):
            emit(.restartSignaled(reason))
            _ = try await stop(driver, id)
            return .restartAsked(reason)
        }
    }

    private enum RunningEvent: Sendable {
        case exited(TaskExit)
        case command(TaskControl.Command)
    }

    /// The driver's wait, begun again as long as the plug-in is away.
    private func waitForExit(_ driver: any Driver, _ id: String) async throws -> TaskExit {
        while true {
            do {
                let driver = context.world.drivers.driver(named: driverName) ?? driver
                return try await driver.wait(id)
            } catch let error as PluginError {
                try Task.checkCancellation()
                if error.code == .notFound { return TaskExit(error: "the driver no longer knows the task") }
                guard error.isPassing else { return TaskExit(error: error.message) }
                try await pause()
            }
        }
    }

    /// Ends the attempt for good: shutdown delay, signal, kill.
    private func end(_ driver: any Driver, _ id: String, _ kill: TaskControl.Kill) async throws -> AttemptEnd {
        if let event = kill.event { emit(event) }
        if let delay = definition()?.2.shutdownDelay, delay > .zero, !kill.skipsDelay {
            emit(.waitingShutdownDelay(delay))
            try await context.world.seam.time.sleep(for: delay)
        }
        let failure = try await stop(driver, id)
        emit(.killed(error: failure))
        return .killed(kill)
    }

    /// Stops the attempt and waits until it is gone; the driver's error, when it could not be stopped in order.
    private func stop(_ driver: any Driver, _ id: String) async throws -> String? {
        let task = definition()?.2
        let timeout = killTimeout(task)
        emit(.killing(timeout, reason: ""), urgent: true)
        var failure: String?
        stopping: while true {
            do {
                let driver = context.world.drivers.driver(named: driverName) ?? driver
                try await driver.stop(id, signal: task?.killSignal ?? "", timeout: timeout)
                break stopping
            } catch let error as PluginError {
                try Task.checkCancellation()
                if error.code == .notFound { break stopping }
                if error.isPassing {
                    try await pause()
                    continue stopping
                }
                failure = error.message
                try? await driver.destroy(id, force: true)
                break stopping
            }
        }
        await cleared(driver, id, try await waitForExit(driver, id))
        return failure
    }

    /// The attempt has ended: say how, store it, and let the driver forget it.
    private func cleared(_ driver: any Driver, _ id: String, _ exit: TaskExit) async {
        var message = exit.error
        if exit.oomKilled { message = "OOM Killed" }
        // As shells and Nomad do: a task ended by a signal has the exit code 128 + signal.
        let code = exit.signal != 0 && exit.code == 0 ? 128 + exit.signal : exit.code
        let event = TaskEvent.terminated(code: code, signal: exit.signal, oom: exit.oomKilled, message: message)
        emit(event, urgent: true) { $0.phase = .ended }
        FaultPoint.before(.clientEnd)
        await persist()
        FaultPoint.after(.clientEnd)
        do {
            try await driver.destroy(id, force: true)
        } catch {
            context.log.warning(
                "the driver could not clear the ended task",
                metadata: [
                    "task.id": "\(id)", "error": "\(error)",
                ])
        }
    }

    /// The task's own, within the client's bound.
    private func killTimeout(_ task: JobTask?) -> Duration {
        min(task?.killTimeout ?? .seconds(5), context.world.configuration.maxKillTimeout)
    }
}

extension PluginError {
    /// Trying again may help.
    fileprivate var isPassing: Bool {
        [.retry, .crashed, .unavailable, .deadline, .io, .cancelled, .revoked, .garbage].contains(code)
    }

    /// The call may have taken effect all the same.
    fileprivate var leavesDoubt: Bool { [.crashed, .deadline, .garbage, .cancelled, .revoked].contains(code) }
}
