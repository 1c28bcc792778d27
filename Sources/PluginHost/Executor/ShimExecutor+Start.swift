internal import CDroverABI
internal import CLinux
internal import CSpawn
internal import Glibc
internal import Linux
internal import Synchronization

extension ShimExecutor {
    /// Writes the specification, starts a shim on it and waits for its answer. After an error nothing runs.
    func start(_ plan: LaunchPlan) throws(ExecutorError) -> TaskRun {
        let folder = RunFolder(root: configuration.runRoot, id: plan.id)
        let cgroup: Cgroup?
        do {
            try makeRunRoot()
            try Folder.make(folder.path)
            if plan.root == .memory { try Folder.make(folder.path + "/root") }
            cgroup = try prepare(plan, in: folder)
        } catch {
            removeFolder(folder)
            throw .system(error)
        }
        let started: (answer: ShimAnswer, shim: StartedShim)
        do {
            started = try startShim(folder)
        } catch {
            abandon(folder)
            throw error
        }
        let shim = started.shim
        switch started.answer {
        case .started:
            guard let state = folder.state else { throw noRecord(folder) }
            let run = TaskRun(id: plan.id, folder: folder, state: state, exit: nil, cgroup: cgroup)
            return try keep(run, shim: shim.pidfd)
        case .failed(let stage, let errno, let detail):
            shim.reap()
            removeFolder(folder)
            if stage != 0 {
                throw .start(stage: stage, errno: errno, program: plan.program, cwd: plan.cwd, detail: detail)
            }
            throw ExecutorError.system(LinuxError(call: "drover-shim", path: detail, errno: errno))
        case .running, .ended:
            // Another shim of the same launch: the folder tells which processes they are.
            shim.reap()
            guard let run = try find(plan.id) else { throw noRecord(folder) }
            return run
        }
    }

    private func noRecord(_ folder: RunFolder) -> ExecutorError {
        ExecutorError(DROVER_E_IO, "the shim answered but left no record in \(folder.path)")
    }

    /// Once a process: plug-ins that never start a task need none.
    private func makeRunRoot() throws(LinuxError) {
        guard !hasRunRoot.withLock({ $0 }) else { return }
        try Folder.makeTop(configuration.runRoot)
        hasRunRoot.withLock { $0 = true }
    }

    /// Writes the specification and makes the control group: in this order, so that whoever finds the folder later knows of the
    /// group, too. Where this process may not make groups, tasks run without, and are found by session and parent.
    private func prepare(_ plan: LaunchPlan, in folder: RunFolder) throws(LinuxError) -> Cgroup? {
        func write(_ cgroups: [String]) throws(LinuxError) {
            let records = plan.records(cgroups: cgroups, runFolder: folder.path)
            try SmallFile.replace(folder.path + "/spec", with: records)
        }
        guard Machine.isRoot, plan.cgroupsJoined.isEmpty, let host = CgroupHost.current else {
            try write([])
            return nil
        }
        let (parent, name) = (plan.cgroupParent ?? configuration.cgroupParent, RunFolder.name(of: plan.id))
        try write(Cgroup.planned(on: host, parent: parent, name: name, limits: plan.limits).paths)
        do {
            return try Cgroup.make(on: host, parent: parent, name: name, limits: plan.limits)
        } catch {
            guard plan.limits == CgroupLimits() && (error.errno == EROFS || error.errno == EACCES) else { throw error }
            try write([])
            return nil
        }
    }

    /// Kills and removes what a start without an answer may have left.
    private func abandon(_ folder: RunFolder) {
        if let state = folder.state, state.bootID == Machine.bootID {
            _ = try? state.shim.send(SIGKILL)
            _ = folder.settle(state)
        }
        removeFolder(folder)
    }

    /// A shim, which is a child of this process.
    private struct StartedShim {
        let pidfd: FileDescriptor

        /// Waits for the end of a shim that has nothing to do.
        func reap() {
            while clinux_reap(pidfd.number, 1) < 0 && errno == EINTR {}
        }

        func kill() {
            _ = clinux_pidfd_send_signal(pidfd.number, SIGKILL)
            reap()
        }
    }

    /// Runs `drover-shim FOLDER` and returns what it answers on descriptor 3. After an error it does not run.
    private func startShim(_ folder: RunFolder) throws(ExecutorError) -> (answer: ShimAnswer, shim: StartedShim) {
        var ends: [Int32] = [-1, -1]
        guard clinux_pipe(&ends) == 0 else { throw .system(LinuxError(call: "pipe2", errno: errno)) }
        let reader = FileDescriptor(owning: ends[0])
        let shim: StartedShim
        do {
            let writer = FileDescriptor(owning: ends[1])
            FaultPoint.before(.executorSpawn)
            shim = try spawnShim(folder, answer: writer.number)
            FaultPoint.after(.executorSpawn)
        }
        do {
            FaultPoint.before(.executorAnswer)
            let answer = try ShimAnswer(readLine(reader))
            FaultPoint.after(.executorAnswer)
            return (answer, shim)
        } catch {
            shim.kill()
            throw error
        }
    }

    private func spawnShim(_ folder: RunFolder, answer: Int32) throws(ExecutorError) -> StartedShim {
        let arguments = CStringArray([configuration.shim, folder.path])
        let environment = CStringArray(FaultPoint.environment)
        var extra = answer
        var result = drover_spawn_result()
        let failed = withUnsafePointer(to: &extra) { extra in
            var spec = drover_spawn_spec()
            spec.path = UnsafePointer(arguments.pointers[0])
            spec.argv = UnsafePointer(arguments.base)
            spec.envp = UnsafePointer(environment.base)
            spec.stdio = (-1, -1, -1)
            spec.extra = extra
            spec.extra_count = 1
            spec.join_pidfd = -1
            return drover_spawn(&spec, &result) != 0
        }
        if failed {
            throw .start(stage: result.stage, errno: result.error, program: configuration.shim, cwd: "")
        }
        return StartedShim(pidfd: FileDescriptor(owning: result.pidfd))
    }

    private func readLine(_ reader: FileDescriptor) throws(ExecutorError) -> String {
        var line: [UInt8] = []
        while line.count < 4_096, line.last != UInt8(ascii: "\n") {
            var polled = pollfd(fd: reader.number, events: Int16(POLLIN), revents: 0)
            let ready = poll(&polled, 1, configuration.startTimeoutMilliseconds)
            if ready < 0 && errno == EINTR { continue }
            guard ready > 0 else {
                throw ExecutorError(DROVER_E_RETRY, "the shim did not start its task in time")
            }
            do {
                let part = try reader.read(count: 1_024)
                if part.isEmpty { break }
                line += part
            } catch {
                throw .system(error)
            }
        }
        return String(decoding: line, as: UTF8.self)
    }
}

/// The line a shim answers (Sources/drover-shim/README.md).
enum ShimAnswer: Equatable {
    case started(pid: Int32)
    case running
    case ended
    case failed(stage: Int32, errno: Int32, detail: String)

    init(_ line: String) throws(ExecutorError) {
        let words = line.split(separator: "\n").first?.split(separator: " ", maxSplits: 3) ?? []
        guard words.count >= 3, let stage = Int32(words[1]), let number = Int32(words[2]) else {
            throw ExecutorError(DROVER_E_RETRY, "the shim ended without an answer")
        }
        switch words[0] {
        case "started": self = .started(pid: number)
        case "running": self = .running
        case "ended": self = .ended
        default: self = .failed(stage: stage, errno: number, detail: words.count > 3 ? String(words[3]) : "")
        }
    }
}
