internal import CLinux
internal import Glibc

/// An open descriptor that is closed when the last reference goes.
package final class FileDescriptor: Sendable {
    package let number: Int32

    /// Takes ownership of `number`.
    package init(owning number: Int32) { self.number = number }

    deinit { _ = close(number) }

    /// open(2), close-on-exec added.
    package convenience init(path: String, flags: Int32, mode: UInt32 = 0o600) throws(LinuxError) {
        let number = try systemCall("open", path) { open(path, flags | O_CLOEXEC, mode) }
        self.init(owning: number)
    }

    /// A pipe, close-on-exec.
    package static func pipe() throws(LinuxError) -> (read: FileDescriptor, write: FileDescriptor) {
        var ends: [Int32] = [0, 0]
        try systemCall("pipe2") { clinux_pipe(&ends) }
        return (FileDescriptor(owning: ends[0]), FileDescriptor(owning: ends[1]))
    }

    /// At most `count` bytes from where the descriptor stands; empty at the end.
    package func read(count: Int) throws(LinuxError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = try systemCall("read") { Glibc.read(number, &bytes, count) }
        bytes.removeLast(count - got)
        return bytes
    }

    /// Writes all bytes.
    package func write(_ bytes: [UInt8]) throws(LinuxError) {
        var done = 0
        while done < bytes.count {
            done += try systemCall("write") {
                bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress?.advanced(by: done), bytes.count - done) }
            }
        }
    }
}

/// Small files of the kernel and of our own, read and written whole.
package enum SmallFile {
    /// The content of a file, at most `limit` bytes (files in /proc have no size to ask for).
    package static func read(_ path: String, limit: Int = 1 << 20) throws(LinuxError) -> [UInt8] {
        let file = try FileDescriptor(path: path, flags: O_RDONLY)
        var content: [UInt8] = []
        while content.count < limit {
            let part = try file.read(count: min(limit - content.count, 64 << 10))
            if part.isEmpty { break }
            content += part
        }
        return content
    }

    /// The content as text without surrounding white space; nil when it cannot be read.
    package static func text(_ path: String) -> String? {
        guard let bytes = try? read(path) else { return nil }
        let blank: (UInt8) -> Bool = { $0 == 0x20 || ($0 >= 9 && $0 <= 13) }
        guard let first = bytes.firstIndex(where: { !blank($0) }), let last = bytes.lastIndex(where: { !blank($0) })
        else { return "" }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }

    /// Writes to a file that exists, in one write, as control files want it.
    package static func write(_ text: String, to path: String) throws(LinuxError) {
        let file = try FileDescriptor(path: path, flags: O_WRONLY)
        let bytes = Array(text.utf8)
        _ = try systemCall("write", path) { Glibc.write(file.number, bytes, bytes.count) }
    }

    /// Replaces a file so that a reader sees the old content or the new, never a part. Not synced.
    package static func replace(_ path: String, with bytes: [UInt8], mode: UInt32 = 0o600) throws(LinuxError) {
        let temporary = path + ".new"
        do {
            let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW
            try FileDescriptor(path: temporary, flags: flags, mode: mode).write(bytes)
        }
        try systemCall("rename", path) { rename(temporary, path) }
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}

extension FileDescriptor {
    /// At most `count` bytes from `offset`; fewer at the end.
    package func read(at offset: Int64, count: Int) throws(LinuxError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = try systemCall("pread") {
                bytes.withUnsafeMutableBytes { buffer in
                    pread(number, buffer.baseAddress?.advanced(by: done), count - done, off_t(offset) + done)
                }
            }
            if got == 0 { break }
            done += got
        }
        bytes.removeLast(count - done)
        return bytes
    }
}
