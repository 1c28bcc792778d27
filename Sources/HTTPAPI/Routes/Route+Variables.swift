internal import Basics
internal import HTTPTypes
internal import Model
internal import RPC

extension Route {
    /// `/v1/vars` and `/v1/var/...`; open to web pages of other origins.
    static let variables: [Route] = [
        read("/v1/vars", .variables, .variablesList),
        read("/v1/var/:id*", .variable, .variablesRead),
        Route(.write, "/v1/var/:id*", .variablesWrite) { try await writeVariable($0, $1) },
        Route(.delete, "/v1/var/:id*", .variablesDestroy) { request, endpoints in
            var call = DeleteVariable()
            (call.namespace, call.path) = (request.context.namespace, request.parameter("id"))
            if let index = try request.checkIndex() { (call.modifyIndex, call.checkAndSet) = (index, true) }
            // Who holds the variable's lock says so in the body, as in a write.
            call.lockID = try Variable(json: try await request.json()).lock?.id ?? .none
            let reply = try await endpoints.caller.call(call, context: request.context)
            guard reply.isConflict else {
                var response = APIResponse(status: .noContent, body: .text(""))
                response.headers[.nomadIndex] = String(reply.index)
                return response
            }
            return APIResponse(reply, reply.variable)
        },
    ].map { $0.admittingOtherOrigins() }

    private static let lockOperations = ["lock-acquire", "lock-renew", "lock-release"]

    private static func writeVariable(_ request: APIRequest, _ endpoints: Endpoints) async throws -> APIResponse {
        var variable = try Variable(json: try await request.json())
        let path = request.parameter("id")
        guard variable.path.isEmpty || variable.path == path else {
            throw CallError(.invalid, "variable path does not match request path")
        }
        variable.path = path
        guard
            variable.namespace.isEmpty || request.query["namespace"] == nil
                || variable.namespace == request.context.namespace
        else { throw CallError(.invalid, "variable namespace does not match request namespace") }
        if variable.namespace.isEmpty { variable.namespace = request.context.namespace }
        let operations = lockOperations.filter { request.query[$0] != nil }
        guard operations.count <= 1 else {
            throw CallError(.invalid, "give one of \(lockOperations.joined(separator: ", "))")
        }
        let cas = try request.checkIndex()
        guard cas == nil || operations.isEmpty || operations == ["lock-acquire"] else {
            throw CallError(.invalid, "cas and \(operations[0]) cannot be combined")
        }
        guard let operation = operations.first, operation != "lock-acquire" else {
            var call = PutVariable()
            call.variable = variable
            call.acquires = !operations.isEmpty
            if let cas { (call.modifyIndex, call.checkAndSet) = (cas, true) }
            let reply = try await endpoints.caller.call(call, context: request.context)
            return APIResponse(reply, reply.variable)
        }
        var call = KeepVariableLock()
        (call.namespace, call.path) = (variable.namespace, variable.path)
        call.lockID = variable.lock?.id ?? .none
        call.releases = operation == "lock-release"
        let reply = try await endpoints.caller.call(call, context: request.context)
        return call.releases || reply.isConflict
            ? APIResponse(reply, reply.variable) : APIResponse(reply, VariableMetadata(reply.variable))
    }

    /// `/v1/operator/keyring/...`.
    static let rootKeys: [Route] = [
        read("/v1/operator/keyring/keys", .rootKeys, .keyringRead),
        Route(.write, "/v1/operator/keyring/rotate", .keyringRotate) { request, endpoints in
            var call = RotateRootKey()
            call.full = try request.query.flag("full") ?? false
            call.algorithm = request.query.text("algo", default: RootKeyMeta.aes256GCM)
            call.publishTime = Timestamp(nanoseconds: try request.query.integer("publish_time") ?? 0)
            let reply = try await endpoints.caller.call(call, context: request.context)
            return .json(reply, index: reply.index)
        },
        Route(.delete, "/v1/operator/keyring/key/:id", .keyringDelete) { request, endpoints in
            var call = DeleteRootKey()
            call.keyID = try request.id("id", of: "root key")
            call.force = try request.query.flag("force") ?? false
            return .done(index: try await endpoints.caller.call(call, context: request.context).index)
        },
    ]
}

extension APIResponse {
    /// What became of a variable: 409 when nothing was changed.
    fileprivate init(_ reply: VariableReply, _ body: some Document) {
        self = .json(body, index: reply.index, status: reply.isConflict ? .conflict : .ok)
    }
}

extension APIRequest {
    /// `?cas=N`; nil without.
    func checkIndex() throws(CallError) -> UInt64? {
        guard let text = query["cas"] else { return nil }
        guard let index = UInt64(text) else { throw CallError(.invalid, "Error parsing cas value: \(text)") }
        return index
    }
}
