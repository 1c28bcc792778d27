internal import Glibc

/// A command that is run beside this one, with its terminal, files and environment.
final class ChildProcess {
    enum Signal {
        case terminate
        case kill
    }

    private let pid: pid_t
    private var code: Int32?

    /// Starts `command`, found as the shell finds it; from now on interrupts are for it. Throws ``CommandError`` when it cannot be.
    init(_ command: [String], environment: [String: String]) throws(CommandError) {
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        let variables = LocalEnvironment.variables.merging(environment) { $1 }
        var settings: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + settings { free(pointer) } }
        var pid: pid_t = 0
        let result = posix_spawnp(&pid, command[0], nil, nil, &words, &settings)
        guard result == 0 else {
            throw CommandError("cannot run \(command[0]): \(String(cString: strerror(result)))")
        }
        self.pid = pid
        pendingSignal = 0
        // An interrupt of the terminal reaches the command by itself.
        Glibc.signal(SIGINT, SIG_IGN)
        for number in [SIGTERM, SIGHUP] { Glibc.signal(number) { pendingSignal = $0 } }
    }

    /// Its exit code once it has ended, or 128 and the signal that ended it.
    func exitCode() -> Int32? {
        guard code == nil else { return code }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
        code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
        return code
    }

    func signal(_ signal: Signal) {
        if code == nil { Glibc.kill(pid, signal == .kill ? SIGKILL : SIGTERM) }
    }

    /// Gives the command what this one was sent.
    func passOnSignals() {
        let number = pendingSignal
        guard number != 0, code == nil else { return }
        pendingSignal = 0
        Glibc.kill(pid, number)
    }
}

/// The last signal that came; 0 for none. Written by the signal handler, which can reach nothing else; one word, as POSIX's
/// sig_atomic_t.
private nonisolated(unsafe) var pendingSignal: Int32 = 0
