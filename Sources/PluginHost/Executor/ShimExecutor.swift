internal import Basics
internal import CDroverABI
internal import Dispatch
internal import Linux
internal import Synchronization

/// Starts tasks under `drover-shim` and finds them again: the host's side of `drover.executor/1`.
///
/// Works in whichever process hosts the plug-in. All it knows lies in the run folder, one sub-folder a launch, so any instance,
/// in any later process, continues where another was killed. A launch runs at most once however often it is asked for.
/// Calls may come from any thread; those that start or look for a process block for some milliseconds.
package final class ShimExecutor: Sendable {
    package struct Configuration: Sendable {
        /// Where launches are kept: absolute, private to one plug-in, on a disk or in memory; made when absent.
        package var runRoot: String
        /// The program `drover-shim`; beside the running executable by default.
        package var shim: String
        /// The control group that holds the tasks' own, below each hierarchy's mount point.
        package var cgroupParent: String
        /// How long a start may take before it is given up, in milliseconds; 60,000.
        package var startTimeoutMilliseconds: Int32 = 60_000
        /// Told of what went wrong and ended no call: a message and the path it is about.
        package var warn: @Sendable (_ message: String, _ path: String) -> Void = { _, _ in }

        package init(runRoot: String, shim: String? = nil, cgroupParent: String = "drover") {
            self.runRoot = runRoot
            self.shim = shim ?? Machine.executableFolder + "/drover-shim"
            self.cgroupParent = cgroupParent
        }
    }

    let configuration: Configuration
    let queue = DispatchQueue(label: "drover.executor", attributes: .concurrent)
    let commands = Mutex<[String: RunningCommand]>([:])
    let spawner = SpawnThread()
    let hasRunRoot = Mutex(false)
    private let runs = Mutex<[String: TaskRun]>([:])

    package init(_ configuration: Configuration) { self.configuration = configuration }

    /// Starts the task `task` (JSON, driver.h) as `spec` (JSON, executor.h) says.
    package func launch(task: [UInt8], spec: [UInt8], call: any ExecutorCall) {
        answer(call) { () throws(ExecutorError) in
            let plan = try LaunchPlan(task: task, spec: spec)
            if let run = try self.find(plan.id) { return self.started(run) }
            return self.started(try self.start(plan))
        }
    }

    /// Finds a task launched before, running or ended. Only the id of `task` counts: what is known lies in the run folder.
    package func recover(task: [UInt8], handle: [UInt8], call: any ExecutorCall) {
        answer(call) { () throws(ExecutorError) in
            guard let id = (try? JSONParser.parse(task))?["id"]?.string else {
                throw .invalid("task document: not a JSON object with an \"id\"")
            }
            repeat {
                if let run = try self.find(id) { return self.started(run) }
                // Whoever is told that there is no such task may start another: one that is still on its way must not come later.
            } while try !RunFolder(root: self.configuration.runRoot, id: id).fence()
            throw .unknown(id)
        }
    }

    /// Completes when the task has ended.
    package func wait(id: String, call: any ExecutorCall) {
        let cancellation = Cancellation(call)
        do throws(ExecutorError) {
            let run = try known(id)
            let started = run.shimState.started
            let token = run.whenEnded { exit in
                call.complete(DROVER_OK, ShimExecutor.result(exit, started: started).bytes)
            }
            guard let token else { return }
            cancellation.set {
                if run.forget(token) { call.fail(ExecutorError(DROVER_E_CANCELLED, "the wait was cancelled")) }
            }
        } catch {
            call.fail(error)
        }
    }

    /// Sends `signal` (SIGTERM when empty) to the task's process group, and kills everything after the timeout.
    package func stop(id: String, signal: String, timeoutNanoseconds: Int64, call: any ExecutorCall) {
        let cancellation = Cancellation(call)
        do throws(ExecutorError) {
            let number = try ShimExecutor.signalNumber(signal.isEmpty ? "SIGTERM" : signal)
            let run = try known(id)
            if run.exit == nil {
                let sent = timeoutNanoseconds > 0 ? try send(number, to: run, group: true) : false
                if !sent || timeoutNanoseconds <= 0 {
                    run.killNow(on: queue)
                } else {
                    let timeout = DispatchTimeInterval.nanoseconds(Int(clamping: timeoutNanoseconds))
                    queue.asyncAfter(deadline: .now() + timeout) { [queue] in run.killNow(on: queue) }
                }
            }
            let token = run.whenEnded { _ in call.complete(DROVER_OK, Array("{}".utf8)) }
            guard let token else { return }
            cancellation.set {
                if run.forget(token) {
                    call.fail(ExecutorError(DROVER_E_CANCELLED, "no longer waited for; the kill stays scheduled"))
                }
            }
        } catch {
            call.fail(error)
        }
    }

    /// Sends a signal by name to the task's main process.
    package func signal(id: String, signal: String) throws(ExecutorError) {
        let number = try ShimExecutor.signalNumber(signal)
        if try !send(number, to: try known(id), group: false) { throw .ended(id) }
    }

    /// Forgets an ended task and removes its records; with `force` a running one is killed first. Blocks until it is gone.
    package func destroy(id: String, force: Bool) throws(ExecutorError) {
        guard let run = try find(id) else {
            removeFolder(RunFolder(root: configuration.runRoot, id: id))
            return
        }
        if run.exit == nil {
            guard force else {
                throw ExecutorError(DROVER_E_STATE, "task \"\(id)\" is running; stop it first, or force")
            }
            let ended = DispatchSemaphore(value: 0)
            run.whenEnded { _ in ended.signal() }
            run.killNow(on: queue)
            if ended.wait(timeout: .now() + .seconds(10)) == .timedOut {
                throw ExecutorError(DROVER_E_RETRY, "task \"\(id)\" did not end within ten seconds of being killed")
            }
        }
        runs.withLock { $0[id] = nil }
        remove(run.folder, run.cgroup)
    }

    /// The JSON object of `inspect`.
    package func inspect(id: String) throws(ExecutorError) -> [UInt8] {
        let run = try known(id)
        var object = JSONObject([("id", .string(id)), ("handle", handle(of: run))])
        if let exit = run.exit {
            object.append("state", .string("exited"))
            object.append("exit", ShimExecutor.result(exit, started: run.shimState.started))
        } else {
            let pids = pids(of: run)
            object.append("state", .string("running"))
            object.append("pid", .integer(Int64(run.shimState.task?.pid ?? 0)))
            object.append("pids", .array(pids.map { .integer(Int64($0)) }))
        }
        return JSON.object(object).bytes
    }

    // MARK: - The table of runs

    /// The runs known in memory, by id.
    func allRuns() -> [TaskRun] { runs.withLock { $0.sorted { $0.key < $1.key }.map(\.value) } }

    /// The run of `id`, from memory or from its folder.
    func known(_ id: String) throws(ExecutorError) -> TaskRun {
        guard let run = try find(id) else { throw .unknown(id) }
        return run
    }

    /// As ``known(_:)``; nil when there is none. What is left from before the last boot is removed.
    func find(_ id: String) throws(ExecutorError) -> TaskRun? {
        if let run = runs.withLock({ $0[id] }) { return run }
        let folder = RunFolder(root: configuration.runRoot, id: id)
        switch try folder.look() {
        case .absent:
            return nil
        case .stale:
            removeFolder(folder)
            return nil
        case .running(let state):
            return try keep(TaskRun(id: id, folder: folder, state: state, exit: nil, cgroup: folder.cgroup))
        case .exited(let state, let exit):
            return try keep(TaskRun(id: id, folder: folder, state: state, exit: exit, cgroup: folder.cgroup))
        }
    }

    /// Puts a run in the table, unless another thread has just done so, and watches it, by the pidfd `shim` if there is one.
    func keep(_ run: TaskRun, shim: FileDescriptor? = nil) throws(ExecutorError) -> TaskRun {
        let earlier = runs.withLock { runs -> TaskRun? in
            if let earlier = runs[run.id] { return earlier }
            runs[run.id] = run
            return nil
        }
        if let earlier { return earlier }
        do {
            try run.watch(on: queue, shim: shim)
        } catch {
            runs.withLock { $0[run.id] = nil }
            throw .system(error)
        }
        return run
    }

    func removeFolder(_ folder: RunFolder) { remove(folder, folder.cgroup) }

    private func remove(_ folder: RunFolder, _ group: Cgroup?) {
        for left in group?.remove() ?? [] {
            configuration.warn("a control group of an ended task stays: \(left)", left.path)
        }
        do {
            try Folder.remove(folder.path)
        } catch {
            configuration.warn("the folder of an ended task stays: \(error)", folder.path)
        }
    }

    // MARK: - Answers

    private func answer(_ call: any ExecutorCall, _ body: () throws(ExecutorError) -> [UInt8]) {
        do {
            call.complete(DROVER_OK, try body())
        } catch {
            call.fail(error)
        }
    }

    private func started(_ run: TaskRun) -> [UInt8] {
        JSON.object([("handle", handle(of: run)), ("pid", .integer(Int64(run.shimState.task?.pid ?? 0)))]).bytes
    }

    private func handle(of run: TaskRun) -> JSON {
        .object([
            ("version", .integer(1)), ("run", .string(run.folder.path)),
            ("shim", .integer(Int64(run.shimState.shim.pid))),
        ])
    }

    /// As shells say it: 128 + signal when a signal ended the process.
    static func exitCode(_ code: Int, signal: Int) -> JSON { .integer(Int64(signal == 0 ? code : 128 + signal)) }

    private static func result(_ exit: ShimExit, started: Int64) -> JSON {
        var object = JSONObject([
            ("exit_code", exitCode(exit.code, signal: exit.signal)), ("signal", .integer(Int64(exit.signal))),
            ("oom_killed", .bool(exit.outOfMemory)),
        ])
        if exit.lost {
            object.append("error", .string("the task's shim was killed, and the task with it; its exit is unknown"))
        }
        object.append("started_ns", .integer(started))
        object.append("finished_ns", .integer(exit.time))
        return .object(object)
    }

    private static func signalNumber(_ name: String) throws(ExecutorError) -> Int32 {
        guard let number = SignalName.number(name) else { throw .invalid("\"\(name)\" is no signal of this system") }
        return number
    }

    private func send(_ number: Int32, to run: TaskRun, group: Bool) throws(ExecutorError) -> Bool {
        do {
            return try run.send(number, toGroup: group)
        } catch {
            throw .system(error)
        }
    }
}
