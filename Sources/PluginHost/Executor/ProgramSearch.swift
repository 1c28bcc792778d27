internal import CDroverABI
internal import Glibc

/// Finds the program of argv[0]: an absolute path, a path relative to the task's folder, or a name in PATH.
struct ProgramSearch {
    let root: LaunchPlan.Root
    let binds: [LaunchPlan.Bind]
    let folder: String
    let environment: [(String, String)]

    /// The absolute path, as the task will see it.
    func find(_ name: String) throws(ExecutorError) -> String {
        if name.hasPrefix("/") { return name }
        if name.contains("/") {
            if root != .host { return "/" + name }
            return folder + "/" + name
        }
        let search =
            environment.last { $0.0 == "PATH" }?.1 ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        for part in search.split(separator: ":") where part.hasPrefix("/") {
            let candidate = "\(part)/\(name)"
            if let path = hostPath(candidate), isProgram(path) { return candidate }
        }
        throw ExecutorError(DROVER_E_NOT_FOUND, "program \"\(name)\" not found in PATH (\(search))")
    }

    /// Where the host has what the task sees at `path`: below the innermost bind, else in the root. Nil when nowhere.
    private func hostPath(_ path: String) -> String? {
        let bind = binds.filter { path == $0.target || path.hasPrefix($0.target + "/") }
            .max { $0.target.utf8.count < $1.target.utf8.count }
        if let bind { return bind.source + path.dropFirst(bind.target.count) }
        return switch root {
        case .host: path
        case .folder(let folder): folder + path
        case .memory: nil
        }
    }

    private func isProgram(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }
}
