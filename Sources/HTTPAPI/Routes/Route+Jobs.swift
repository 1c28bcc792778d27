internal import Basics
internal import HTTPTypes
internal import JobSpec
internal import Model
internal import RPC

extension Route {
    /// `/v1/jobs`, `/v1/job/...` and `/v1/validate/job`.
    static let jobs: [Route] = [
        Route(.get, "/v1/jobs", .listJobs) { request, endpoints in
            try await request.answer(try request.serverQuery(.jobs, options: ["meta"]), from: endpoints)
        },
        Route(.write, "/v1/jobs", .submitJob) { request, endpoints in
            try await register(request, endpoints, pathID: nil)
        },
        Route(.write, "/v1/jobs/parse", .parseJob) { request, _ in try await parse(request) },
        Route(.write, "/v1/validate/job", .readJob) { request, endpoints in
            try await validate(request, endpoints)
        },
        Route(.get, "/v1/job/:id*", .readJob) { request, endpoints in
            try await request.answer(try request.serverQuery(.job, id: try jobID(request)), from: endpoints)
        },
        Route(.write, "/v1/job/:id*", .submitJob) { request, endpoints in
            try await register(request, endpoints, pathID: try jobID(request))
        },
        Route(.delete, "/v1/job/:id*", .submitJob) { request, endpoints in try await deregister(request, endpoints) },
        Route(.write, "/v1/job/:id*/plan", .submitJob) { request, endpoints in try await plan(request, endpoints) },
        Route(.write, "/v1/job/:id*/evaluate", .submitJob) { request, endpoints in
            try await evaluate(request, endpoints)
        },
        Route(.write, "/v1/job/:id*/dispatch", .dispatchJob) { request, endpoints in
            let body = try await request.json()
            if let named = body["JobID"]?.string, !named.isEmpty, named != request.parameter("id") {
                throw CallError(.invalid, "Job ID does not match: the path says \(request.parameter("id"))")
            }
            var call = DispatchJob()
            call.dispatch = try JobDispatch(json: body)
            if let mode = body.object?.member(foldingCase: "Placement") {
                call.placement = try PlacementMode.read(mode)
            }
            return try await dispatch(call, request, endpoints)
        },
        Route(.write, "/v1/job/:id*/dispatch/payload", .dispatchJob) { request, endpoints in
            var call = DispatchJob()
            call.dispatch.payload = Base64.encode(try await request.body())
            return try await dispatch(call, request, endpoints)
        },
        jobRead("allocations", .jobAllocations, .listJobs, options: ["all"]),
        jobRead("evaluations", .jobEvaluations, .readJob),
        jobRead("summary", .jobSummary, .readJob),
        jobRead("versions", .jobVersions, .readJob, options: ["diffs"]),
        jobRead("deployments", .jobDeployments, .readJob, options: ["all"]),
        Route(.get, "/v1/job/:id*/deployment", .readJob) { request, endpoints in
            try await latestDeployment(request, endpoints)
        },
    ]

    private static func jobRead(
        _ name: String, _ kind: QueryKind, _ capability: Capability, options: [String] = []
    ) -> Route {
        Route(.get, "/v1/job/:id*/\(name)", capability) { request, endpoints in
            let query = try request.serverQuery(kind, id: try jobID(request), options: options)
            return try await request.answer(query, from: endpoints)
        }
    }

    private static func jobID(_ request: APIRequest) throws(CallError) -> String {
        let id = request.parameter("id")
        guard !id.isEmpty else { throw CallError(.invalid, "missing job ID") }
        return id
    }

    /// `{"Job": {...}, "EnforceIndex": ...}`; also the job alone, as some clients send it.
    private static func register(
        _ request: APIRequest, _ endpoints: Endpoints, pathID: String?
    ) async throws -> APIResponse {
        let body = try await request.json()
        try requireJob(body)
        var passedOver = 0
        var call = try RegisterJob(json: body, passedOver: &passedOver)
        call.notes = JobRequestKeys.warnings(for: body, passedOver: passedOver)
        guard !call.job.id.isEmpty else { throw CallError(.invalid, "Job ID hasn't been provided") }
        if let pathID, pathID != call.job.id { throw CallError(.invalid, "Job ID does not match name") }
        let context = adopt(&call.job, body, request, endpoints)
        let reply = try await endpoints.caller.call(call, context: context)
        return .json(reply, index: reply.index)
    }

    private static func requireJob(_ body: JSON) throws(CallError) {
        guard let job = body.object?.member(foldingCase: "Job"), !job.isNull else {
            throw CallError(.invalid, "Job must be specified: the body is an object with the job under \"Job\"")
        }
    }

