package import Basics
internal import Consensus
package import Raft

/// Lets the one server that is left of a cluster go on alone.
package struct QuorumRecovery: Sendable {
    /// The server's folder, `<data_dir>/server`.
    package let folder: String
    private let disk: any Disk

    /// What was found in the folder.
    package struct Situation: Sendable {
        package var server: Membership.Member
        package var membership: Membership
        package var cluster: ID
        /// The end of the log.
        package var lastIndex: UInt64
        package var lastTerm: UInt64
        /// An earlier recovery was interrupted; ``QuorumRecovery/carryOut(cluster:)`` goes on with it.
        package var isUnderWay: Bool

        /// The voters that would have to answer for the cluster to go on by itself.
        package var others: [Membership.Member] { membership.members.filter { $0.isVoter && $0.id != server.id } }

        /// Whether the server is the only voter already.
        package var isAlone: Bool { membership.voters == [server.id] }

        /// Whether these others and this server can decide without any recovery.
        package func hasQuorum(with others: [ServerID]) -> Bool {
            membership.isQuorum(others + [server.id])
        }
    }

    /// What is to be done, on disk before anything is.
    private struct Intent: Document {
        var cluster = ID.none
        var copy = ""

        mutating func visitFields(_ visitor: inout some FieldVisitor) throws(DocumentError) {
            try visitor.field("Cluster", &cluster)
            try visitor.field("Copy", &copy)
        }
    }

    /// `path` is a server's folder or the data folder it is in.
    package init(_ path: String, disk: any Disk) throws(RecoveryError) {
        let candidates = [path + "/server", path].filter { disk.exists($0 + "/raft") }
        guard let folder = candidates.first else {
            throw RecoveryError("\(path) is no data folder of a server: neither raft nor server/raft is in it")
        }
        self.folder = folder
        self.disk = disk
    }

    // MARK: - Looking

    /// Reads the folder and changes nothing.
    package func situation() throws -> Situation {
        let id = try text("node-id").filter { !$0.isWhitespace }
        guard !id.isEmpty else { throw RecoveryError("\(folder)/node-id is empty") }
        let stored = try StoredFolder.read(folder + "/raft", disk: disk)
        let membership = stored.membership
        guard !membership.members.isEmpty else {
            throw RecoveryError("the server in \(folder) was never a member of a cluster: there is nothing to recover")
        }
        guard let server = membership.members.first(where: { $0.id.name == id }) else {
            throw RecoveryError(
                "server \(id) is no member of its cluster any more, as it was removed; recover another one that is left"
            )
        }
        return Situation(
            server: server, membership: membership, cluster: try record().cluster, lastIndex: stored.lastIndex,
            lastTerm: stored.lastTerm, isUnderWay: disk.exists(intentPath))
    }

    private var intentPath: String { "\(folder)/\(ClusterRecord.recoveryFileName)" }

    private func text(_ name: String) throws -> String {
        let path = "\(folder)/\(name)"
        guard disk.exists(path) else { throw RecoveryError("\(path) is not there; restore it from a backup") }
        return String(decoding: try disk.read(path, limit: ClusterRecord.fileBytesMax), as: UTF8.self)
    }

    private func record() throws -> ClusterRecord {
        try ClusterRecord(json: Array(try text(ClusterRecord.fileName).utf8))
    }

    // MARK: - Changing

    /// Makes the server the only voter of a cluster that is called `fresh`, or finishes what an earlier call began.
    ///
    /// - Returns: the folder with a copy of what was changed.
    /// - Throws: ``ConsensusError/folderInUse(path:)`` while an agent runs on the folder; then nothing has changed.
    package func carryOut(cluster fresh: ID) throws -> String {
        let opened = try FolderRecovery(folder + "/raft", disk: disk)
        defer { opened.close() }
        let situation = try situation()
        let intent = try intent(fresh, of: situation)
        try copy(to: intent.copy)
        if !situation.isAlone {
            let alone = Membership.Member(id: situation.server.id, address: situation.server.address)
            try opened.replaceMembership(Membership(members: [alone]))
        }
        let version = try record().version
        var record = ClusterRecord()
        (record.cluster, record.version) = (intent.cluster, version)
        try disk.replace("\(folder)/\(ClusterRecord.fileName)", with: record.jsonBytes)
        try disk.remove(intentPath)
        try disk.synchronizeDirectory(folder)
        return intent.copy
    }

    private func intent(_ fresh: ID, of situation: Situation) throws -> Intent {
        if situation.isUnderWay { return try Intent(json: try disk.read(intentPath, limit: 4_096)) }
        var intent = Intent()
        intent.cluster = fresh
        intent.copy = "\(folder)/before-recovery-\(situation.cluster)-\(situation.lastIndex)"
        try disk.replace(intentPath, with: intent.jsonBytes)
        return intent
    }

    /// Copies log, snapshots and the cluster's record, unless that is done.
    private func copy(to target: String) throws {
        guard !disk.exists(target) else { return }
        let partial = target + ".partial"
        try disk.remove(partial)
        try disk.makeDirectory(partial)
        let names = ["raft/log", "raft/snapshots"].flatMap { part in
            ((try? disk.list("\(folder)/\(part)")) ?? []).map { "\(part)/\($0)" }
        }
        for name in names + [ClusterRecord.fileName] {
            try disk.makeDirectory("\(partial)/\(name)".parentPath)
            try copyFile("\(folder)/\(name)", to: "\(partial)/\(name)")
        }
        try disk.rename(partial, to: target)
        try disk.synchronizeDirectory(folder)
    }

    private func copyFile(_ source: String, to target: String) throws {
        let from = try disk.open(source, create: false, exclusive: false)
        defer { from.close() }
        let to = try disk.open(target, create: true, exclusive: true)
        defer { to.close() }
        var offset: UInt64 = 0
        while true {
            let bytes = try from.read(at: offset, count: 1 << 20)
            if bytes.isEmpty { break }
            // What was reserved and never written stays unwritten.
            if bytes.contains(where: { $0 != 0 }) { try to.write(bytes, at: offset) }
            offset += UInt64(bytes.count)
        }
        try to.truncate(offset)
        try to.synchronize()
    }
}
