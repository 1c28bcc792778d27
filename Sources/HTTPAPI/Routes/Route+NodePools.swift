internal import Basics
internal import HTTPTypes
internal import Model
internal import RPC

extension Route {
    /// `/v1/node/pools` and `/v1/node/pool/...`.
    static let nodePools: [Route] = [
        read("/v1/node/pools", .nodePools, .nodePoolRead),
        read("/v1/node/pool/:id", .nodePool, .nodePoolRead),
        read("/v1/node/pool/:id/nodes", .nodePoolNodes, .nodeRead, options: ["resources", "os"]),
        read("/v1/node/pool/:id/jobs", .nodePoolJobs, .listJobs, options: ["meta"]),
        Route(.write, "/v1/node/pools", .nodePoolWrite) { try await setNodePool($0, $1) },
        Route(.write, "/v1/node/pool/:id", .nodePoolWrite) { try await setNodePool($0, $1) },
        Route(.delete, "/v1/node/pool/:id", .nodePoolDelete) { request, endpoints in
            var call = DeleteNodePool()
            call.name = request.parameter("id")
            return .done(index: try await endpoints.caller.call(call, context: request.context).index)
        },
    ]

    private static func setNodePool(_ request: APIRequest, _ endpoints: Endpoints) async throws -> APIResponse {
        var call = UpsertNodePool()
        call.pool = try NodePool(json: try await request.json())
        call.pool.name = try name(call.pool.name, of: "Node pool", request)
        return .done(index: try await endpoints.caller.call(call, context: request.context).index)
    }
}
