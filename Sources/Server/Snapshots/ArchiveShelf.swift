internal import Archive
internal import Basics
internal import Synchronization

/// Archives on this server's disk for a short while: made here and being fetched, or being sent here to be restored.
///
/// What an earlier life of the server left is removed when it opens.
final class ArchiveShelf: Sendable {
    struct Saved: Sendable {
        let path: String
        let size: UInt64
        let since: Uptime
    }

    private struct Upload: Sendable {
        let id: ID
        let path: String
        var size: UInt64 = 0
    }

    private struct State {
        var saved: [ID: Saved] = [:]
        var upload: Upload?
    }

    /// How long an archive waits for its next piece to be read, and how many may wait: 10 min, 4.
    private static let savedAgeMax = Duration.seconds(600)
    private static let savedMax = 4

    private let folder: String
    private let seam: Seam
    private let lane = BlockingLane("server.archives")
    private let state = Mutex(State())

    init(folder: String, seam: Seam) {
        self.folder = folder
        self.seam = seam
    }

    static func clear(_ folder: String, seam: Seam) async throws {
        try await seam.blocking.run { if seam.disk.exists(folder) { try seam.disk.remove(folder) } }
    }

    /// A path for a file of this id.
    func path(_ id: ID, _ ending: String) -> String { "\(folder)/\(id).\(ending)" }

    /// Does what blocks, such as writing an archive; one at a time.
    func blocking<Result: Sendable>(_ body: @escaping @Sendable (any Disk) throws -> Result) async throws -> Result {
        try await seam.blocking.run(lane: lane) { [seam, folder] in
            try seam.disk.makeDirectory(folder)
            return try body(seam.disk)
        }
    }

    // MARK: - Going out

    /// Keeps an archive that was written to ``path(_:_:)`` for those who fetch it.
    func keep(_ id: ID, path: String, size: UInt64) async throws {
        let now = seam.time.uptime
        let outdated = state.withLock { state -> [String] in
            var outdated = state.saved.filter { now - $0.value.since > Self.savedAgeMax }
            if state.saved.count - outdated.count >= Self.savedMax,
                let oldest = state.saved.min(by: { $0.value.since < $1.value.since })
            {
                outdated[oldest.key] = oldest.value
            }
            for key in outdated.keys { state.saved[key] = nil }
            state.saved[id] = Saved(path: path, size: size, since: now)
            return outdated.values.map(\.path)
        }
        try await remove(outdated)
    }

    /// A piece of a kept archive; with the last one the archive goes. Throws ``CallError`` when there is none.
    func read(_ id: ID, at offset: UInt64, count: Int) async throws -> [UInt8] {
        guard let saved = state.withLock({ $0.saved[id] }), offset < saved.size else {
            throw CallError(.notFound, "the snapshot is not on this server any more; save another one")
        }
        let bytes = try await blocking { disk in
            let file = try disk.open(saved.path, create: false, exclusive: false)
            defer { file.close() }
            return try file.read(at: offset, count: count)
        }
        if offset + UInt64(bytes.count) >= saved.size {
            state.withLock { $0.saved[id] = nil }
            try await remove([saved.path])
        }
        return bytes
    }

    // MARK: - Coming in

    /// Takes the next piece of an archive; a new archive takes the place of an unfinished one.
    ///
    /// - Returns: where the archive lies, when the piece was the last one; the caller removes it.
    /// - Throws: ``CallError`` for a piece that does not follow the one before.
    func take(_ id: ID, offset: UInt64, _ bytes: [UInt8], isLast: Bool) async throws -> String? {
        let path = path(id, "upload")
        let (isNext, outdated) = state.withLock { state -> (Bool, String?) in
            var outdated: String?
            if offset == 0, state.upload?.id != id {
                outdated = state.upload?.path
                state.upload = Upload(id: id, path: path)
            }
            guard state.upload?.id == id, state.upload?.size == offset else { return (false, outdated) }
            state.upload?.size += UInt64(bytes.count)
            if isLast { state.upload = nil }
            return (true, outdated)
        }
        if let outdated { try await remove([outdated]) }
        guard isNext else {
            throw CallError(
                .conflict, "the upload broke off, or another server leads by now; nothing was restored, try again")
        }
        try await blocking { disk in
            let file = try disk.open(path, create: true, exclusive: false)
            defer { file.close() }
            try file.write(bytes, at: offset)
        }
        return isLast ? path : nil
    }

    func remove(_ paths: [String]) async throws {
        guard !paths.isEmpty else { return }
        try await blocking { disk in for path in paths { try disk.remove(path) } }
    }
}
