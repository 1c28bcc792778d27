public import DroverSDK
internal import Glibc
internal import Synchronization

/// What a program answers, asked once: again only after its file has been replaced, or when the last try failed.
public final class RememberedAnswer<Answer: Sendable>: Sendable {
    private struct FileIdentity: Equatable {
        let path: String
        let numbers: [Int64]
    }

    private let ask: @Sendable (String) throws(PluginError) -> Answer
    private let last = Mutex<(file: FileIdentity, answer: Answer)?>(nil)

    /// - Parameter ask: what to ask the program of an absolute path; may block for as long as a fingerprint may.
    public init(_ ask: @escaping @Sendable (String) throws(PluginError) -> Answer) { self.ask = ask }

    /// What the program at `path` answers. Others who ask meanwhile wait.
    public func of(_ path: String) throws(PluginError) -> Answer {
        let file = RememberedAnswer.identity(path)
        let result = last.withLock { last -> Result<Answer, PluginError> in
            if let last, last.file == file { return .success(last.answer) }
            do throws(PluginError) {
                let answer = try ask(path)
                last = (file, answer)
                return .success(answer)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private static func identity(_ path: String) -> FileIdentity {
        var status = stat()
        guard stat(path, &status) == 0 else { return FileIdentity(path: path, numbers: []) }
        return FileIdentity(
            path: path,
            numbers: [
                Int64(status.st_dev), Int64(status.st_ino), Int64(status.st_size), Int64(status.st_mtim.tv_sec),
                Int64(status.st_mtim.tv_nsec),
            ])
    }
}
