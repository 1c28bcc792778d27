internal import CLinux
internal import Glibc

/// Facts about the running machine.
package enum Machine {
    /// The kernel's id of this boot: records of live processes are keyed by it.
    package static let bootID = SmallFile.text("/proc/sys/kernel/random/boot_id") ?? ""

    package static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 257)
        guard gethostname(&buffer, 256) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The folder of the running program; helpers such as drover-shim and the plug-ins lie there.
    package static var executableFolder: String {
        let path = executablePath
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return String(path[..<slash])
    }

    /// The running program: readlink /proc/self/exe.
    package static var executablePath: String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        return count <= 0 ? "" : String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Lifts the limit of open files to the hard one, as a process with thousands of connections needs; processes started
    /// from here inherit it. Without effect where it is not allowed.
    package static func raiseOpenFilesLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Has the allocator take memory in pieces of a megabyte and give it back late: a server's heap breathes with every batch of
    /// requests, and page faults cost more than the pages (mallopt(3)).
    package static func keepFreedMemory() {
        clinux_set_allocation_steps(1 << 20, 8 << 20)
    }

    package static var isRoot: Bool { geteuid() == 0 }

    /// Size, use and inodes of the file system that holds `path`.
    package static func storage(at path: String) throws(LinuxError) -> StorageUse {
        var status = statvfs()
        try systemCall("statvfs", path) { statvfs(path, &status) }
        let unit = UInt64(status.f_frsize)
        return StorageUse(
            bytesTotal: UInt64(status.f_blocks) * unit, bytesFree: UInt64(status.f_bavail) * unit,
            inodesTotal: UInt64(status.f_files), inodesFree: UInt64(status.f_favail))
    }
}

/// Use of a file system.
package struct StorageUse: Equatable, Sendable {
    package var bytesTotal: UInt64
    /// For unprivileged users.
    package var bytesFree: UInt64
    package var inodesTotal: UInt64
    package var inodesFree: UInt64

    package var bytesUsed: UInt64 { bytesTotal - min(bytesTotal, bytesFree) }
}