    /// Settles namespace and region between query, job and body; the job's own namespace wins over the query's default.
    ///
    /// Of the regions the query's counts most, then the body's, then the job's, and last the agent's: clients write "global" into
    /// jobs that name none.
    private static func adopt(
        _ job: inout Job, _ body: JSON, _ request: APIRequest, _ endpoints: Endpoints
    ) -> CallContext {
        var context = request.context
        if request.query["namespace"] == nil {
            let named = [job.namespace, body.object?.member(foldingCase: "Namespace")?.string ?? ""]
            if let namespace = named.first(where: { !$0.isEmpty }) { context.namespace = namespace }
        } else if !job.namespace.isEmpty, job.namespace != "default" {
            context.namespace = job.namespace
        }
        let own = job.region == "global" ? "" : job.region
        let regions = [request.query["region"] ?? "", body.object?.member(foldingCase: "Region")?.string ?? "", own]
        context.region = regions.first { !$0.isEmpty } ?? endpoints.agent.region
        job.namespace = context.namespace
        job.region = context.region
        return context
    }

    private static func deregister(_ request: APIRequest, _ endpoints: Endpoints) async throws -> APIResponse {
        var call = DeregisterJob()
        call.jobID = try jobID(request)
        call.purge = try request.query.flag("purge") ?? false
        call.noShutdownDelay = try request.query.flag("no_shutdown_delay") ?? false
        call.evalPriority = Int(try request.query.integer("eval_priority") ?? 0)
        let reply = try await endpoints.caller.call(call, context: request.context)
        return .json(reply, index: reply.index)
    }

    private static func plan(_ request: APIRequest, _ endpoints: Endpoints) async throws -> APIResponse {
        let body = try await request.json()
        try requireJob(body)
        var passedOver = 0
        var call = try PlanJob(json: body, passedOver: &passedOver)
        call.notes = JobRequestKeys.warnings(for: body, passedOver: passedOver)
        guard !call.job.id.isEmpty else { throw CallError(.invalid, "Job must have a valid ID") }
        guard call.job.id == request.parameter("id") else { throw CallError(.invalid, "Job ID does not match") }
        let context = adopt(&call.job, body, request, endpoints)
        let reply = try await endpoints.caller.call(call, context: context)
        return .json(reply, index: reply.index)
    }

    private static func evaluate(_ request: APIRequest, _ endpoints: Endpoints) async throws -> APIResponse {
        let body = try await request.json()
        var call = EvaluateJob()
        call.jobID = try jobID(request)
        if let named = body["JobID"]?.string, !named.isEmpty, named != call.jobID {
            throw CallError(.invalid, "JobID not same as id")
        }
        call.forceReschedule = body["EvalOptions"]?["ForceReschedule"]?.bool ?? false
        let reply = try await endpoints.caller.call(call, context: request.context)
        return .json(reply, index: reply.index)
    }

    private static func dispatch(
        _ dispatch: DispatchJob, _ request: APIRequest, _ endpoints: Endpoints
    ) async throws -> APIResponse {
        var call = dispatch
        call.jobID = try jobID(request)
        call.idempotencyToken = request.query["idempotency_token"] ?? ""
        let reply = try await endpoints.caller.call(call, context: request.context)
        return .json(reply, index: reply.index)
    }

    /// `{"JobHCL": "...", "Variables": "...", "Canonicalize": true}` to the job as JSON.
    private static func parse(_ request: APIRequest) async throws -> APIResponse {
        let body = try await request.json()
        guard let source = body["JobHCL"]?.string, !source.isEmpty else {
            throw CallError(.invalid, "Job spec is empty: send it as text under \"JobHCL\"")
        }
        var inputs = JobInputs()
        if let variables = body["Variables"]?.string, !variables.isEmpty {
            inputs.files = [JobInputs.File(name: "variables.hcl", text: Array(variables.utf8))]
        }
        let job: Job
        do {
            job = try JobFile.parse(source, inputs: inputs).job
        } catch {
            throw CallError(.invalid, "\(error)")
        }
        return .json(body["Canonicalize"]?.bool == true ? job.canonicalized() : job)
    }

    private static func validate(_ request: APIRequest, _ endpoints: Endpoints) async throws -> APIResponse {
        let body = try await request.json()
        try requireJob(body)
        var passedOver = 0
        var call = try ValidateJob(json: body, passedOver: &passedOver)
        call.notes = JobRequestKeys.warnings(for: body, passedOver: passedOver)
        let context = adopt(&call.job, body, request, endpoints)
        return .json(try await endpoints.caller.call(call, context: context))
    }

    /// The newest of the job's deployments, or null.
    private static func latestDeployment(_ request: APIRequest, _ endpoints: Endpoints) async throws -> APIResponse {
        var reply = try await request.ask(
            try request.serverQuery(.jobDeployments, id: try jobID(request)), endpoints)
        let list = try JSONParser.parse(reply.body.bytes).array ?? []
        let newest = list.max { ($0["CreateIndex"]?.integer ?? 0) < ($1["CreateIndex"]?.integer ?? 0) }
        reply.body = RawJSON((newest ?? .null).bytes)
        return APIResponse(reading: reply, closes: request.isWaiting)
    }
}
