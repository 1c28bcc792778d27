internal import Basics
internal import HTTPTypes
internal import RPC

extension Route {
    /// What any agent says of itself and of the servers: `/v1/agent/...`, `/v1/status/...` and `/v1/regions`.
    static let agent: [Route] = [
        Route(.get, "/v1/agent/self", .agentRead) { _, endpoints in .json(try await endpoints.agent.describe()) },
        read("/v1/agent/members", .members, .agentRead),
        read("/v1/agent/servers", .peers, .agentRead),
        Route(.get, "/v1/agent/health", .none) { request, endpoints in try await health(request, endpoints) },
        // Drover's own: the agent's plug-ins, as `drover plugin status` shows them.
        Route(.get, "/v1/agent/plugins", .pluginRead) { _, endpoints in .json(try await endpoints.agent.plugins()) },
        read("/v1/status/leader", .leader, .none),
        read("/v1/status/peers", .peers, .none),
        read("/v1/regions", .regions, .none),
    ]

    /// 200 while what is asked for (`type=client`, `type=server`, or what the agent is) works, else 500.
    private static func health(_ request: APIRequest, _ endpoints: Endpoints) async throws -> APIResponse {
        var parts: [(String, JSON)] = []
        let wanted = request.query.text("type", default: "")
        var isHealthy = true
        func note(_ part: String, _ failure: String?) {
            isHealthy = isHealthy && failure == nil
            parts.append((part, .object([("message", .string(failure ?? "ok")), ("ok", .bool(failure == nil))])))
        }
        if wanted == "client" || (wanted.isEmpty && endpoints.client != nil) {
            note("client", endpoints.client == nil ? "client not enabled" : nil)
        }
        if wanted == "server" || (wanted.isEmpty && endpoints.agent.isServer) {
            note("server", try await serverFailure(endpoints))
        }
        guard !parts.isEmpty else { throw CallError(.invalid, "type must be client or server") }
        return .json(.object(parts), status: isHealthy ? .ok : .internalServerError)
    }

    private static func serverFailure(_ endpoints: Endpoints) async throws -> String? {
        guard endpoints.agent.isServer else { return "server not enabled" }
        do {
            let reply = try await endpoints.caller.call(Query(.leader), context: .ownRegion, deadline: .seconds(5))
            let leader = try JSONParser.parse(reply.body.bytes).string ?? ""
            return leader.isEmpty ? "no leader" : nil
        } catch let error as CallError {
            return error.message
        }
    }
}
