internal import CLinux
internal import Glibc

/// A folder that no path leads out of: by "..", by absolute links, by links out of it (openat2, RESOLVE_BENEATH).
package struct ConfinedFolder: Sendable {
    package let path: String

    package init(_ path: String) { self.path = path }

    /// One file's facts.
    package struct Entry: Sendable, Equatable {
        package var name: String
        package var isFolder: Bool
        package var isRegular: Bool
        package var size: Int64
        package var mode: UInt32
        /// Nanoseconds since 1970.
        package var modified: Int64
        package var inode: UInt64
    }

    /// Opens a path below the folder; leading slashes are dropped, "" is the folder itself. A FIFO does not block.
    package func open(_ path: String) throws(LinuxError) -> FileDescriptor {
        let root = try FileDescriptor(path: self.path, flags: O_PATH_DIRECTORY)
        let number = try systemCall("open", path) {
            clinux_open_beneath(root.number, ConfinedFolder.relative(path), O_RDONLY | O_NONBLOCK, 0)
        }
        return FileDescriptor(owning: number)
    }

    /// Facts of a path below the folder; links are followed, within the folder.
    package func entry(_ path: String) throws(LinuxError) -> Entry {
        let file = try open(path)
        let name = ConfinedFolder.relative(path).split(separator: "/").last.map(String.init) ?? "."
        return try ConfinedFolder.entry(of: file, name: name)
    }

    /// Entries of a folder below, in byte order of names; what cannot be read, such as a link that leads out, is left out.
    package func list(_ path: String) throws(LinuxError) -> [Entry] {
        let folder = try open(path)
        guard try ConfinedFolder.entry(of: folder, name: "").isFolder else {
            throw LinuxError(call: "list", path: path, errno: ENOTDIR)
        }
        var found: [Entry] = []
        for name in try Folder.list("/proc/self/fd/\(folder.number)") {
            if let entry = try? entry(ConfinedFolder.relative(path) + "/" + name) { found.append(entry) }
        }
        return found
    }

    /// Replaces a file below the folder, whole, and makes absent folders on the way to it, with mode 0777 as the umask leaves it.
    ///
    /// For a process with more rights than those who may write to the folder: no link is followed, not even one that stays
    /// inside. A link in the file's place is replaced by the file; anything but a folder on the way to it is an error.
    /// `mode` are the file's permission bits, exactly, whatever the umask.
    ///
    /// - Throws: ENOTDIR for a link on the way, EXDEV for a "..".
    package func replace(_ path: String, with bytes: [UInt8], mode: UInt32) throws(LinuxError) {
        var parts = path.split(separator: "/").map(String.init)
        guard !parts.contains(".."), let name = parts.popLast() else {
            throw LinuxError(call: "open", path: path, errno: EXDEV)
        }
        var folder = try FileDescriptor(path: self.path, flags: O_PATH_DIRECTORY | O_NOFOLLOW)
        for part in parts {
            if mkdirat(folder.number, part, 0o777) != 0, errno != EEXIST {
                throw LinuxError(call: "mkdir", path: path, errno: errno)
            }
            let number = try systemCall("open", path) {
                openat(folder.number, part, O_PATH_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            }
            folder = FileDescriptor(owning: number)
        }
        let temporary = name + ".new"
        // What lies there is of a write that was cut short, or somebody's snare.
        if unlinkat(folder.number, temporary, 0) != 0, errno != ENOENT {
            throw LinuxError(call: "unlink", path: path + ".new", errno: errno)
        }
        let number = try systemCall("open", path) {
            openat(folder.number, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        }
        let file = FileDescriptor(owning: number)
        try file.write(bytes)
        if mode & FileMode.umask != 0 { try systemCall("chmod", path) { fchmod(file.number, mode) } }
        try systemCall("rename", path) { renameat(folder.number, temporary, folder.number, name) }
    }

    package static func entry(of file: FileDescriptor, name: String) throws(LinuxError) -> Entry {
        var status = stat()
        try systemCall("fstat", name) { fstat(file.number, &status) }
        return Entry(
            name: name, isFolder: status.st_mode & S_IFMT == S_IFDIR, isRegular: status.st_mode & S_IFMT == S_IFREG,
            size: Int64(status.st_size), mode: status.st_mode,
            modified: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec),
            inode: UInt64(status.st_ino))
    }

    private static func relative(_ path: String) -> String {
        let plain = path.drop { $0 == "/" }
        return plain.isEmpty ? "." : String(plain)
    }
}

/// O_PATH | O_DIRECTORY; the first is not in Swift's import of the headers.
private let O_PATH_DIRECTORY = Int32(0o10000000) | O_DIRECTORY
