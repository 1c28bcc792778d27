internal import Basics
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import RPC

extension Route {
    /// `/v1/client/...`: answered by the client of this agent, or over a relay by that of the node which it is about.
    static let clients: [Route] = [
        Route(.get, "/v1/client/fs/ls/:id", .readFiles) { request, endpoints in
            let files = try await holder(request, endpoints).files(
                allocation: try allocation(request), path: path(request))
            return .json(.array(files.map(\.json)))
        },
        Route(.get, "/v1/client/fs/stat/:id", .readFiles) { request, endpoints in
            .json(
                try await holder(request, endpoints).file(
                    allocation: try allocation(request), path: try filePath(request)))
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
            let client = try holder(request, endpoints)
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
                try await holder(request, endpoints).statistics(
                    allocation: try allocation(request), task: task.isEmpty ? nil : task))
        },
        Route(.write, "/v1/client/allocation/:id/restart", .allocationLifecycle) { request, endpoints in
            let body = try await request.json()
            let task = body["TaskName"]?.string ?? ""
            try await holder(request, endpoints).restart(
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
            try await holder(request, endpoints).signal(allocation: try allocation(request), task: task, signal: signal)
            return .json(.object([]))
        },
        Route(.get, "/v1/client/allocation/:id/gc", .submitJob) { request, endpoints in
            try await holder(request, endpoints).collectGarbage(allocation: try allocation(request))
            return .done()
        },
    ]

    /// Who answers for the allocation of the request.
    private static func holder(_ request: APIRequest, _ endpoints: Endpoints) throws(CallError) -> any NodeEndpoint {
        if let client = endpoints.client(ofAllocation: try allocation(request)) { return client }
        return RelayedNode(servers: endpoints.caller, context: request.context, time: endpoints.time)
    }

    /// Who answers for the node that the query's `node_id` names: this agent's when it is empty.
    private static func node(_ request: APIRequest, _ endpoints: Endpoints) throws(CallError) -> any NodeEndpoint {
        let wanted = request.query.text("node_id", default: "")
        if let client = endpoints.client, client.nodeID.description.hasPrefix(wanted) { return client }
        guard !wanted.isEmpty else {
            throw CallError(.unsupported, "this agent runs no client; say which node with node_id")
        }
        guard let id = ID(wanted) else { throw CallError(.invalid, "node_id \"\(wanted)\" is no whole node id") }
        return RelayedNode(id, servers: endpoints.caller, context: request.context, time: endpoints.time)
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
        let frames = try await holder(request, endpoints).logs(allocation: try allocation(request), request: wanted)
        return try FrameResponse(frames, request, endpoints, follow: follow).response()
    }

    /// A file's bytes as they are; the first piece is read before the head is sent, so its errors have a status.
    private static func contents(
        _ request: APIRequest, _ endpoints: Endpoints, offset: Int64, limit: Int64
    ) async throws -> APIResponse {
        let client = try holder(request, endpoints)
        let (id, path) = (try allocation(request), try filePath(request))
        let info = try await client.file(allocation: id, path: path)
        guard !info.isDirectory else { throw CallError(.invalid, "file \"\(path)\" is a directory") }
        let stream = try await client.stream(
            allocation: id, path: path, from: FilePosition(offset: offset), follow: false)
        let first: FileFrame?
        do {
            first = try await stream.next()
        } catch {
            await stream.end()
            throw error
        }
        var response = APIResponse(
            body: .stream { writer in
                try await stream.use {
                    var (piece, left) = (first, limit)
                    while left > 0, let data = piece?.data {
                        try await writer.write(ByteBuffer(bytes: data.prefix(Int(clamping: left))))
                        left -= Int64(data.count)
                        if left > 0 { piece = try await stream.next() }
                    }
                }
                try await writer.finish(nil)
            })
        response.headers[.contentType] = "application/octet-stream"
        return response
    }
}

extension FileStream {
    /// Runs `body`, which may pull as slowly as it likes, and ends the stream whatever comes of it.
    func use(_ body: () async throws -> Void) async throws {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await keepOpen() }
                defer { group.cancelAll() }
                try await body()
            }
        } catch {
            await end()
            throw error
        }
        await end()
    }
}
