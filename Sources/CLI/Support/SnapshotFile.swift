internal import APIClient
internal import Archive
internal import Basics
internal import Linux
internal import Model
internal import StateStore

/// An archive of the cluster's state as a file of the user.
struct SnapshotFile {
    let path: String

    /// Largest archive sent to a server; 8 GiB.
    static let bytesMax = 8 << 30

    /// Fetches an archive, makes sure that it is whole, and gives it its name, which must be free.
    ///
    /// - Returns: what the archive says of itself.
    func save(from client: DroverClient, stale: Bool, redact: Bool) async throws -> ArchiveMetadata {
        guard !LocalFile.exists(path) else { throw CommandError("\(path) is there already; give another name") }
        let metadata = try await replacing { temporary in
            let file = try SystemDisk().open(temporary, create: true, exclusive: true)
            defer { file.close() }
            try await client.saveSnapshot(stale: stale, redact: redact) { piece in
                try file.write(piece, at: try file.size())
            }
            try file.synchronize()
            return try SnapshotFile(path: temporary).check()
        }
        return metadata
    }

    /// Reads all of it.
    ///
    /// - Returns: what the archive says of itself, once all of it was found right.
    @discardableResult
    func check(_ piece: ([UInt8]) throws -> Void = { _ in }) throws -> ArchiveMetadata {
        do {
            let archive = try ArchiveReader(source: try LocalFile.pieces(path))
            while let bytes = try archive.next() { try piece(bytes) }
            return archive.metadata
        } catch let error as ArchiveError {
            throw CommandError("\(path): \(error)")
        }
    }

    /// The state in it.
    func state() throws -> (metadata: ArchiveMetadata, snapshot: Snapshot) {
        var reader = SnapshotReader()
        do {
            let metadata = try check { try reader.read($0) }
            return (metadata, try reader.finish().snapshot())
        } catch let error as CodecError {
            throw CommandError("\(path): the state in it cannot be read by this release: \(error)")
        }
    }

    /// Takes the nodes' secrets out of it.
    func redact() async throws {
        var (metadata, snapshot) = try state()
        metadata.isRedacted = true
        let redacted = metadata
        _ = try await replacing { temporary in
            try ArchiveWriter.write(
                redacted, content: { try snapshot.encode(for: .archive(isRedacted: true), to: $0) }, to: temporary,
                disk: SystemDisk())
        }
    }

    /// Has the file written beside its place, and puts it there when that went well.
    private func replacing<Result>(_ write: (_ temporary: String) async throws -> Result) async throws -> Result {
        let (disk, temporary) = (SystemDisk(), path + ".partial")
        do {
            try disk.remove(temporary)
            let result = try await write(temporary)
            try disk.rename(temporary, to: path)
            try disk.synchronizeDirectory(path.parentPath)
            return result
        } catch let error as DiskError {
            try? disk.remove(temporary)
            throw CommandError("\(error)")
        } catch {
            try? disk.remove(temporary)
            throw error
        }
    }
}

/// A folder in which archives gather: `<prefix>-<time>.snap`.
struct SnapshotFolder {
    let path: String
    let prefix: String

    func file(at time: Timestamp) -> SnapshotFile {
        let moment = Shown.moment(time).filter { $0 != "-" && $0 != ":" }
        return SnapshotFile(path: "\(path)/\(prefix)-\(moment).snap")
    }

    /// Removes all but the newest `count`; returns the paths of those removed. Other files are left alone.
    func prune(keeping count: Int) throws -> [String] {
        let disk = SystemDisk()
        do {
            let names = try disk.list(path).filter { name in
                name.hasPrefix(prefix + "-") && name.hasSuffix("Z.snap")
                    && name.dropFirst(prefix.count + 1).dropLast(6).allSatisfy { $0.isNumber || $0 == "T" }
            }
            let outdated = names.dropLast(count).map { "\(path)/\($0)" }
            for file in outdated { try disk.remove(file) }
            return outdated
        } catch {
            throw CommandError("\(error)")
        }
    }
}
