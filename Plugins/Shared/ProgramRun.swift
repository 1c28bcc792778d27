internal import Glibc

/// One short run of a program of this machine, to ask it for its version or to try something out.
public enum ProgramRun: Equatable, Sendable {
    /// It ended by itself: its exit code, 128 + signal when a signal ended it, and what it wrote to both outputs.
    case ended(code: Int32, output: String)
    /// It was killed, with all of its process group, because it took longer than allowed.
    case tookTooLong
    /// It could not be started: why.
    case notStarted(String)

    /// Bytes of output that are kept.
    public static let outputBytesMax = 64 << 10

    /// Runs `arguments`, the first an absolute path, with no input and an environment of PATH and the plain locale alone.
    ///
    /// Blocks for `millisecondsMax` at most. A kill of the calling process in between does not end the program.
    public static func of(_ arguments: [String], millisecondsMax: Int64) -> ProgramRun {
        var ends: [Int32] = [-1, -1]
        // A socket, as it can be made closed-on-exec in one step.
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { return .notStarted(reason(errno)) }
        defer { close(ends[0]) }
        let started = spawn(arguments, output: ends[1])
        close(ends[1])
        guard let pid = started.pid else { return .notStarted(reason(started.error)) }
        let deadline = milliseconds() + millisecondsMax
        let output = read(ends[0], until: deadline)
        if let status = wait(pid, until: deadline) {
            let signal = status & 0x7f
            return .ended(code: signal == 0 ? status >> 8 & 0xff : 128 + signal, output: output)
        }
        kill(-pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return .tookTooLong
    }

    private static func spawn(_ arguments: [String], output: Int32) -> (pid: pid_t?, error: Int32) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        let variables = ["PATH=\(ProgramPath.search)", "LC_ALL=C"]
        let environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for text in argv + environment { free(text) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, arguments[0], &actions, &attributes, argv, environment)
        return error == 0 ? (pid, 0) : (nil, error)
    }

    /// All that comes until the end of the stream or the deadline; what is beyond ``outputBytesMax`` is dropped.
    private static func read(_ descriptor: Int32, until deadline: Int64) -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while milliseconds() < deadline {
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&polled, 1, Int32(clamping: deadline - milliseconds()))
            guard ready > 0 else { continue }
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<min(count, outputBytesMax - bytes.count)])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The status as waitpid(2) tells it; `nil` when it still runs at the deadline.
    private static func wait(_ pid: pid_t, until deadline: Int64) -> Int32? {
        var status: Int32 = 0
        repeat {
            if waitpid(pid, &status, WNOHANG) == pid { return status }
            poll(nil, 0, 5)
        } while milliseconds() < deadline
        return nil
    }

    /// Of a clock that never steps back.
    private static func milliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    private static func reason(_ error: Int32) -> String { String(cString: strerror(error)) }
}
