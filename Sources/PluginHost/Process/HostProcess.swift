internal import CLinux
internal import CSpawn
internal import Glibc
internal import Linux

/// A child process that hosts one plug-in: `<program> plugin-host <name>`, a socket as descriptor 3, its stderr in a pipe.
final class HostProcess: Sendable {
    let pid: Int32
    let socket: FileDescriptor
    /// Our end of its stderr; never blocks the plug-in for long, for it is read as long as the process lives.
    let errorOutput: FileDescriptor
    private let pidfd: FileDescriptor

    /// How a process ended.
    struct Status: Sendable, Equatable {
        /// Exit code; -1 when a signal ended it.
        var code: Int32
        /// 0: none.
        var signal: Int32

        var text: String {
            signal == 0 ? "exited with code \(code)" : "was ended by signal \(signal) (\(SignalName.name(signal)))"
        }
    }

    /// Starts `program` in a session of its own, so that a terminal's interrupt reaches the agent only.
    init(program: String, name: String, environment: [String]) throws(PluginError) {
        do {
            let (ours, theirs) = try Channel.pair()
            var ends: [Int32] = [-1, -1]
            try systemCall("pipe2") { clinux_pipe(&ends) }
            let output = FileDescriptor(owning: ends[0])
            let input = FileDescriptor(owning: ends[1])
            let result = HostProcess.spawn(
                program, arguments: [program, "plugin-host", name], environment: environment, socket: theirs.number,
                error: input.number)
            guard result.error == 0 else {
                let stage = String(cString: drover_spawn_stage_name(result.stage))
                throw LinuxError(call: "start (\(stage))", path: program, errno: result.error)
            }
            pid = result.pid
            pidfd = FileDescriptor(owning: result.pidfd)
            socket = ours
            errorOutput = output
        } catch let error as LinuxError {
            throw PluginError(.unavailable, "cannot start the process of plug-in \(name): \(error)")
        } catch {
            throw PluginError(.unavailable, "cannot start the process of plug-in \(name): \(error)")
        }
    }

    private static func spawn(
        _ program: String, arguments: [String], environment: [String], socket: Int32, error: Int32
    ) -> drover_spawn_result {
        var spec = drover_spawn_spec()
        var result = drover_spawn_result()
        var extra = [socket]
        let argv = CStringArray(arguments)
        let envp = CStringArray(environment + FaultPoint.environment)
        return program.withCString { path in
            extra.withUnsafeMutableBufferPointer { extra in
                spec.path = path
                spec.argv = UnsafePointer(argv.base)
                spec.envp = UnsafePointer(envp.base)
                spec.flags = UInt32(DROVER_SPAWN_SETSID)
                spec.stdio = (-1, -1, error)
                spec.extra = UnsafePointer(extra.baseAddress)
                spec.extra_count = 1
                if drover_spawn(&spec, &result) != 0, result.error == 0 { result.error = EIO }
                return result
            }
        }
    }

    /// The environment this process was started with, but for SWIFT_BACKTRACE.
    static var ownEnvironment: [String] {
        let bytes = (try? SmallFile.read("/proc/self/environ")) ?? []
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            .filter { !$0.hasPrefix("SWIFT_BACKTRACE=") }
    }

    /// SIGKILL, to exactly this process.
    func kill() { _ = clinux_pidfd_send_signal(pidfd.number, SIGKILL) }

    /// Waits for the end, at most `milliseconds`, then kills; returns how it ended.
    func reap(after milliseconds: Int32) -> Status {
        var poll = pollfd(fd: pidfd.number, events: Int16(POLLIN), revents: 0)
        if Glibc.poll(&poll, 1, milliseconds) <= 0 { kill() }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            if errno != EINTR { return Status(code: -1, signal: 0) }
        }
        let signal = status & 0x7f
        return signal == 0 ? Status(code: status >> 8 & 0xff, signal: 0) : Status(code: -1, signal: signal)
    }
}
