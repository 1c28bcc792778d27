internal import Archive
internal import Basics
internal import Consensus
internal import RPC
internal import Raft
internal import StateStore

extension SaveSnapshot: Served {
    var place: AnswerPlace { stale ? .anywhere : .confirmedLeader }

    func serve(on server: ServerAgent, context: CallContext) async throws -> SavedSnapshot {
        let snapshot = server.snapshot
        let metadata = server.archiveMetadata(of: snapshot, isRedacted: redact)
        let path = server.archives.path(metadata.id, "tgz")
        let purpose = SnapshotPurpose.archive(isRedacted: redact)
        let written = try await server.archives.blocking { disk in
            do {
                return try ArchiveWriter.write(
                    metadata, content: { try snapshot.encode(for: purpose, to: $0) }, to: path, disk: disk)
            } catch {
                try? disk.remove(path)
                throw error
            }
        }
        try await server.archives.keep(metadata.id, path: path, size: written.size)
        var reply = SavedSnapshot()
        reply.id = metadata.id
        reply.server = server.settings.id
        reply.size = written.size
        reply.digest = Base64.encode(written.digest)
        reply.index = snapshot.index
        reply.knownLeader = server.consensus.status.leader != nil
        reply.lastContact = server.lastContact
        return reply
    }
}

extension ReadSnapshot: Served {
    var place: AnswerPlace { .anywhere }

    func serve(on server: ServerAgent, context: CallContext) async throws -> SnapshotBytes {
        guard self.server == server.settings.id else {
            return try await server.passOn(self, to: ServerID(self.server), context)
        }
        var reply = SnapshotBytes()
        reply.data.bytes = try await server.archives.read(id, at: offset, count: ReadSnapshot.bytesMax)
        return reply
    }
}

extension RestoreSnapshot: Served {
    func serve(on server: ServerAgent, context: CallContext) async throws -> RestoreReply {
        guard data.bytes.count <= ReadSnapshot.bytesMax else {
            throw CallError(.tooLarge, "a piece of an archive has \(ReadSnapshot.bytesMax) bytes at most")
        }
        var reply = RestoreReply()
        reply.id = id.isNone ? server.seam.random.id() : id
        guard let path = try await server.archives.take(reply.id, offset: offset, data.bytes, isLast: isLast) else {
            reply.index = server.snapshot.index
            return reply
        }
        let result: Result<UInt64, any Error>
        do { result = .success(try await server.restore(from: path)) } catch { result = .failure(error) }
        try await server.archives.remove([path])
        reply.index = try result.get()
        return reply
    }
}

extension ServerAgent {
    fileprivate func archiveMetadata(of snapshot: Snapshot, isRedacted: Bool) -> ArchiveMetadata {
        let status = consensus.status
        var metadata = ArchiveMetadata()
        metadata.id = seam.random.id()
        metadata.index = snapshot.index
        metadata.term = status.term
        metadata.created = seam.time.now
        metadata.region = settings.region
        metadata.cluster = snapshot.clusterIdentity?.id ?? .none
        metadata.build = Version.text
        metadata.isRedacted = isRedacted
        metadata.servers = status.membership.members.map { member in
            var server = ArchivedServer()
            (server.id, server.address, server.isVoter) = (member.id.name, member.address, member.isVoter)
            return server
        }
        return metadata
    }

    /// Passes a call on to the server that alone can answer it.
    fileprivate func passOn<Call: ServerCall>(
        _ call: Call, to server: ServerID, _ context: CallContext
    ) async throws -> Call.Reply {
        let member = consensus.status.membership.members.first { $0.id == server }
        guard context.hops < 2, let member, let address = NetworkAddress(member.address, defaultPort: 4647) else {
            throw CallError(.notFound, "server \(server), which has the snapshot, is not in the cluster any more")
        }
        var context = context
        context.hops += 1
        return try await RemoteCaller(peer: seam.network.peer(at: address)).call(
            call, context: context, deadline: call.patience)
    }
}
