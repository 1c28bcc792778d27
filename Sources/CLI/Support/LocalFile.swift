internal import Glibc

/// Files of the user: job files, variable files, configuration.
enum LocalFile {
    /// Larger files are refused. 16 MiB.
    static let bytesMax = 16 << 20

    /// The whole file; `-` is standard input.
    static func read(_ path: String, bytesMax: Int = LocalFile.bytesMax) throws(CommandError) -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read", path) }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= bytesMax else { throw CommandError("\(path) is larger than \(bytesMax) bytes") }
        }
    }

    /// A file read a megabyte at a time: each call of the result gives the next bytes, none at the end.
    static func pieces(_ path: String) throws(CommandError) -> () throws -> [UInt8] {
        let file = Descriptor(open(path, O_RDONLY | O_CLOEXEC))
        guard file.number >= 0 else { throw failure("open", path) }
        return {
            var chunk = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = Glibc.read(file.number, &chunk, chunk.count)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw failure("read", path) }
                chunk.removeLast(chunk.count - count)
                return chunk
            }
        }
    }

    /// Open for as long as somebody has it.
    private final class Descriptor {
        let number: Int32

        init(_ number: Int32) { self.number = number }

        deinit { if number >= 0 { close(number) } }
    }

    /// Writes a file that must not exist yet; `what` it is begins the message if it does.
    static func create(_ path: String, _ text: String, what: String, mode: mode_t = 0o644) throws(CommandError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            if errno == EEXIST { throw CommandError("\(what) \"\(path)\" already exists") }
            throw failure("create", path)
        }
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("write", path) }
            rest = rest.dropFirst(count)
        }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    private static func failure(_ verb: String, _ path: String) -> CommandError {
        CommandError("cannot \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}
