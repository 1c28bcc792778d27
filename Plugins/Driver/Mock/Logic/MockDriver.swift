internal import DroverSDK
internal import Glibc
internal import PluginSupport
internal import Synchronization

/// `mock_driver`: a driver whose tasks are scripts, for tests of everything else.
///
/// Tasks are no processes: they live on the host's clock, so they also run in the simulator. Their start and end are
/// kept in the host's key-value store, so that a new instance finds them as a real driver would.
final class MockDriver: Driver {
    let host: Host
    private let isolation: String
    private let disappearsAfter: Int64?
    private let createdAt: Int64
    private let tasks = Mutex<[String: MockTask]>([:])

    init(host: Host, config: JSON) throws(PluginError) {
        self.host = host
        isolation = try config.text("fs_isolation", otherwise: "none")
        disappearsAfter =
            try config.flag("shutdown_periodic_after") ? config.nanoseconds("shutdown_periodic_duration") : nil
        createdAt = host.clock.monotonic
    }

    var capabilities: DriverCapabilities {
        DriverCapabilities(
            sendSignals: true, exec: true, filesystemIsolation: isolation, networkIsolation: ["host", "group"],
            mounts: "all")
    }

    func fingerprint() -> DriverFingerprint {
        if let disappearsAfter, host.clock.monotonic - createdAt >= disappearsAfter {
            return DriverFingerprint(.undetected, "gone, as shutdown_periodic_after says", periodNanoseconds: 0)
        }
        return DriverFingerprint(
            .healthy, "Healthy", attributes: ["driver.mock_driver": "1"],
            periodNanoseconds: disappearsAfter.map { max($0, 1_000_000) } ?? 0)
    }

    // MARK: - Start and recover

    func start(_ task: TaskDocument, call: Call) throws {
        let script = try MockScript(task.config)
        let (mock, isNew) = tasks.withLock { tasks -> (MockTask, Bool) in
            if let known = tasks[task.id] { return (known, false) }
            let mock = MockTask(document: task, script: script)
            tasks[task.id] = mock
            return (mock, true)
        }
        mock.whenStarted(call)
        guard isNew else { return }
        guard script.startBlock > 0 else { return begin(mock) }
        mock.keep(host.clock.after(nanoseconds: script.startBlock) { [weak self] in self?.begin(mock) })
    }

    private func begin(_ task: MockTask) {
        let script = task.script
        guard script.startError.isEmpty else {
            tasks.withLock { $0[task.document.id] = nil }
            let code: PluginError.Code = script.startErrorIsRecoverable ? .retry : .invalid
            return task.started(.failure(PluginError(code, script.startError)))
        }
        let now = host.clock.wall
        record(task.document.id, MockRecord(startedAt: now, exit: nil))
        for output in script.command.outputs { emit(output, of: task, left: output.repeats) }
        run(task, for: script.command.runFor)
        task.started(.success(now))
        if let delay = script.pluginExitAfter {
            task.keep(host.clock.after(nanoseconds: delay) { Glibc._exit(1) })
        }
    }

    func recover(_ task: TaskDocument, handle: JSON?, call: Call) throws {
        if let known = tasks.withLock({ $0[task.id] }) { return known.whenStarted(call) }
        guard let record = try recorded(task.id) else {
            throw PluginError(.notFound, "no task \(task.id) was started by the mock driver on this node")
        }
        let mock = MockTask(document: task, script: try MockScript(task.config))
        let winner = tasks.withLock { tasks -> MockTask in
            if let other = tasks[task.id] { return other }
            tasks[task.id] = mock
            return mock
        }
        winner.whenStarted(call)
        guard winner === mock else { return }
        mock.started(.success(record.startedAt))
        if let exit = record.exit {
            mock.end(exit, at: record.startedAt)
        } else {
            run(mock, for: record.startedAt + mock.script.command.runFor - host.clock.wall)
        }
    }

    /// Ends the task after what is left of its time.
    private func run(_ task: MockTask, for nanoseconds: Int64) {
        guard nanoseconds > 0 else { return end(task, task.script.command.exit) }
        task.keep(
            host.clock.after(nanoseconds: nanoseconds) { [weak self] in self?.end(task, task.script.command.exit) })
    }

    private func end(_ task: MockTask, _ exit: TaskExit) {
        guard task.exit == nil else { return }
        let now = host.clock.wall
        record(task.document.id, MockRecord(startedAt: now, exit: exit))
        task.end(exit, at: now)
    }

    // MARK: - A task's life

    func wait(id: String, call: Call) throws { try find(id).whenEnded(call, answersExit: true) }

