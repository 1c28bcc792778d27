internal import CLinux
internal import Glibc

/// Folders: list, make, remove.
package enum Folder {
    /// Names in a folder without "." and "..", in byte order; empty when it cannot be read.
    package static func names(_ path: String) -> [String] { (try? list(path)) ?? [] }

    /// Names in a folder without "." and "..", in byte order.
    package static func list(_ path: String) throws(LinuxError) -> [String] { try entries(path).map(\.name) }

    /// Names of the folders in a folder, links not among them, in byte order; empty when it cannot be read.
    package static func folders(in path: String) -> [String] {
        ((try? entries(path)) ?? []).filter { $0.kind == UInt8(DT_DIR) }.map(\.name)
    }

    private static func entries(_ path: String) throws(LinuxError) -> [Entry] {
        guard let stream = opendir(path) else { throw LinuxError(call: "opendir", path: path, errno: errno) }
        defer { closedir(stream) }
        return entries(stream)
    }

    private typealias Entry = (name: String, kind: UInt8)

    private static func entries(_ stream: OpaquePointer) -> [Entry] {
        var found: [Entry] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { found.append((name, entry.pointee.d_type)) }
        }
        return found.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// Makes a folder and its absent parents; an existing one is fine. `mode` is exact, whatever the umask.
    ///
    /// The folder it is made in must be one that only its owner may write to, or sticky: nobody else can then put another in the
    /// new one's place.
    package static func make(_ path: String, mode: UInt32 = 0o700) throws(LinuxError) {
        if mkdir(path, mode) == 0 {
            try? FileMode.complete(path, mode)
            return
        }
        let error = errno
        if error == EEXIST {
            var status = stat()
            if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
            throw LinuxError(call: "mkdir", path: path, errno: ENOTDIR)
        }
        guard error == ENOENT, let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash > path.startIndex else {
            throw LinuxError(call: "mkdir", path: path, errno: error)
        }
        try make(String(path[..<slash]), mode: max(mode, 0o700))
        if mkdir(path, mode) == 0 {
            try? FileMode.complete(path, mode)
            return
        }
        if errno != EEXIST { throw LinuxError(call: "mkdir", path: path, errno: errno) }
    }

    /// Makes a folder as ``make(_:mode:)`` does, and gives one that is there the mode, too. A link in its place is refused (ENOTDIR).
    package static func make(_ path: String, exactMode mode: UInt32) throws(LinuxError) {
        if mkdir(path, mode) == 0 { return try FileMode.complete(path, mode) }
        if errno != EEXIST { try make(path, mode: mode) }
        try FileMode.set(folder: path, mode)
    }

    /// Makes a folder for sub-folders that have nothing to do with each other and come and go by the thousand.
    ///
    /// ext4 puts what lies in and below a folder close together (one block group), and, where it has no journal, steps over each
    /// file removed there within the last minute before it makes another: each made and removed makes the next one dearer.
    /// Its flag for the top of hierarchies (chattr(1), T) has it spread the sub-folders. Other file systems have no such flag, and no
    /// need of it.
    package static func makeTop(_ path: String) throws(LinuxError) {
        try make(path)
        let folder = try FileDescriptor(path: path, flags: O_RDONLY | O_DIRECTORY)
        _ = clinux_mark_top_folder(folder.number)
    }

    /// Removes a file, or a folder with all it holds, following no links; an absent one is fine.
    package static func remove(_ path: String) throws(LinuxError) {
        try remove(at: AT_FDCWD, (path, UInt8(DT_UNKNOWN)), path)
    }

    private static func remove(at parent: Int32, _ entry: Entry, _ path: String) throws(LinuxError) {
        var unlinked = EISDIR
        if entry.kind != UInt8(DT_DIR) {
            if unlinkat(parent, entry.name, 0) == 0 || errno == ENOENT { return }
            unlinked = errno
            guard unlinked == EISDIR || unlinked == EPERM else {
                throw LinuxError(call: "unlink", path: path, errno: unlinked)
            }
        }
        let folder = openat(parent, entry.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if folder < 0 {
            if errno == ENOENT { return }
            throw LinuxError(call: "open", path: path, errno: errno == ENOTDIR ? unlinked : errno)
        }
        guard let stream = fdopendir(folder) else {
            let error = LinuxError(call: "opendir", path: path, errno: errno)
            close(folder)
            throw error
        }
        // Closes the descriptor, too.
        defer { closedir(stream) }
        for entry in entries(stream) { try remove(at: folder, entry, "\(path)/\(entry.name)") }
        if unlinkat(parent, entry.name, AT_REMOVEDIR) != 0 && errno != ENOENT {
            throw LinuxError(call: "rmdir", path: path, errno: errno)
        }
    }
}
