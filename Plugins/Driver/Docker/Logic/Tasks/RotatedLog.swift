internal import DroverSDK
internal import Glibc

/// One output stream of a task in files NAME.0, NAME.1, ...: the newest are kept, each to a size.
///
/// Cut at the byte, as the shim does for other drivers. The folder may be written by the task: no link in it is followed.
struct RotatedLog {
    /// Where a log ends: so much is in the files for certain.
    struct Position: Equatable, Sendable {
        var index: Int64 = 0
        var bytes: Int64 = 0
    }

    private let folder: Int32
    private let name: String
    private let filesMax: Int64
    private let bytesMax: Int64
    private var file: Int32 = -1
    private(set) var position: Position

    /// Opens the newest file; with `known`, what an earlier instance wrote beyond it goes. `folder` is a descriptor, borrowed.
    init(folder: Int32, name: String, filesMax: Int64, bytesMax: Int64, known: Position?) {
        self.folder = folder
        self.name = name
        self.filesMax = max(1, filesMax)
        self.bytesMax = max(1, bytesMax)
        let present = RotatedLog.indexes(folder, name)
        position = known ?? Position(index: present.max() ?? 0)
        for index in present where index > position.index { unlinkat(folder, "\(name).\(index)", 0) }
        open()
        if let known, file >= 0, position.bytes > known.bytes, ftruncate(file, off_t(known.bytes)) == 0 {
            position.bytes = known.bytes
        }
    }

    mutating func close() {
        if file >= 0 { Glibc.close(file) }
        file = -1
    }

    /// Appends; what a full disk does not take is lost.
    mutating func write(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            if position.bytes >= bytesMax { rotate() }
            if file < 0 { open() }
            let part = rest.prefix(Int(clamping: max(0, bytesMax - position.bytes)))
            let count = part.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            position.bytes += Int64(count)
            rest = rest.dropFirst(count)
        }
    }

    private mutating func rotate() {
        close()
        position = Position(index: position.index + 1)
        let oldest = position.index - filesMax + 1
        for index in RotatedLog.indexes(folder, name) where index < oldest { unlinkat(folder, "\(name).\(index)", 0) }
        open()
    }

    private mutating func open() {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        file = openat(folder, "\(name).\(position.index)", flags, 0o644)
        var status = stat()
        guard file >= 0, fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return close() }
        position.bytes = Int64(status.st_size)
    }

    private static func indexes(_ folder: Int32, _ name: String) -> [Int64] {
        let copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else { return [] }
        defer { closedir(stream) }
        var indexes: [Int64] = []
        while let entry = readdir(stream) {
            let file = withUnsafeBytes(of: &entry.pointee.d_name) { buffer in
                String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard file.hasPrefix(name + "."), let index = Int64(file.dropFirst(name.utf8.count + 1)), index >= 0 else {
                continue
            }
            indexes.append(index)
        }
        return indexes
    }
}
