internal import Basics
internal import Linux
internal import RPC

/// Reads below one allocation's folder. Secrets and private folders of tasks are closed to it.
struct FileAccess: Sendable {
    /// Bytes of one frame at most.
    static let frameBytesMax = 64 << 10

    private let folder: ConfinedFolder

    init(_ root: String) { folder = ConfinedFolder(root) }

    /// An open file and what it is. Blocks.
    func open(_ path: String) throws -> (file: FileDescriptor, entry: ConfinedFolder.Entry) {
        try check(path)
        return try FileAccess.translate(path) { () throws(LinuxError) in
            let file = try folder.open(path)
            return (file, try ConfinedFolder.entry(of: file, name: path))
        }
    }

    func list(_ path: String) throws -> [ConfinedFolder.Entry] {
        try check(path)
        return try FileAccess.translate(path) { () throws(LinuxError) in try folder.list(path) }
    }

    func entry(_ path: String) throws -> ConfinedFolder.Entry {
        try check(path)
        return try FileAccess.translate(path) { () throws(LinuxError) in try folder.entry(path) }
    }

    private func check(_ path: String) throws {
        guard !path.utf8.contains(0) else { throw CallError(.invalid, "path holds a NUL byte") }
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        guard parts.count > 1, parts[0] != "alloc", parts[1] == "secrets" || parts[1] == "private" else { return }
        throw CallError(.permission, "Reading secret file prohibited: \(path)")
    }

    /// The error a caller understands.
    static func translate<Result>(_ path: String, _ body: () throws(LinuxError) -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            switch error.errno {
            case 2, 20: throw CallError(.notFound, "file \"\(path)\" does not exist in the allocation's folder")
            case 18, 40: throw CallError(.permission, "path \"\(path)\" leads out of the allocation's folder")
            default: throw CallError(.failed, "\(error)")
            }
        }
    }
}

extension FileInfo {
    init(_ entry: ConfinedFolder.Entry) {
        self.init()
        name = entry.name
        isDirectory = entry.isFolder
        size = entry.size
        fileMode = FileMode.text(entry.mode)
        modificationTime = TimeText(Timestamp(nanoseconds: entry.modified))
        contentType = entry.isRegular ? FileInfo.contentType(entry.name) : ""
    }

    private static func contentType(_ name: String) -> String {
        switch name.split(separator: ".").last {
        case "html", "htm": "text/html; charset=utf-8"
        case "json": "application/json"
        case "gz": "application/gzip"
        case "zip": "application/zip"
        case "png": "image/png"
        default: "text/plain; charset=utf-8"
        }
    }
}
