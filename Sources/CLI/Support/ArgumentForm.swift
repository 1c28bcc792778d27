/// Brings arguments as Go programs take them into the form this parser knows.
enum ArgumentForm {
    /// Older names of commands, each to its words.
    static let aliases: [String: [String]] = [
        "alloc-status": ["alloc", "status"], "eval-status": ["eval", "status"], "node-status": ["node", "status"],
        "server-members": ["server", "members"], "server-join": ["server", "join"],
        "server-force-leave": ["server", "force-leave"], "-version": ["version"], "--version": ["version"],
        "-v": ["version"],
    ]

    /// Flags that Go takes as `-name=false` too, to their opposite; for most that is leaving them out.
    private static let negatable: [String: String?] = [
        "diff": "-no-diff", "hcl2-strict": "-no-hcl2-strict", "detach": nil, "verbose": nil, "json": nil, "f": nil,
        "stderr": nil, "stdout": nil, "tail": nil, "short": nil, "stats": nil, "self": nil, "purge": nil, "yes": nil,
        "all-allocs": nil, "evals": nil, "all-tasks": nil, "no-shutdown-delay": nil, "preserve-counts": nil,
        "stat": nil, "immediate": nil, "detailed": nil, "prune": nil, "rejoin": nil,
        "force": nil, "full": nil, "now": nil, "early-return": nil, "shell": "-no-shell",
        "H": nil, "allocs": nil, "quiet": nil, "no-color": nil, "force-color": nil, "dev": nil,
        "server": nil, "client": nil, "cli": nil, "log-json": nil, "tls-skip-verify": nil, "insecure": nil,
        "name-constraint": nil, "job": nil, "i": "-no-i", "t": "-no-t",
    ]

    /// One dash for two, `-flag=true` and `-flag=false` as flags, old names of commands as new ones; after `--` nothing
    /// is touched.
    static func normalized(_ arguments: [String]) -> [String] {
        var out: [String] = []
        var rest = arguments[...]
        if let first = rest.first, let words = aliases[first] {
            out += words
            rest.removeFirst()
        }
        while let argument = rest.popFirst() {
            if argument == "--" { return out + [argument] + rest }
            guard argument.hasPrefix("-"), argument.count > 1 else {
                // What follows is another program's.
                if takesCommand(out) { return out + [argument] + rest }
                out.append(argument)
                continue
            }
            out += flag(argument.hasPrefix("--") ? String(argument.dropFirst()) : argument)
        }
        return out
    }

    /// Whether the words so far are those of `alloc exec` and its options, each with its value: then what is next is the
    /// allocation, and after it comes the command, whose own options are not ours to touch.
    private static func takesCommand(_ words: [String]) -> Bool {
        let isNamed = words.starts(with: ["alloc", "exec"])
        guard isNamed || words.first == "exec" else { return false }
        var options = words.dropFirst(isNamed ? 2 : 1)
        while let option = options.popFirst() {
            let isWhole = option.contains("=") || negatable.keys.contains(String(option.dropFirst()))
            if isWhole || option.hasPrefix("-no-") { continue }
            if options.popFirst() == nil { return false }
        }
        return true
    }

    private static func flag(_ argument: String) -> [String] {
        let parts = argument.dropFirst().split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let opposite = negatable[String(parts[0])] else { return [argument] }
        switch parts[1] {
        case "true", "1", "t": return ["-" + parts[0]]
        case "false", "0", "f": return opposite.map { [$0] } ?? []
        default: return [argument]
        }
    }
}
