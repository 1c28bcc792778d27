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
