internal import DroverSDK
internal import Glibc

/// A file inside a task's own folder, opened for reading. No link leads out of it: the opened file's own path is looked at.
final class ConfinedFile: Sendable {
    let bytes: Int64
    private let descriptor: Int32

    /// - Throws: ``PluginError`` naming `path`: `denied` when it lies outside, `notFound` when it is no file.
    init(_ path: String, in task: TaskDocument) throws(PluginError) {
        guard let local = task.folder("local"), let root = task.folder("task").flatMap(realPath) else {
            throw PluginError(.invalid, "the task document has no dirs.local")
        }
        let whole = path.hasPrefix("/") ? path : "\(local)/\(path)"
        descriptor = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw PluginError(.notFound, "\"load\": \(whole): \(String(cString: strerror(errno)))")
        }
        var status = stat()
        let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        bytes = Int64(status.st_size)
        let opened = link("/proc/self/fd/\(descriptor)") ?? ""
        guard isFile, opened.hasPrefix(root + "/") else {
            Glibc.close(descriptor)
            throw PluginError(.denied, "\"load\": \(path) is no file inside the task's folder")
        }
    }

    /// The next part, at most 64 KiB; `nil` at the end.
    func next() throws(PluginError) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(descriptor, &buffer, buffer.count)
        guard count >= 0 else { throw SystemError.make("read", "the image archive") }
        return count == 0 ? nil : Array(buffer.prefix(count))
    }

    func close() { Glibc.close(descriptor) }
}

/// The path of what `path` leads to, without links; `nil` when it does not exist.
func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
}

/// Where a symbolic link leads.
func link(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = readlink(path, &buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
