internal import Basics
internal import HTTPTypes
internal import Model
internal import RPC

extension Route {
    /// `/v1/operator/...`, `/v1/system/gc` and `/v1/search`.
    static let operators: [Route] = [
        Route(.get, "/v1/operator/scheduler/configuration", .operatorRead) { request, endpoints in
            // The servers answer the configuration; the API puts it into an object.
            var reply = try await request.ask(try request.serverQuery(.schedulerConfiguration), endpoints)
            var writer = JSONWriter()
            writer.beginObject()
            writer.key("SchedulerConfig")
            writer.raw(reply.body.bytes)
            writer.key("Index")
            writer.integer(reply.index)
            writer.endObject()
            reply.body = RawJSON(writer.bytes)
            return APIResponse(reading: reply, closes: request.isWaiting)
        },
        Route(.write, "/v1/operator/scheduler/configuration", .operatorWrite) { request, endpoints in
            try await setSchedulerConfiguration(request, endpoints)
        },
        read("/v1/operator/scheduler/status", .schedulerStatus, .operatorRead),
        read("/v1/operator/autopilot/configuration", .autopilotConfiguration, .operatorRead),
        Route(.write, "/v1/operator/autopilot/configuration", .operatorWrite) { request, endpoints in
            var call = SetAutopilotConfiguration()
            call.configuration = try AutopilotConfiguration(json: try await request.json())
            if let index = try request.checkIndex() { (call.modifyIndex, call.checkAndSet) = (index, true) }
            let reply = try await endpoints.caller.call(call, context: request.context)
            guard reply.updated else {
                throw CallError(.conflict, "the autopilot configuration was changed meanwhile; read it and try again")
            }
            return .json(.bool(true))
        },
        Route(.get, "/v1/operator/autopilot/health", .operatorRead) { request, endpoints in
            let health = try await endpoints.caller.call(GetAutopilotHealth(), context: request.context)
            // The status is for watchers that look at no more (Nomad docs: read health).
            return .json(health, status: health.healthy ? .ok : .tooManyRequests)
        },
        read("/v1/operator/raft/configuration", .raftConfiguration, .operatorRead),
        Route(.delete, "/v1/operator/raft/peer", .operatorWrite) { request, endpoints in
            var call = RemoveRaftPeer()
            (call.id, call.address) = try request.raftServer()
            let reply = try await endpoints.caller.call(call, context: request.context)
            return .done(index: reply.index)
        },
        Route(.write, "/v1/operator/raft/transfer-leadership", .operatorWrite) { request, endpoints in
            var call = TransferLeadership()
            // Without either the leader chooses.
            if request.query["id"] != nil || request.query["address"] != nil {
                (call.id, call.address) = try request.raftServer()
            }
            return .json(try await endpoints.caller.call(call, context: request.context))
        },
        Route(.write, "/v1/system/gc", .management) { request, endpoints in
            let reply = try await endpoints.caller.call(CollectGarbage(), context: request.context)
            return .done(index: reply.index)
        },
        Route(.write, "/v1/search", .none) { request, endpoints in try await search(request, endpoints) },
    ]

    private static func setSchedulerConfiguration(
        _ request: APIRequest, _ endpoints: Endpoints
    ) async throws -> APIResponse {
        var call = SetSchedulerConfiguration()
        call.configuration = try SchedulerConfiguration(json: try await request.json())
        if let index = try request.checkIndex() { (call.modifyIndex, call.checkAndSet) = (index, true) }
        let reply = try await endpoints.caller.call(call, context: request.context)
        return .json(reply, index: reply.index)
    }

    /// The searchable kinds: name in requests and answers, query, and the field that identifies an object.
    private static let contexts: [(name: String, kind: QueryKind, field: String)] = [
        ("allocs", .allocations, "ID"), ("deployment", .deployments, "ID"), ("evals", .evaluations, "ID"),
        ("jobs", .jobs, "ID"), ("namespaces", .namespaces, "Name"), ("nodes", .nodes, "ID"),
    ]

    /// Ids answered for each kind.
    private static let matchesMax = 20

    /// `{"Prefix": "...", "Context": "all"}` to the ids that begin so, by kind.
    private static func search(_ request: APIRequest, _ endpoints: Endpoints) async throws -> APIResponse {
        let body = try await request.json()
        let prefix = body["Prefix"]?.string ?? ""
        let wanted = body["Context"]?.string ?? ""
        let isAll = wanted.isEmpty || wanted == "all"
        guard isAll || contexts.contains(where: { $0.name == wanted }) else {
            let known = contexts.map(\.name).joined(separator: ", ")
            throw CallError(.invalid, "unknown context \"\(wanted)\": it must be one of all, \(known)")
        }
        var matches: [(String, JSON)] = []
        var truncations: [(String, JSON)] = []
        var index: UInt64 = 0
        for context in contexts where isAll || context.name == wanted {
            var query = Query(context.kind)
            query.prefix = prefix
            query.perPage = matchesMax + 1
            try await endpoints.authorize(context.kind.capability, request.context)
            let reply = try await endpoints.caller.call(query, context: request.context)
            index = max(index, reply.index)
            let ids = (try JSONParser.parse(reply.body.bytes).array ?? []).compactMap { $0[context.field] }
            matches.append((context.name, .array(Array(ids.prefix(matchesMax)))))
            truncations.append((context.name, .bool(ids.count > matchesMax)))
        }
        var response = APIResponse.json(
            .object([("Matches", .object(matches)), ("Truncations", .object(truncations))]))
        response.headers[.nomadIndex] = String(index)
        return response
    }
}

extension APIRequest {
    /// The server that `id` or `address` names.
    fileprivate func raftServer() throws -> (id: String, address: String) {
        let (id, address) = (query.text("id", default: ""), query.text("address", default: ""))
        guard id.isEmpty != address.isEmpty else {
            throw CallError(.invalid, "give either id or address of the server, as raft/configuration shows them")
        }
        return (id, address)
    }
}
