internal import Basics
internal import CDroverABI
internal import CLinux
internal import CSpawn
internal import Dispatch
internal import Glibc
internal import Linux
internal import Synchronization

/// A further program running inside a task.
struct RunningCommand: Sendable {
    let pid: Int32
    let terminal: RunningTerminal
}

/// What a command that runs has for a terminal.
enum RunningTerminal: Sendable {
    case none
    /// The caller's; a copy.
    case callers(FileDescriptor)
    /// One of the task's own.
    case own(CommandTerminal, CommandTerminal.Carrying)
}

extension ShimExecutor {
    /// Runs one more program in the task's control groups, namespaces, folder and user; see executor.h `exec`.
    package func exec(
        id: String, commandID: String, request: [UInt8], stdin: Int32, stdout: Int32, stderr: Int32,
        call: any ExecutorCall
    ) {
        let cancellation = Cancellation(call)
        do throws(ExecutorError) {
            let run = try known(id)
            guard run.exit == nil, let task = run.shimState.task else { throw .ended(id) }
            let command = try CommandRequest(request, folder: run.folder)
            var namespaces = run.folder.specValues("namespaces").first.flatMap { UInt64($0) } ?? 0
            if !run.folder.specValues("network").isEmpty { namespaces |= LaunchPlan.networks }
            guard let target = try openTask(task) else { throw .ended(id) }
            let isTaken = spawner.run { [self, namespaces] in
                do throws(ExecutorError) {
                    // A task without mounts of its own sees the host's terminals.
                    let isApart = namespaces & LaunchPlan.mounts != 0
                    let own = command.tty && isApart ? try CommandTerminal(of: task, user: command.user) : nil
                    let terminal = try command.tty ? ShimExecutor.join(own, caller: stdin) : .none
                    let inner = own?.inner.number
                    let started: (pid: Int32, pidfd: FileDescriptor)
                    do throws(ExecutorError) {
                        started = try command.start(
                            stdio: (inner ?? stdin, inner ?? stdout, inner ?? stderr), target: target,
                            namespaces: namespaces)
                    } catch {
                        if case .own(_, let carrying) = terminal { carrying.cancel() }
                        throw error
                    }
                    let record = RunningCommand(pid: started.pid, terminal: terminal)
                    commands.withLock { $0[commandID] = record }
                    cancellation.set { [self] in
                        kill(commandID)
                        // Also once the command has ended: a caller that is gone reads nothing of what it left.
                        if case .own(_, let carrying) = terminal { carrying.cancel() }
                    }
                    watch(started, commandID, call)
                } catch {
                    call.fail(error)
                }
            }
            guard isTaken else { throw ExecutorError(DROVER_E_RETRY, "too many commands are being started; try again") }
        } catch {
            call.fail(error)
        }
    }

    private static func join(_ own: CommandTerminal?, caller: Int32) throws(ExecutorError) -> RunningTerminal {
        guard let own else {
            let copy = fcntl(caller, F_DUPFD_CLOEXEC, 3)
            return copy >= 0 ? .callers(FileDescriptor(owning: copy)) : .none
        }
        return .own(own, try own.carry(for: caller))
    }

    /// Kills a command and what it started in its session; a daemon with a session of its own is the task's.
    private func kill(_ commandID: String) {
        commands.withLock { commands in
            // While it has not been waited for, its number is nobody else's: see `watch`.
            guard let command = commands[commandID] else { return }
            if case .own(_, let carrying) = command.terminal { carrying.cancel() }
            var killed: Set<Int32> = []
            while true {
                let left = Set(ProcessTable.members(ofSession: command.pid) + [command.pid]).subtracting(killed)
                if left.isEmpty { break }
                for pid in left.sorted() { Glibc.kill(pid, SIGKILL) }
                killed.formUnion(left)
            }
        }
    }

    /// Sets the size of the terminal of a running command.
    package func resize(commandID: String, rows: Int32, columns: Int32) throws(ExecutorError) {
        guard let command = commands.withLock({ $0[commandID] }) else {
            throw ExecutorError(DROVER_E_NOT_FOUND, "no command \"\(commandID)\" is running")
        }
        let size = (UInt16(clamping: rows), UInt16(clamping: columns))
        let result: Int32
        switch command.terminal {
        case .none: throw ExecutorError(DROVER_E_STATE, "command \"\(commandID)\" has no terminal")
        case .callers(let terminal): result = clinux_set_terminal_size(terminal.number, size.0, size.1)
        case .own(let terminal, _): result = terminal.setSize(rows: size.0, columns: size.1)
        }
        if result != 0 {
            throw .system(LinuxError(call: "TIOCSWINSZ", path: commandID, errno: errno))
        }
    }

    private func openTask(_ task: ProcessIdentity) throws(ExecutorError) -> FileDescriptor? {
        do {
            return try task.open()
        } catch {
            throw .system(error)
        }
    }

