public import Basics
public import Model

/// Jobs, evaluations and what follows from them.
extension DroverClient {
    /// The path of a job's endpoint.
    public static func jobPath(_ id: String, _ suffix: String = "") -> String {
        "/v1/job/" + segment(id) + (suffix.isEmpty ? "" : "/" + suffix)
    }

    public func jobs(prefix: String = "") async throws -> [JobStub] {
        try await get("/v1/jobs", query: prefix.isEmpty ? [] : [("prefix", prefix)]).list()
    }

    public func job(_ id: String) async throws -> Job { try await get(DroverClient.jobPath(id)).decode() }

    /// Adds or replaces a job.
    ///
    /// With `checkIndex` it is refused unless the job's `JobModifyIndex` is this, 0 meaning "no such job".
    /// `evalPriority` is the priority of the evaluation, 0 for the job's; `placement` is when the answer comes.
    public func register(
        _ job: Job, checkIndex: UInt64? = nil, preserveCounts: Bool = false, evalPriority: Int = 0,
        placement: PlacementMode = .queued
    ) async throws -> JobRegisterResponse {
        var members: [(String, JSON)] = [("Job", job.json)]
        if let checkIndex {
            members.append(("EnforceIndex", .bool(true)))
            members.append(("JobModifyIndex", .integer(Int64(clamping: checkIndex))))
        }
        if preserveCounts { members.append(("PreserveCounts", .bool(true))) }
        if evalPriority != 0 { members.append(("EvalPriority", .integer(Int64(evalPriority)))) }
        if placement != .queued { members.append(("Placement", .string(placement.rawValue))) }
        return try await put("/v1/jobs", body: .object(members)).decode()
    }

    /// Runs an instance of a parameterized job; a second dispatch with the same `idempotencyToken` runs none.
    public func dispatch(
        _ id: String, _ dispatch: JobDispatch, idempotencyToken: String = "", placement: PlacementMode = .queued
    ) async throws -> JobDispatchResponse {
        var members = dispatch.json.object?.members.map { ($0.key, $0.value) } ?? []
        if placement != .queued { members.append(("Placement", .string(placement.rawValue))) }
        let query = idempotencyToken.isEmpty ? [] : [("idempotency_token", idempotencyToken)]
        return try await put(DroverClient.jobPath(id, "dispatch"), query: query, body: .object(members)).decode()
    }

    /// Stops a job; `purge` forgets it as well.
    public func deregister(
        _ id: String, purge: Bool = false, noShutdownDelay: Bool = false, evalPriority: Int = 0
    ) async throws -> JobRegisterResponse {
        var query = [("purge", purge ? "true" : "false")]
        if noShutdownDelay { query.append(("no_shutdown_delay", "true")) }
        if evalPriority != 0 { query.append(("eval_priority", String(evalPriority))) }
        return try await delete(DroverClient.jobPath(id), query: query).decode()
    }

    /// What ``register(_:checkIndex:preserveCounts:evalPriority:placement:)`` would do.
    /// ``JobPlanResponse/placement`` tells of `nodes`, by ID, beginning of one, or name; without any of the best ones.
    public func plan(_ job: Job, diff: Bool = true, nodes: [String] = []) async throws -> JobPlanResponse {
        let body = JSON.object([
            ("Job", job.json), ("Diff", .bool(diff)), ("Nodes", .array(nodes.map { .string($0) })),
        ])
        return try await put(DroverClient.jobPath(job.id, "plan"), body: body).decode()
    }

    public func validate(_ job: Job) async throws -> JobValidateResponse {
        try await put("/v1/validate/job", body: .object([("Job", job.json)])).decode()
    }

    public func jobSummary(_ id: String) async throws -> JobSummary {
        try await get(DroverClient.jobPath(id, "summary")).decode()
    }

    public func jobAllocations(_ id: String, all: Bool = false) async throws -> [AllocationStub] {
        try await get(DroverClient.jobPath(id, "allocations"), query: all ? [("all", "true")] : []).list()
    }

    public func jobEvaluations(_ id: String) async throws -> [Evaluation] {
        try await get(DroverClient.jobPath(id, "evaluations")).list()
    }

    public func evaluations(prefix: String = "") async throws -> [Evaluation] {
        try await get("/v1/evaluations", query: prefix.isEmpty ? [] : [("prefix", prefix)]).list()
    }

    public func evaluation(_ id: ID) async throws -> Evaluation {
        try await get("/v1/evaluation/\(id)").decode()
    }

    /// Why the evaluation's instances are where they are; `nodes` are those asked about, by ID, beginning of one, or name.
    public func placement(of id: ID, nodes: [String] = []) async throws -> PlacementExplanation {
        let query = nodes.isEmpty ? [] : [("node", nodes.joined(separator: ","))]
        return try await get("/v1/evaluation/\(id)/placement", query: query).decode()
    }

    public func evaluationAllocations(_ id: ID) async throws -> [AllocationStub] {
        try await get("/v1/evaluation/\(id)/allocations").list()
    }
}
