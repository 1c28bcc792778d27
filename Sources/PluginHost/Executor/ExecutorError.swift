internal import CDroverABI
internal import CSpawn
internal import Glibc
internal import Linux

/// A refusal of the executor: one of the ABI's codes, and a message that says what failed, on what, and what to do.
package struct ExecutorError: Error, Equatable, Sendable, CustomStringConvertible {
    /// DROVER_E_*.
    package let code: Int32
    package let message: String

    package init(_ code: Int32, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }

    static func invalid(_ message: String) -> ExecutorError { ExecutorError(DROVER_E_INVALID, message) }

    static func unknown(_ id: String) -> ExecutorError {
        ExecutorError(DROVER_E_NOT_FOUND, "task \"\(id)\" was never launched here, or before the machine's last boot")
    }

    static func ended(_ id: String) -> ExecutorError {
        ExecutorError(DROVER_E_STATE, "task \"\(id)\" has ended")
    }

    static func system(_ error: LinuxError) -> ExecutorError {
        ExecutorError(code(ofErrno: error.errno), error.description)
    }

    /// The error of a failed start: where it failed decides what it means. `detail` is the path it failed on, if there is one.
    static func start(
        stage: Int32, errno: Int32, program: String, cwd: String, detail: String = ""
    ) -> ExecutorError {
        let reason = LinuxError.text(errno)
        let word = String(cString: drover_spawn_stage_name(stage))
        switch Int(stage) {
        case DROVER_SPAWN_STAGE_EXEC:
            let hint = errno == ENOEXEC ? "; is it built for this machine, or a script without \"#!\"?" : ""
            return ExecutorError(code(ofErrno: errno), "cannot execute \(program): \(reason)\(hint)")
        case DROVER_SPAWN_STAGE_DIRECTORY:
            return ExecutorError(code(ofErrno: errno), "cannot enter the working directory \(cwd): \(reason)")
        case DROVER_SPAWN_STAGE_NAMESPACE where detail.hasPrefix("/"):
            return ExecutorError(code(ofErrno: errno), "cannot join the network namespace \(detail): \(reason)")
        case DROVER_SPAWN_STAGE_CLONE, DROVER_SPAWN_STAGE_NAMESPACE:
            let code = errno == EINVAL || errno == EPERM ? DROVER_E_UNSUPPORTED : code(ofErrno: errno)
            return ExecutorError(code, "cannot make the process or its namespaces: \(reason)")
        case DROVER_SPAWN_STAGE_MOUNT where detail.hasPrefix("/"):
            return ExecutorError(code(ofErrno: errno), "cannot mount \(detail) for the task: \(reason)")
        default:
            return ExecutorError(code(ofErrno: errno), "cannot start \(program): \(word): \(reason)")
        }
    }

    private static func code(ofErrno errno: Int32) -> Int32 {
        switch errno {
        case ENOENT, ENOTDIR: DROVER_E_NOT_FOUND
        case EACCES, EPERM: DROVER_E_DENIED
        case EAGAIN, ENOMEM, EMFILE, ENFILE: DROVER_E_RETRY
        default: DROVER_E_IO
        }
    }
}
