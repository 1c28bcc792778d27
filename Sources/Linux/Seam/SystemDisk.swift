package import Basics
internal import CLinux
internal import Glibc

/// Files of the machine.
package struct SystemDisk: Disk {
    package init() {}

    package func open(_ path: String, create: Bool, exclusive: Bool) throws(DiskError) -> any DiskFile {
        var flags = O_RDWR
        if create { flags |= O_CREAT }
        if create && exclusive { flags |= O_EXCL }
        let descriptor = try diskCall("open", path) { () throws(LinuxError) in
            try FileDescriptor(path: path, flags: flags, mode: 0o600)
        }
        return SystemFile(path: path, descriptor: descriptor)
    }

    package func read(_ path: String, limit: Int) throws(DiskError) -> [UInt8] {
        let content = try diskCall("read", path) { () throws(LinuxError) in
            try SmallFile.read(path, limit: limit == .max ? .max : limit + 1)
        }
        if content.count > limit { throw DiskError(operation: "read", path: path, reason: .tooLarge) }
        return content
    }

    package func list(_ path: String) throws(DiskError) -> [String] {
        try diskCall("list", path) { () throws(LinuxError) in try Folder.list(path) }
    }

    package func makeDirectory(_ path: String) throws(DiskError) {
        try diskCall("make folder", path) { () throws(LinuxError) in try Folder.make(path) }
    }

    package func rename(_ source: String, to target: String) throws(DiskError) {
        try diskCall("rename to", target) { () throws(LinuxError) in
            try systemCall("rename", target) { Glibc.rename(source, target) }
        }
    }

    package func remove(_ path: String) throws(DiskError) {
        try diskCall("remove", path) { () throws(LinuxError) in try Folder.remove(path) }
    }

    package func exists(_ path: String) -> Bool { SmallFile.exists(path) }

    package func synchronizeDirectory(_ path: String) throws(DiskError) {
        try diskCall("sync folder", path) { () throws(LinuxError) in
            let folder = try FileDescriptor(path: path, flags: O_RDONLY | O_DIRECTORY)
            try systemCall("fsync", path) { fsync(folder.number) }
        }
    }

    package func lock(_ path: String) throws(DiskError) -> any DiskLock {
        let descriptor = try diskCall("lock", path) { () throws(LinuxError) in
            let descriptor = try FileDescriptor(path: path, flags: O_RDWR | O_CREAT, mode: 0o600)
            try systemCall("flock", path) { flock(descriptor.number, LOCK_EX | LOCK_NB) }
            return descriptor
        }
        return SystemLock(descriptor: descriptor)
    }
}

/// An open file. `descriptor` is set to nil by ``close()``, which only the owner of the file calls.
private final class SystemFile: DiskFile, @unchecked Sendable {
    let path: String
    private var descriptor: FileDescriptor?

    init(path: String, descriptor: FileDescriptor) {
        self.path = path
        self.descriptor = descriptor
    }

    /// The open descriptor; -1, which every call answers with EBADF, after ``close()``.
    private var number: Int32 { descriptor?.number ?? -1 }

    func size() throws(DiskError) -> UInt64 {
        var status = stat()
        try call("stat") { fstat(number, &status) }
        return UInt64(status.st_size)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) -> Int {
        try call("read") { pread(number, buffer.baseAddress, buffer.count, off_t(offset)) }
    }

    func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
        var done = 0
        while done < buffer.count {
            done += try call("write") {
                pwrite(number, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset) + done)
            }
        }
    }

    func allocate(_ size: UInt64) throws(DiskError) {
        try call("allocate") { clinux_allocate(number, Int64(size)) }
    }

    func truncate(_ size: UInt64) throws(DiskError) {
        try call("truncate") { ftruncate(number, off_t(size)) }
    }

    func synchronize() throws(DiskError) {
        FaultPoint.before(.diskSync)
        try call("sync") { fdatasync(number) }
        FaultPoint.after(.diskSync)
    }

    func close() { descriptor = nil }

    @discardableResult
    private func call<Number: SignedInteger>(_ name: String, _ body: () -> Number) throws(DiskError) -> Number {
        try diskCall(name, path) { () throws(LinuxError) in try systemCall(name, path, body) }
    }
}

private final class SystemLock: DiskLock, @unchecked Sendable {
    private var descriptor: FileDescriptor?

    init(descriptor: FileDescriptor) { self.descriptor = descriptor }

    func release() { descriptor = nil }
}

/// Runs `body` and gives its error the disk's form.
@discardableResult
private func diskCall<Result>(
    _ operation: String, _ path: String, _ body: () throws(LinuxError) -> Result
) throws(DiskError) -> Result {
    do {
        return try body()
    } catch {
        throw DiskError(operation: operation, path: path, reason: reason(of: error))
    }
}

private func reason(of error: LinuxError) -> DiskError.Reason {
    switch error.errno {
    case ENOENT: .notFound
    case EEXIST: .exists
    case EWOULDBLOCK: .locked
    case ENOSPC, EDQUOT: .noSpace
    case EACCES, EPERM: .permission
    case EROFS: .readOnly
    case EFBIG: .tooLarge
    default: .system(errno: error.errno, text: error.reason)
    }
}
