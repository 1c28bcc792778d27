internal import Glibc

/// Signals by their names, "SIGTERM".
package enum SignalName {
    private static let table: [(name: String, number: Int32)] = [
        ("SIGABRT", SIGABRT), ("SIGALRM", SIGALRM), ("SIGBUS", SIGBUS), ("SIGCHLD", SIGCHLD), ("SIGCONT", SIGCONT),
        ("SIGFPE", SIGFPE), ("SIGHUP", SIGHUP), ("SIGILL", SIGILL), ("SIGINT", SIGINT), ("SIGIO", SIGIO),
        ("SIGKILL", SIGKILL), ("SIGPIPE", SIGPIPE), ("SIGPROF", SIGPROF), ("SIGQUIT", SIGQUIT), ("SIGSEGV", SIGSEGV),
        ("SIGSTOP", SIGSTOP), ("SIGSYS", SIGSYS), ("SIGTERM", SIGTERM), ("SIGTRAP", SIGTRAP), ("SIGTSTP", SIGTSTP),
        ("SIGTTIN", SIGTTIN), ("SIGTTOU", SIGTTOU), ("SIGURG", SIGURG), ("SIGUSR1", SIGUSR1), ("SIGUSR2", SIGUSR2),
        ("SIGWINCH", SIGWINCH), ("SIGXCPU", SIGXCPU), ("SIGXFSZ", SIGXFSZ),
    ]

    /// All names in alphabetical order: the attribute `os.signals`.
    package static var all: [String] { table.map(\.name) }

    /// The number of a name, in any case and with or without "SIG"; nil when unknown.
    package static func number(_ name: String) -> Int32? {
        let upper = name.uppercased()
        let full = upper.hasPrefix("SIG") ? upper : "SIG" + upper
        return table.first { $0.name == full }?.number
    }

    /// The name of a number; "signal 42" when it has none.
    package static func name(_ number: Int32) -> String {
        table.first { $0.number == number }?.name ?? "signal \(number)"
    }
}
