internal import Glibc

/// A log file that starts anew when it is full: `drover.log`, then `drover.log.1` and so on, oldest last.
package struct LogFile: Sendable {
    private let path: String
    private let bytesMax: Int
    private let filesMax: Int
    private var descriptor: Int32
    private var size: Int

    /// Opens (or makes) the file for appending; throws ``LogFileError`` naming the path when it cannot.
    ///
    /// At `bytesMax` (0: never) the file is moved aside; `filesMax` (0: all) such files are kept.
    package init(path: String, bytesMax: Int, filesMax: Int) throws {
        self.path = path
        self.bytesMax = bytesMax
        self.filesMax = filesMax
        (descriptor, size) = try LogFile.open(path)
    }

    /// Adds a line; moves the file aside first when it would grow beyond its limit. A full disk loses log lines, nothing else.
    mutating func append(_ line: [UInt8]) {
        if bytesMax > 0, size > 0, size + line.count > bytesMax { rotate() }
        LogOutput.writeAll(line, to: descriptor)
        size += line.count
    }

    private mutating func rotate() {
        let kept = filesMax > 0 ? filesMax : 1000
        unlink("\(path).\(kept)")
        for number in stride(from: kept - 1, through: 1, by: -1) {
            rename("\(path).\(number)", "\(path).\(number + 1)")
        }
        rename(path, "\(path).1")
        guard let opened = try? LogFile.open(path) else { return }
        close(descriptor)
        (descriptor, size) = opened
    }

    private static func open(_ path: String) throws -> (Int32, Int) {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw LogFileError(path: path, reason: String(cString: strerror(errno))) }
        var status = stat()
        fstat(descriptor, &status)
        return (descriptor, Int(status.st_size))
    }
}

/// A log file that cannot be written.
package struct LogFileError: Error, CustomStringConvertible {
    let path: String
    let reason: String

    package var description: String {
        "cannot write the log file \(path): \(reason); check log_file in the configuration"
    }
}
