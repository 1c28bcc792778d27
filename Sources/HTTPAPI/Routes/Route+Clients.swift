internal import Basics
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import RPC

extension Route {
    /// `/v1/client/...`: answered by the client of this agent.
    static let clients: [Route] = [
        Route(.get, "/v1/client/fs/ls/:id", .readFiles) { request, endpoints in
            let files = try await localClient(endpoints).files(allocation: try allocation(request), path: path(request))
            return .json(.array(files.map(\.json)))
        },
        Route(.get, "/v1/client/fs/stat/:id", .readFiles) { request, endpoints in
            .json(
                try await localClient(endpoints).file(allocation: try allocation(request), path: try filePath(request)))
        },
        Route(.get, "/v1/client/fs/cat/:id", .readFiles) { request, endpoints in
            try await contents(request, endpoints, offset: 0, limit: .max)
        },
        Route(.get, "/v1/client/fs/readat/:id", .readFiles) { request, endpoints in
            guard let offset = try request.query.integer("offset"), offset >= 0,
                let limit = try request.query.integer("limit"), limit >= 0
            else { throw CallError(.invalid, "must provide offset and limit, whole numbers from 0") }
            return try await contents(request, endpoints, offset: offset, limit: limit)
        },
        Route(.get, "/v1/client/fs/stream/:id", .readFiles) { request, endpoints in
            let client = try localClient(endpoints)
            let follow = try request.query.flag("follow") ?? true
            let stream = try await client.stream(
                allocation: try allocation(request), path: try filePath(request), from: try position(request),
                follow: follow)
            return try FrameResponse(stream, request, endpoints, follow: follow).response()
        },
        Route(.get, "/v1/client/fs/logs/:id", .readLogs) { request, endpoints in try await logs(request, endpoints) },
        Route(.get, "/v1/client/stats", .nodeRead) { request, endpoints in
            .json(try await node(request, endpoints).hostStatistics())
        },
        Route(.get, "/v1/client/gc", .nodeWrite) { request, endpoints in
            try await node(request, endpoints).collectGarbage(allocation: nil)
            return .done()
        },
        Route(.get, "/v1/client/allocation/:id/stats", .readJob) { request, endpoints in
            let task = request.query.text("task", default: "")
            return .json(
                try await localClient(endpoints).statistics(
                    allocation: try allocation(request), task: task.isEmpty ? nil : task))
        },
        Route(.write, "/v1/client/allocation/:id/restart", .allocationLifecycle) { request, endpoints in
            let body = try await request.json()
            let task = body["TaskName"]?.string ?? ""
            try await localClient(endpoints).restart(
                allocation: try allocation(request), task: task.isEmpty ? nil : task,
                allTasks: body["AllTasks"]?.bool ?? false)
            return .json(.object([]))
        },
        Route(.write, "/v1/client/allocation/:id/signal", .allocationLifecycle) { request, endpoints in
            let body = try await request.json()
            let task = [body["Task"], body["TaskName"]].compactMap { $0?.string }.first { !$0.isEmpty }
            guard let signal = body["Signal"]?.string, !signal.isEmpty else {
                throw CallError(.invalid, "must provide the signal to send, such as SIGHUP, under \"Signal\"")
            }
            try await localClient(endpoints).signal(allocation: try allocation(request), task: task, signal: signal)
            return .json(.object([]))
        },
        Route(.get, "/v1/client/allocation/:id/gc", .submitJob) { request, endpoints in
            try await localClient(endpoints).collectGarbage(allocation: try allocation(request))
            return .done()
        },
    ]

    private static func localClient(_ endpoints: Endpoints) throws(CallError) -> any ClientEndpoint {
        guard let client = endpoints.client else {
            throw CallError(.unsupported, "this agent runs no client; ask the agent of the allocation's node")
        }
        return client
    }

    /// The local client, if the query's `node_id` is empty or names it.
    private static func node(_ request: APIRequest, _ endpoints: Endpoints) throws(CallError) -> any ClientEndpoint {
        let client = try localClient(endpoints)
        let wanted = request.query.text("node_id", default: "")
        guard wanted.isEmpty || client.nodeID.description.hasPrefix(wanted) else {
            throw CallError(
                .notFound, "node \"\(wanted)\" is not the node of this agent; ask the agent at the node's HTTPAddr")
        }
        return client
    }

    private static func allocation(_ request: APIRequest) throws(CallError) -> ID {
        try request.id("id", of: "allocation")
    }

    /// The `path` of the query; without one the allocation's folder.
    private static func path(_ request: APIRequest) -> String { request.query.text("path", default: "/") }

    private static func filePath(_ request: APIRequest) throws(CallError) -> String {
        let path = request.query.text("path", default: "")
        guard !path.isEmpty else { throw CallError(.invalid, "must provide a file name") }
        return path
    }

    private static func position(_ request: APIRequest) throws(CallError) -> FilePosition {
        let offset = try request.query.integer("offset") ?? 0
        guard offset >= 0 else { throw CallError(.invalid, "offset must not be negative") }
        let origin = request.query.text("origin", default: "start")
        guard origin == "start" || origin == "end" else { throw CallError(.invalid, "origin must be start or end") }
        return FilePosition(offset: offset, fromEnd: origin == "end")
    }

    private static func logs(_ request: APIRequest, _ endpoints: Endpoints) async throws -> APIResponse {
        let task = request.query.text("task", default: "")
        guard !task.isEmpty else { throw CallError(.invalid, "must provide task name") }
        guard let stream = LogRequest.Stream(rawValue: request.query.text("type", default: "")) else {
            throw CallError(.invalid, "must provide log type (stdout/stderr)")
        }
        let follow = try request.query.flag("follow") ?? false
        let wanted = LogRequest(task: task, stream: stream, position: try position(request), follow: follow)
        let frames = try await localClient(endpoints).logs(allocation: try allocation(request), request: wanted)
        return try FrameResponse(frames, request, endpoints, follow: follow).response()
    }

    /// Bytes of one read of a file.
    private static let chunkBytes: Int64 = 64 << 10

    /// A file's bytes as they are; the first piece is read before the head is sent, so its errors have a status.
    private static func contents(
        _ request: APIRequest, _ endpoints: Endpoints, offset: Int64, limit: Int64
    ) async throws -> APIResponse {
        let client = try localClient(endpoints)
        let (id, path) = (try allocation(request), try filePath(request))
        let info = try await client.file(allocation: id, path: path)
        guard !info.isDirectory else { throw CallError(.invalid, "file \"\(path)\" is a directory") }
        let first = try await client.read(allocation: id, path: path, offset: offset, limit: min(limit, chunkBytes))
        var response = APIResponse(
            body: .stream { writer in
                var (piece, position, left) = (first, offset, limit)
                while !piece.isEmpty {
                    try await writer.write(ByteBuffer(bytes: piece))
                    position += Int64(piece.count)
                    left -= Int64(piece.count)
                    guard left > 0 else { break }
                    piece = try await client.read(
                        allocation: id, path: path, offset: position, limit: min(left, chunkBytes))
                }
                try await writer.finish(nil)
            })
        response.headers[.contentType] = "application/octet-stream"
        return response
    }
}
