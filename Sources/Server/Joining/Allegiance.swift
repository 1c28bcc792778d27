internal import Basics
internal import Recovery
internal import Synchronization

/// Which cluster this server is a member of, or, before that, to whose founding of one it has promised itself.
///
/// Kept in `<folder>/cluster.json`: a server that forgot its promise could help to found two clusters.
final class Allegiance: Sendable {
    private let path: String
    private let seam: Seam
    private let lane = BlockingLane("server.allegiance")
    private let record: Mutex<ClusterRecord>
    /// Whether an earlier life left the cluster.
    private let isBack: Bool

    private init(path: String, seam: Seam, record: ClusterRecord) {
        self.path = path
        self.seam = seam
        self.record = Mutex(record)
        isBack = record.hasLeft
    }

    /// Reads the file of server `id`, if there is one. What that server promised to itself is forgotten: it holds no poll any
    /// more, and had it founded a cluster, it would be a member of it.
    static func load(folder: String, id: String, seam: Seam) async throws -> Allegiance {
        let (disk, path) = (seam.disk, "\(folder)/\(ClusterRecord.fileName)")
        var record = try await seam.blocking.run {
            try disk.makeDirectory(folder)
            guard disk.exists(path) else { return ClusterRecord() }
            do {
                return try ClusterRecord(json: try disk.read(path, limit: ClusterRecord.fileBytesMax))
            } catch let error where !(error is DiskError) {
                throw CallError(
                    .failed,
                    "\(path) cannot be read (\(error)); restore it from a backup, or remove the server's folder")
            }
        }
        if record.candidate == id { (record.candidate, record.ballot) = ("", .none) }
        return Allegiance(path: path, seam: seam, record: record)
    }

    /// The cluster this server is a member of.
    var cluster: ID? { record.withLock { $0.cluster.isNone ? nil : $0.cluster } }

    /// Whether this server left its cluster in an earlier life and has not come back into it yet.
    var isReturning: Bool { isBack && hasLeft }

    /// Whether this server has left its cluster, in this life or an earlier one, and is not back.
    var hasLeft: Bool { record.withLock { $0.hasLeft } }

    /// To whom this server has promised itself; empty when to nobody.
    var candidate: String { record.withLock { $0.candidate } }

    /// What this server says of itself must have a higher version than this, or who has promised himself to it, and whose clock
    /// or this one's was set back since, would not believe that the poll is over.
    var version: UInt64 { record.withLock { $0.version } }

    /// Promises this server to `candidate`, unless it has a cluster or is promised to another; what was said is on disk.
    ///
    /// - Returns: nil, or why not.
    func promise(to candidate: String, ballot: ID, version: UInt64) async throws -> String? {
        let refusal = record.withLock { record -> String? in
            guard record.cluster.isNone else { return "is a member of cluster \(record.cluster)" }
            guard record.candidate.isEmpty || record.candidate == candidate else {
                return
                    "has promised itself to server \(record.candidate); if that one is gone for good, stop this one, "
                    + "remove its \(path), and start it again"
            }
            (record.candidate, record.ballot, record.version) = (candidate, ballot, version)
            return nil
        }
        if refusal == nil { try await store() }
        return refusal
    }

    /// Takes a promise back once its candidate has said, after it was made, that it holds that poll no more: then it has
    /// founded nothing with it and will not.
    func heard(from candidate: String, ballot: ID, version: UInt64) async throws {
        let isOver = record.withLock { record in
            guard record.candidate == candidate, record.cluster.isNone, version > record.version,
                ballot != record.ballot
            else { return false }
            (record.candidate, record.ballot) = ("", .none)
            return true
        }
        if isOver { try await store() }
    }

    /// Notes, on disk, that this server is a member of `cluster`.
    func join(_ cluster: ID) async throws {
        record.withLock { record in
            record = ClusterRecord()
            record.cluster = cluster
        }
        try await store()
    }

    /// Notes, on disk, that this server has left its cluster.
    func leave() async throws {
        record.withLock { $0.hasLeft = true }
        try await store()
    }

    private func store() async throws {
        try await seam.blocking.run(lane: lane) { [seam, path] in
            // Whatever it says by now: a later write says the same again.
            try seam.disk.replace(path, with: self.record.withLock { $0 }.jsonBytes)
        }
    }
}
