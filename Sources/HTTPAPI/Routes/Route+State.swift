internal import Basics
internal import HTTPTypes
internal import Model
internal import RPC

extension Route {
    /// `/v1/nodes` and `/v1/node/...`.
    static let nodes: [Route] = [
        read("/v1/nodes", .nodes, .nodeRead, options: ["resources", "os"]),
        read("/v1/node/:id", .node, .nodeRead),
        read("/v1/node/:id/allocations", .nodeAllocations, .nodeRead),
        Route(.write, "/v1/node/:id/eligibility", .nodeWrite) { request, endpoints in
            let body = try await request.json()
            guard let text = body["Eligibility"]?.string, let eligibility = NodeEligibility(rawValue: text) else {
                throw CallError(
                    .invalid, "invalid scheduling eligibility: \"Eligibility\" must be eligible or ineligible")
            }
            var call = SetNodeEligibility()
            call.nodeID = try request.id("id", of: "node")
            call.eligibility = eligibility
            let reply = try await endpoints.caller.call(call, context: request.context)
            return .json(reply, index: reply.index)
        },
    ]

    /// `/v1/allocations` and `/v1/allocation/...`.
    static let allocations: [Route] = [
        read("/v1/allocations", .allocations, .listJobs, options: ["resources", "task_states"]),
        read("/v1/allocation/:id", .allocation, .readJob),
        Route(.write, "/v1/allocation/:id/stop", .allocationLifecycle) { request, endpoints in
            var call = StopAllocation()
            call.allocationID = try request.id("id", of: "allocation")
            call.noShutdownDelay = try request.query.flag("no_shutdown_delay") ?? false
            let reply = try await endpoints.caller.call(call, context: request.context)
            return .json(reply, index: reply.index)
        },
    ]

    /// `/v1/evaluations`, `/v1/evaluation/...` and `/v1/deployments`.
    static let evaluations: [Route] = [
        read("/v1/evaluations", .evaluations, .readJob, options: ["status", "job"]),
        read("/v1/evaluation/:id", .evaluation, .readJob, options: ["related"]),
        read("/v1/evaluation/:id/allocations", .evaluationAllocations, .readJob),
        Route(.get, "/v1/evaluation/:id/placement", .readJob) { request, endpoints in
            var call = ExplainPlacement()
            call.evaluationID = try request.id("id", of: "evaluation")
            call.nodes = (request.query["node"] ?? "").split(separator: ",").map(String.init)
            let reply = try await endpoints.caller.call(call, context: request.context)
            return .json(reply.explanation, index: reply.index)
        },
        read("/v1/deployments", .deployments, .readJob),
    ]

    /// A read answered by the servers as it stands; the id is the path's hole, if it has one.
    static func read(
        _ pattern: String, _ kind: QueryKind, _ capability: Capability, options: [String] = []
    ) -> Route {
        Route(.get, pattern, capability) { request, endpoints in
            let query = try request.serverQuery(kind, id: request.parameter("id"), options: options)
            return try await request.answer(query, from: endpoints)
        }
    }
}
