internal import Basics
internal import Linux
internal import RPC
internal import Synchronization

/// Frames of a task's rotated log files in order, then, when following, of what is written until the task has ended.
final class TaskLog: FileStream {
    private struct State {
        /// Number of the file being read; nil until a first one exists.
        var index: Int?
        var offset: Int64 = 0
        var file: FileDescriptor?
        /// From where reading begins, once the first file is known.
        var start: FilePosition?
    }

    private let access: FileAccess
    private let request: LogRequest
    private let seam: Seam
    /// Whether more may be written.
    private let isLive: @Sendable () -> Bool
    private let state: Mutex<State>
    private let prefix: String

    init(_ access: FileAccess, _ request: LogRequest, seam: Seam, isLive: @escaping @Sendable () -> Bool) {
        self.access = access
        self.request = request
        self.seam = seam
        self.isLive = isLive
        prefix = "\(request.task).\(request.stream.rawValue)."
        state = Mutex(State(start: request.position))
    }

    func next() async throws -> FileFrame? {
        while true {
            // Asked before the look: what is written before the end is then seen by the look.
            let live = isLive()
            if let frame = try await seam.blocking.run({ try self.look() }) { return frame }
            guard request.follow, live else { return nil }
            try await seam.time.sleep(for: FollowedFile.period)
        }
    }

    private func look() throws -> FileFrame? {
        try state.withLock { state in
            while true {
                let files = try logFiles()
                guard let first = files.first else { return nil }
                if let start = state.start { begin(&state, start, files) }
                let index = max(state.index ?? first.index, first.index)
                if index != state.index { move(&state, to: index) }
                let path = "alloc/logs/\(prefix)\(index)"
                if state.file == nil { state.file = try? access.open(path).file }
                if let frame = try frame(&state, path) { return frame }
                // This file is read to its end; it is finished when a later one exists.
                guard let later = files.first(where: { $0.index > index }) else { return nil }
                move(&state, to: later.index)
            }
        }
    }

    private func frame(_ state: inout State, _ path: String) throws -> FileFrame? {
        guard let file = state.file else { return nil }
        let data = try FileAccess.translate(path) { () throws(LinuxError) in
            try file.read(at: state.offset, count: FileAccess.frameBytesMax)
        }
        if data.isEmpty { return nil }
        state.offset += Int64(data.count)
        return FileFrame(data: data, file: path, offset: state.offset)
    }

    private func move(_ state: inout State, to index: Int) {
        state.index = index
        state.offset = 0
        state.file = nil
    }

    /// Finds where reading begins: offsets count over all files as if they were one.
    private func begin(_ state: inout State, _ start: FilePosition, _ files: [(index: Int, size: Int64)]) {
        state.start = nil
        let total = files.reduce(Int64(0)) { $0 + $1.size }
        var skip = start.fromEnd ? max(0, total - max(0, start.offset)) : max(0, start.offset)
        for (index, size) in files {
            state.index = index
            state.offset = min(skip, size)
            if skip < size { return }
            skip -= size
        }
    }

    private func logFiles() throws -> [(index: Int, size: Int64)] {
        let entries: [ConfinedFolder.Entry]
        do {
            entries = try access.list("alloc/logs")
        } catch let error as CallError where error.code == .notFound {
            return []
        }
        return entries.compactMap { entry in
            guard entry.name.hasPrefix(prefix), let index = Int(entry.name.dropFirst(prefix.count)) else { return nil }
            return (index, entry.size)
        }.sorted { $0.index < $1.index }
    }
}
