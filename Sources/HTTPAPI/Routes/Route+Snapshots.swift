internal import Basics
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import RPC

extension Route {
    /// `/v1/operator/snapshot`: the state as an archive out of the cluster, and into it.
    static let snapshots: [Route] = [
        Route(.get, "/v1/operator/snapshot", .snapshotSave) { request, endpoints in
            var call = SaveSnapshot()
            call.stale = try request.query.flag("stale") ?? false
            call.redact = try request.query.flag("redact") ?? false
            let context = request.context
            let saved = try await endpoints.caller.call(call, context: context, deadline: call.patience)
            var response = APIResponse(
                body: .stream { writer in
                    var offset: UInt64 = 0
                    while offset < saved.size {
                        let read = ReadSnapshot(saved, offset: offset)
                        let bytes = try await endpoints.caller.call(read, context: context).data.bytes
                        guard !bytes.isEmpty else { throw CallError(.unavailable, "the snapshot ended early") }
                        try await writer.write(ByteBuffer(bytes: bytes))
                        offset += UInt64(bytes.count)
                    }
                    try await writer.finish(nil)
                })
            response.headers[.contentType] = "application/gzip"
            response.headers[.contentLength] = String(saved.size)
            response.headers[.digest] = "sha-256=" + saved.digest
            response.headers[.nomadIndex] = String(saved.index)
            response.headers[.nomadKnownLeader] = saved.knownLeader ? "true" : "false"
            response.headers[.nomadLastContact] = String(saved.lastContact.nanosecondCount / 1_000_000)
            return response
        },
        Route(.write, "/v1/operator/snapshot", .management) { request, endpoints in
            .done(index: try await restore(request, endpoints))
        },
    ]

    /// Hands the body to the servers piece by piece, however large it is; the last piece restores it.
    private static func restore(_ request: APIRequest, _ endpoints: Endpoints) async throws -> UInt64 {
        var call = RestoreSnapshot()
        var waiting: [UInt8] = []
        func send(_ count: Int) async throws -> UInt64 {
            call.data.bytes = Array(waiting.prefix(count))
            waiting.removeFirst(count)
            let reply = try await endpoints.caller.call(call, context: request.context, deadline: call.patience)
            call.id = reply.id
            call.offset += UInt64(count)
            return reply.index
        }
        var chunks = request.request.body.makeAsyncIterator()
        while let chunk = try await request.next(&chunks) {
            waiting.append(contentsOf: chunk.readableBytesView)
            while waiting.count > ReadSnapshot.bytesMax { _ = try await send(ReadSnapshot.bytesMax) }
        }
        call.isLast = true
        return try await send(waiting.count)
    }
}

extension HTTPField.Name {
    /// RFC 3230.
    fileprivate static let digest = HTTPField.Name("Digest") ?? .contentType
}
