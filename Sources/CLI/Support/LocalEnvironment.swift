internal import Basics
internal import Glibc
internal import Linux

/// The process's surroundings: environment, terminal and clock. The command line is an outermost shell and reads them
/// itself.
enum LocalEnvironment {
    /// The environment the process was started with.
    static let variables: [String: String] = {
        var variables: [String: String] = [:]
        for entry in ((try? LocalFile.read("/proc/self/environ")) ?? []).split(separator: 0) {
            let parts = entry.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            variables[String(decoding: parts[0], as: UTF8.self)] = String(decoding: parts[1], as: UTF8.self)
        }
        return variables
    }()

    /// Standard output is a terminal.
    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Standard output is a terminal whose user has not asked for plain text.
    static var showsColors: Bool {
        let isPlain = ["DROVER_CLI_NO_COLOR", "NOMAD_CLI_NO_COLOR", "NO_COLOR"].contains {
            variables[$0]?.isEmpty == false
        }
        return isTerminal && !isPlain
    }

    static var now: Timestamp { SystemTime().now }
}
