internal import CDroverABI
internal import Glibc

/// Finds the program of argv[0]: an absolute path, a path relative to the task's folder, or a name in PATH.
struct ProgramSearch {
    let root: String?
    let folder: String
    let environment: [(String, String)]

    /// The absolute path, as the task will see it.
    func find(_ name: String) throws(ExecutorError) -> String {
        if name.hasPrefix("/") { return name }
        if name.contains("/") {
            if root != nil { return "/" + name }
            return folder + "/" + name
        }
        let search =
            environment.last { $0.0 == "PATH" }?.1 ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        for part in search.split(separator: ":") where part.hasPrefix("/") {
            let candidate = "\(part)/\(name)"
            if isProgram((root ?? "") + candidate) { return candidate }
        }
        throw ExecutorError(DROVER_E_NOT_FOUND, "program \"\(name)\" not found in PATH (\(search))")
    }

    private func isProgram(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }
}
