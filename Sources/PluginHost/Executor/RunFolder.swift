internal import CDroverABI
internal import Glibc
internal import Linux

/// The folder of one launch: `spec` and `state` (Sources/drover-shim/README.md).
struct RunFolder: Sendable {
    let path: String

    /// What the folder tells about its launch.
    enum Content: Sendable {
        /// Nothing was ever started from it.
        case absent
        /// From before the machine's last boot: nothing of it lives.
        case stale
        case running(ShimState)
        case exited(ShimState, ShimExit)
    }

    init(root: String, id: String) { path = "\(root)/\(RunFolder.name(of: id))" }

    /// A file name for any id: bytes other than letters, digits, "-", "_" and "." become "%XX"; a long one is cut and hashed.
    static func name(of id: String) -> String {
        var name = ""
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in id.utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
            let scalar = Unicode.Scalar(byte)
            let plain = scalar.properties.isAlphabetic && byte < 0x80 || (0x30...0x39).contains(byte)
            if plain || byte == 0x2d || byte == 0x5f || (byte == 0x2e && !name.isEmpty) {
                name.unicodeScalars.append(scalar)
            } else {
                name += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return name.utf8.count <= 200 ? name : name.prefix(160) + "%" + String(hash, radix: 16)
    }

    var state: ShimState? { record?.state }

    /// What is recorded of the task, and of its end when that has come; nil before its start.
    private var record: (state: ShimState, exit: ShimExit?)? {
        guard let text = SmallFile.text(path + "/state"), let state = ShimState(text) else { return nil }
        // Shims of earlier versions record the exit in a file of its own.
        return (state, ShimExit(state: text) ?? SmallFile.text(path + "/exit").flatMap { ShimExit(earlier: $0) })
    }

    /// Values of one key of the launch specification, in order.
    func specValues(_ key: String) -> [String] {
        let start = Array((key + "=").utf8)
        let bytes = (try? SmallFile.read(path + "/spec", limit: 4 << 20)) ?? []
        return bytes.split(separator: 0).filter { $0.starts(with: start) }
            .map { String(decoding: $0.dropFirst(start.count), as: UTF8.self) }
    }

    /// The root the task was given.
    var root: LaunchPlan.Root {
        guard let path = specValues("root").first else { return .host }
        return specValues("root_tmpfs").isEmpty ? .folder(path) : .memory
    }

    /// What was mounted for the task.
    var binds: [LaunchPlan.Bind] {
        specValues("bind").compactMap { record in
            let parts = record.dropFirst(3).split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else { return nil }
            return LaunchPlan.Bind(source: parts[0], target: parts[1], readOnly: record.hasPrefix("ro "))
        }
    }

    /// The task's own control group, as recorded in the specification.
    var cgroup: Cgroup? {
        let paths = specValues("cgroup")
        guard let host = CgroupHost.current, !paths.isEmpty else { return nil }
        var folders: [String: String] = [:]
        for path in paths {
            let mount = host.mounts.filter { path.hasPrefix($0.value + "/") }.sorted { $0.key < $1.key }.first
            folders[mount?.key ?? path] = path
        }
        return Cgroup(version: host.version, folders: folders)
    }

    /// The lock that a shim takes for as long as it lives; nil when one lives.
    private func lock() throws(LinuxError) -> [FileDescriptor]? {
        var locks = [try FileDescriptor(path: path, flags: O_RDONLY | O_DIRECTORY)]
        // Shims of earlier versions lock a file in place of the folder.
        if let file = try? FileDescriptor(path: path + "/lock", flags: O_RDWR) { locks.append(file) }
        return locks.allSatisfy { flock($0.number, LOCK_EX | LOCK_NB) == 0 } ? locks : nil
    }

    /// Whether a shim holds the folder.
    private var isLocked: Bool {
        do { return try lock() == nil } catch { return false }
    }

    /// Looks what became of the launch; waits up to five seconds for a start that is under way. Blocks.
    ///
    /// A shim that died without recording an exit leaves its task without a keeper: what is left of it is killed, and an exit
    /// recorded in the shim's place, marked lost.
    func look() throws(ExecutorError) -> Content {
        let boot = Machine.bootID
        for _ in 0..<500 {
            guard let (state, exit) = record else {
                if !isLocked { return .absent }
                usleep(10_000)
                continue
            }
            if state.bootID != boot { return .stale }
            if let exit { return .exited(state, exit) }
            if state.shim.isAlive {
                if state.task != nil { return .running(state) }
                usleep(10_000)
                continue
            }
            return .exited(state, settle(state))
        }
        throw ExecutorError(DROVER_E_RETRY, "the shim of \(path) has been starting its task for five seconds")
    }

    /// Keeps a launch that has not begun from ever beginning; false when it has begun after all.
    ///
    /// Its launcher may have been killed just after it had started the shim. Without its folder the shim finds nothing to run;
    /// while the lock is held here it cannot get past it.
    func fence() throws(ExecutorError) -> Bool {
        guard access(path, F_OK) == 0 else { return true }
        do {
            let lock = try lock()
            defer { withExtendedLifetime(lock) {} }
            guard lock != nil, record == nil else { return false }
            cgroup?.remove()
            try Folder.remove(path)
            return true
        } catch {
            throw .system(error)
        }
    }

    /// The end of a launch whose shim is dead.
    func settle(_ state: ShimState) -> ShimExit {
        let record = record
        if let exit = record?.exit { return exit }
        cgroup?.killAll()
        if let task = record?.state.task ?? state.task { RunFolder.killSession(of: task) }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        let exit = ShimExit(code: 0, signal: Int(SIGKILL), outOfMemory: false, lost: true, time: now)
        try? FileDescriptor(path: path + "/state", flags: O_WRONLY | O_APPEND).write(Array(exit.text.utf8))
        return exit
    }

    /// Kills what is left in the session that `task` led. A pid that now belongs to somebody else is left alone.
    static func killSession(of task: ProcessIdentity) {
        for _ in 0..<20 {
            if let now = ProcessIdentity(pid: task.pid), now != task { return }
            let members = ProcessTable.members(ofSession: task.pid)
            if members.isEmpty { return }
            for pid in members { _ = kill(pid, SIGKILL) }
            usleep(1_000)
        }
    }
}