    private func watch(_ started: (pid: Int32, pidfd: FileDescriptor), _ commandID: String, _ call: any ExecutorCall) {
        let source = DispatchSource.makeReadSource(fileDescriptor: started.pidfd.number, queue: queue)
        source.setEventHandler { [self] in
            var status: Int32 = 0
            let (hasEnded, command) = commands.withLock { commands in
                guard waitpid(started.pid, &status, WNOHANG) == started.pid else {
                    return (false, RunningCommand?.none)
                }
                return (true, commands.removeValue(forKey: commandID))
            }
            guard hasEnded else { return }
            source.cancel()
            let signal = Int(status & 0x7f)
            let result = JSON.object([
                ("exit_code", ShimExecutor.exitCode(Int(status >> 8 & 0xff), signal: signal)),
                ("signal", .integer(Int64(signal))),
            ])
            guard case .own(_, let carrying)? = command?.terminal else { return call.complete(DROVER_OK, result.bytes) }
            Task {
                await carrying.finish()
                call.complete(DROVER_OK, result.bytes)
            }
        }
        source.setCancelHandler { withExtendedLifetime(started.pidfd) {} }
        source.activate()
    }
}

/// What to run inside a task: the request, completed by the task's own specification.
private struct CommandRequest {
    var program = ""
    var arguments: [String] = []
    var environment: [String] = []
    var cwd = ""
    var user: UserIdentity?
    var cgroups: [String] = []
    var rights = TaskRights()
    var tty = false

    init(_ bytes: [UInt8], folder: RunFolder) throws(ExecutorError) {
        guard let json = try? JSONParser.parse(bytes), json.object != nil else {
            throw .invalid("exec request: not a JSON object")
        }
        let reader = ObjectReader(json, "exec request")
        try reader.only(["argv", "tty", "env"])
        arguments = try reader.textArray("argv") ?? []
        guard let name = arguments.first, arguments.count <= 4_096 else {
            throw .invalid("exec request: argv must hold 1 to 4,096 texts")
        }
        tty = try reader.flag("tty") ?? false
        let added = try ObjectReader(json["env"], "exec request.env").texts()
        environment = folder.specValues("env") + added.map { "\($0.0)=\($0.1)" }
        cwd = folder.specValues("cwd").first ?? "/"
        cgroups = folder.specValues("cgroup") + folder.specValues("cgroup_join")
        if let uid = folder.specValues("uid").first.flatMap({ UInt32($0) }) {
            let gid = folder.specValues("gid").first.flatMap { UInt32($0) } ?? uid
            let groups = folder.specValues("group").compactMap { UInt32($0) }
            user = UserIdentity(uid: uid, gid: gid, groups: groups, home: "/")
        }
        let pairs = environment.compactMap { entry -> (String, String)? in
            guard let equals = entry.firstIndex(of: "=") else { return nil }
            return (String(entry[..<equals]), String(entry[entry.index(after: equals)...]))
        }
        rights = TaskRights(folder)
        let search = ProgramSearch(root: folder.root, binds: folder.binds, folder: cwd, environment: pairs)
        program = try search.find(name)
    }

    func start(
        stdio: (Int32, Int32, Int32), target: FileDescriptor, namespaces: UInt64
    ) throws(ExecutorError) -> (pid: Int32, pidfd: FileDescriptor) {
        let path = CStringArray([program, cwd])
        let argv = CStringArray(arguments)
        let envp = CStringArray(environment)
        let groups = CStringArray(cgroups)
        let cgroupPointers = groups.pointers.map { UnsafePointer($0) }
        var result = drover_spawn_result()
        let failed = cgroupPointers.withUnsafeBufferPointer { cgroups in
            (user?.groups ?? []).withUnsafeBufferPointer { members in
                var spec = drover_spawn_spec()
                spec.flags = DROVER_SPAWN_SETSID | DROVER_SPAWN_DIE_WITH_PARENT | rights.flags
                spec.capabilities = rights.capabilities ?? 0
                spec.path = UnsafePointer(path.pointers[0])
                spec.cwd = UnsafePointer(path.pointers[1])
                spec.argv = UnsafePointer(argv.base)
                spec.envp = UnsafePointer(envp.base)
                spec.stdio = stdio
                if tty { spec.flags |= DROVER_SPAWN_TERMINAL }
                spec.cgroups = cgroups.baseAddress
                spec.cgroup_count = self.cgroups.count
                spec.join_pidfd = target.number
                spec.join_namespaces = namespaces
                if let user {
                    spec.flags |= DROVER_SPAWN_USER
                    spec.uid = user.uid
                    spec.gid = user.gid
                    spec.groups = members.baseAddress
                    spec.group_count = members.count
                }
                return drover_spawn(&spec, &result) != 0
            }
        }
        if failed { throw .start(stage: result.stage, errno: result.error, program: program, cwd: cwd) }
        return (result.pid, FileDescriptor(owning: result.pidfd))
    }
}

/// What a task may not do, recorded in its specification: a program run inside it may not either.
private struct TaskRights {
    var capabilities: UInt64?
    var flags: UInt32 = 0

    init() {}

    init(_ folder: RunFolder) {
        capabilities = folder.specValues("capabilities").first.flatMap { UInt64($0) }
        if capabilities != nil { flags |= DROVER_SPAWN_CAPABILITIES }
        if folder.specValues("no_new_privs").first != nil { flags |= DROVER_SPAWN_NO_NEW_PRIVS }
        if folder.specValues("seccomp").first != nil { flags |= DROVER_SPAWN_SECCOMP }
    }
}
