internal import Basics
internal import HTTPTypes
internal import Model
internal import RPC

extension Route {
    /// `/v1/namespaces`, `/v1/namespace/...`, `/v1/quotas` and `/v1/quota/...`.
    static let namespaces: [Route] = [
        read("/v1/namespaces", .namespaces, .namespaceAny),
        read("/v1/namespace/:id", .namespace, .namespaceAny),
        Route(.write, "/v1/namespace", .management) { try await setNamespace($0, $1) },
        Route(.write, "/v1/namespace/:id", .management) { try await setNamespace($0, $1) },
        Route(.delete, "/v1/namespace/:id", .management) { request, endpoints in
            var call = DeleteNamespace()
            call.name = request.parameter("id")
            return .done(index: try await endpoints.caller.call(call, context: request.context).index)
        },
        read("/v1/quotas", .quotas, .quotaRead),
        read("/v1/quota/:id", .quota, .quotaRead),
        read("/v1/quota-usages", .quotaUsages, .quotaRead),
        read("/v1/quota/usage/:id", .quotaUsage, .quotaRead),
        Route(.write, "/v1/quota", .quotaWrite) { try await setQuota($0, $1) },
        Route(.write, "/v1/quota/:id", .quotaWrite) { try await setQuota($0, $1) },
        Route(.delete, "/v1/quota/:id", .quotaWrite) { request, endpoints in
            var call = DeleteQuota()
            call.name = request.parameter("id")
            return .done(index: try await endpoints.caller.call(call, context: request.context).index)
        },
    ]

    private static func setNamespace(_ request: APIRequest, _ endpoints: Endpoints) async throws -> APIResponse {
        var call = UpsertNamespace()
        call.namespace = try Namespace(json: try await request.json())
        call.namespace.name = try name(call.namespace.name, of: "Namespace", request)
        return .done(index: try await endpoints.caller.call(call, context: request.context).index)
    }

    private static func setQuota(_ request: APIRequest, _ endpoints: Endpoints) async throws -> APIResponse {
        var call = UpsertQuota()
        call.quota = try QuotaSpec(json: try await request.json())
        call.quota.name = try name(call.quota.name, of: "Quota", request)
        return .done(index: try await endpoints.caller.call(call, context: request.context).index)
    }

    /// The name in the body, or the path's when the body has none; the two must not differ.
    static func name(_ name: String, of kind: String, _ request: APIRequest) throws(CallError) -> String {
        let pathName = request.parameter("id")
        guard pathName.isEmpty || name.isEmpty || name == pathName else {
            throw CallError(.invalid, "\(kind) name does not match request path")
        }
        return name.isEmpty ? pathName : name
    }
}
