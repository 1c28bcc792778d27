internal import Basics
internal import Linux
internal import RPC
internal import Synchronization

/// Frames of one file, then, when following, of what is appended; says when the file was truncated or removed.
final class FollowedFile: FileStream {
    /// How often a followed file is looked at.
    static let period = Duration.milliseconds(100)

    private struct State {
        var file: FileDescriptor
        var inode: UInt64
        var offset: Int64
        var isDone = false
    }

    private let access: FileAccess
    private let path: String
    private let follow: Bool
    private let seam: Seam
    private let state: Mutex<State>

    /// Opens the file. Blocks.
    init(_ access: FileAccess, path: String, from: FilePosition, follow: Bool, seam: Seam) throws {
        let (file, entry) = try access.open(path)
        guard entry.isRegular else { throw CallError(.invalid, "\"\(path)\" is not a regular file") }
        self.access = access
        self.path = path
        self.follow = follow
        self.seam = seam
        let offset = from.fromEnd ? max(0, entry.size - from.offset) : from.offset
        state = Mutex(State(file: file, inode: entry.inode, offset: max(0, offset)))
    }

    func next() async throws -> FileFrame? {
        while true {
            let look = try await seam.blocking.run { try self.look() }
            switch look {
            case .frame(let frame): return frame
            case .end: return nil
            case .nothing: try await seam.time.sleep(for: FollowedFile.period)
            }
        }
    }

    private enum Look: Sendable {
        case frame(FileFrame)
        case nothing
        case end
    }

    private func look() throws -> Look {
        try state.withLock { state in
            if state.isDone { return .end }
            let data = try FileAccess.translate(path) { () throws(LinuxError) in
                try state.file.read(at: state.offset, count: FileAccess.frameBytesMax)
            }
            if !data.isEmpty {
                state.offset += Int64(data.count)
                return .frame(FileFrame(data: data, file: path, offset: state.offset))
            }
            guard follow else { return .end }
            guard let entry = try? access.entry(path), entry.inode == state.inode else {
                state.isDone = true
                return .frame(FileFrame(data: [], file: path, offset: state.offset, event: "file deleted"))
            }
            guard entry.size < state.offset else { return .nothing }
            state.offset = 0
            return .frame(FileFrame(data: [], file: path, offset: 0, event: "file truncated"))
        }
    }
}
