internal import Glibc

/// Where programs of this machine lie.
public enum ProgramPath {
    /// The agent's PATH.
    public static var search: String {
        guard let path = getenv("PATH") else { return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" }
        return String(cString: path)
    }

    /// The file that a name leads to, links followed; `nil` when no folder of `search` has such a program.
    public static func find(_ name: String, in search: String = ProgramPath.search) -> String? {
        for folder in search.split(separator: ":") where folder.hasPrefix("/") {
            if let path = resolved("\(folder)/\(name)"), isProgram(path) { return path }
        }
        return nil
    }

    /// The names of programs in `search` that begin with `prefix`, sorted, each once.
    public static func names(prefix: String, in search: String = ProgramPath.search) -> [String] {
        var names: Set<String> = []
        for folder in search.split(separator: ":") where folder.hasPrefix("/") {
            for name in SmallFile.names(in: String(folder)) where name.hasPrefix(prefix) {
                if let path = resolved("\(folder)/\(name)"), isProgram(path) { names.insert(name) }
            }
        }
        return names.sorted()
    }

    private static func resolved(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }

    private static func isProgram(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }
}