    /// The script obeys the signal after "kill_after", or is killed at the timeout.
    func stop(id: String, signal: String, timeoutNanoseconds: Int64, call: Call) throws {
        let task = try find(id)
        let number = signal.isEmpty ? SIGTERM : try Self.number(of: signal)
        task.whenEnded(call, answersExit: false)
        let isKilled = task.script.killAfter > timeoutNanoseconds
        let exit = Self.exit(signal: isKilled ? SIGKILL : number)
        let delay = min(task.script.killAfter, max(timeoutNanoseconds, 0))
        guard delay > 0 else { return end(task, exit) }
        task.keep(host.clock.after(nanoseconds: delay) { [weak self] in self?.end(task, exit) })
    }

    func signal(id: String, name: String) throws {
        let task = try find(id)
        _ = try Self.number(of: name)
        guard task.exit == nil else { throw PluginError(.state, "task \(id) has ended") }
        let error = task.script.command.signalError
        if !error.isEmpty { throw PluginError(.io, error) }
    }

    func destroy(id: String, force: Bool) throws {
        guard let task = tasks.withLock({ $0[id] }) else { return try host.store.remove(id) }
        if task.exit == nil {
            guard force else { throw PluginError(.state, "task \(id) is running; stop it first, or use force") }
            task.end(Self.exit(signal: SIGKILL), at: host.clock.wall)
        }
        tasks.withLock { $0[id] = nil }
        try host.store.remove(id)
    }

    func stats(ids: String, into sink: Sink) throws {
        let wanted = Set(ids.split(separator: "\n").map(String.init))
        let running = tasks.withLock { tasks in
            tasks.values.filter { $0.exit == nil && (wanted.isEmpty || wanted.contains($0.document.id)) }
        }
        let time = host.clock.wall
        let records = running.map(\.document.id).sorted().flatMap { TaskStats(id: $0, time: time).record }
        if !records.isEmpty { try sink.write(records) }
    }

    func inspect(id: String) throws -> JSON {
        let task = try find(id)
        guard let exit = task.exit else { return ["id": .string(id), "state": "running"] }
        return ["id": .string(id), "state": "exited", "exit": exit.json]
    }

    func exec(id: String, execID: String, request: String, streams: StandardStreams, call: Call) throws {
        let task = try find(id)
        guard task.exit == nil else { throw PluginError(.state, "task \(id) has ended") }
        guard let command = task.script.exec else {
            throw PluginError(.unsupported, "the task has no exec_command block")
        }
        for output in command.outputs {
            let descriptor = output.isError ? streams.error : streams.output
            for _ in 0...output.repeats where SmallFile.write(Array(output.text.utf8), to: descriptor) != 0 { break }
        }
        let result: JSON = ["exit_code": .integer(command.exit.exitCode), "signal": .integer(command.exit.signal)]
        guard command.runFor > 0 else { return call.succeed(result) }
        host.clock.sleep(
            nanoseconds: command.runFor,
            call: PendingCall(onBehalfOf: call) { slept in
                if case .failure(let error) = slept { call.fail(error) } else { call.succeed(result) }
            }.call)
    }

    func shutdown() {
        let left = tasks.withLock { tasks in
            defer { tasks = [:] }
            return tasks
        }
        for task in left.values { task.abandon() }
    }

    // MARK: - Helpers

    private func find(_ id: String) throws(PluginError) -> MockTask {
        guard let task = tasks.withLock({ $0[id] }) else {
            throw PluginError(.notFound, "the mock driver knows no task \(id)")
        }
        return task
    }

    /// Writes once, and again after the interval until nothing is left or the task ends.
    private func emit(_ output: MockCommand.Output, of task: MockTask, left: Int64) {
        guard let logs = task.document.json["logs"], logs["enabled"]?.bool != false, let folder = logs["dir"]?.string,
            let prefix = logs[output.isError ? "stderr" : "stdout"]?.string
        else { return }
        let error = SmallFile.append(Array(output.text.utf8), to: "\(folder)/\(prefix).0")
        guard error == 0 else {
            return host.log.warn("cannot write a task's output", ["task": task.document.id, "errno": "\(error)"])
        }
        guard left > 0 else { return }
        let timer = host.clock.after(nanoseconds: output.interval) { [weak self] in
            guard task.exit == nil else { return }
            self?.emit(output, of: task, left: left - 1)
        }
        task.keep(timer)
    }

    private static func exit(signal: Int32) -> TaskExit {
        TaskExit(exitCode: 128 + Int64(signal), signal: Int64(signal))
    }

    private static func number(of signal: String) throws(PluginError) -> Int32 {
        let known = [
            "SIGHUP": SIGHUP, "SIGINT": SIGINT, "SIGQUIT": SIGQUIT, "SIGKILL": SIGKILL, "SIGUSR1": SIGUSR1,
            "SIGUSR2": SIGUSR2, "SIGTERM": SIGTERM, "SIGCONT": SIGCONT, "SIGSTOP": SIGSTOP, "SIGABRT": SIGABRT,
            "SIGALRM": SIGALRM, "SIGPIPE": SIGPIPE, "SIGWINCH": SIGWINCH,
        ]
        guard let number = known[signal] else { throw PluginError(.invalid, "unknown signal \"\(signal)\"") }
        return number
    }
}
