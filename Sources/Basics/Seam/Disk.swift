/// Files as code above the shells sees them. Every call blocks: make it on a ``BlockingExecutor``.
///
/// Paths are absolute. A write is safe from power loss only after ``DiskFile/synchronize()``; a new, renamed or removed name
/// only after ``synchronizeDirectory(_:)`` of its folder.
public protocol Disk: Sendable {
    /// Opens a file for reading and writing; `create` makes an absent one (mode 0600), `exclusive` refuses a present one.
    func open(_ path: String, create: Bool, exclusive: Bool) throws(DiskError) -> any DiskFile

    /// The whole content; throws ``DiskError/Reason/tooLarge`` beyond `limit` bytes.
    func read(_ path: String, limit: Int) throws(DiskError) -> [UInt8]

    /// Names in a folder, in byte order, without `.` and `..`.
    func list(_ path: String) throws(DiskError) -> [String]

    /// Makes a folder and its absent parents, mode 0700; a present one is fine.
    func makeDirectory(_ path: String) throws(DiskError)

    /// Atomically replaces `target` with `source`.
    func rename(_ source: String, to target: String) throws(DiskError)

    /// Removes a file, or a folder with all it holds; an absent one is fine.
    func remove(_ path: String) throws(DiskError)

    func exists(_ path: String) -> Bool

    func synchronizeDirectory(_ path: String) throws(DiskError)

    /// Takes an exclusive lock on the file at `path`, held until the result is released or the process ends;
    /// throws ``DiskError/Reason/locked`` when another process holds it.
    func lock(_ path: String) throws(DiskError) -> any DiskLock
}

extension Disk {
    /// Writes `bytes` to `path` so that after a crash the old or the new content is there: temporary file, sync, rename, sync.
    public func replace(_ path: String, with bytes: [UInt8]) throws(DiskError) {
        let temporary = path + ".tmp"
        try remove(temporary)
        let file = try open(temporary, create: true, exclusive: false)
        defer { file.close() }
        try file.write(bytes, at: 0)
        try file.synchronize()
        try rename(temporary, to: path)
        try synchronizeDirectory(path.parentPath)
    }
}

/// An open file; safe to use from one thread at a time.
public protocol DiskFile: AnyObject, Sendable {
    var path: String { get }

    func size() throws(DiskError) -> UInt64

    /// Fills as much of `buffer` as the file holds from `offset`; returns the count, zero at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) -> Int

    /// Writes all bytes at `offset`, extending the file as needed.
    func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError)

    /// Reserves space up to `size` bytes and extends the file to it with zeros.
    func allocate(_ size: UInt64) throws(DiskError)

    func truncate(_ size: UInt64) throws(DiskError)

    /// Returns once all written bytes are on stable storage (`fdatasync`). After a failure the content is unknown: stop.
    func synchronize() throws(DiskError)

    func close()
}

extension DiskFile {
    public func write(_ bytes: [UInt8], at offset: UInt64) throws(DiskError) {
        let result = bytes.withUnsafeBytes { buffer in
            Swift.Result { () throws(DiskError) in try write(buffer, at: offset) }
        }
        try result.get()
    }

    /// Up to `count` bytes from `offset`; fewer at the end of the file.
    public func read(at offset: UInt64, count: Int) throws(DiskError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let result = bytes.withUnsafeMutableBytes { buffer in
            Swift.Result { () throws(DiskError) -> Int in
                var filled = 0
                while filled < count {
                    let part = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                    let got = try read(into: part, at: offset + UInt64(filled))
                    if got == 0 { break }
                    filled += got
                }
                return filled
            }
        }
        bytes.removeLast(count - (try result.get()))
        return bytes
    }
}

/// An exclusive lock on a file.
public protocol DiskLock: AnyObject, Sendable {
    func release()
}

/// A failed disk operation: what was tried, on which path, and why.
public struct DiskError: Error, Equatable, CustomStringConvertible {
    public enum Reason: Equatable, Sendable {
        case notFound
        case exists
        case locked
        case noSpace
        case permission
        case readOnly
        case tooLarge
        /// Anything else, with the system's number and its text.
        case system(errno: Int32, text: String)
    }

    public let operation: String
    public let path: String
    public let reason: Reason

    public init(operation: String, path: String, reason: Reason) {
        self.operation = operation
        self.path = path
        self.reason = reason
    }

    public var description: String { "\(operation) \(path): \(text)" }

    private var text: String {
        switch reason {
        case .notFound: "no such file or directory"
        case .exists: "already exists"
        case .locked: "locked by another process"
        case .noSpace: "no space left on the device; free some and start again"
        case .permission: "permission denied"
        case .readOnly: "the file system is read-only"
        case .tooLarge: "larger than allowed"
        case .system(let number, let text): "\(text) (errno \(number))"
        }
    }
}

extension String {
    /// The folder part of a path; "/" for a name at the root, "." for a bare name.
    public var parentPath: String {
        guard let slash = utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == startIndex ? "/" : String(self[..<slash])
    }
}
