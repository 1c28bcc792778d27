public import Basics
public import Model

/// Variables, locks on them, and the keys they are encrypted with.
extension DroverClient {
    /// One page of what there is, without items; `perPage` 0 is all.
    public func variables(
        prefix: String = "", filter: String = "", perPage: Int = 0, nextToken: String = ""
    ) async throws -> (variables: [VariableMetadata], nextToken: String) {
        let options = [
            ("prefix", prefix), ("filter", filter), ("per_page", perPage == 0 ? "" : String(perPage)),
            ("next_token", nextToken),
        ]
        let answer = try await get("/v1/vars", query: options.filter { !$0.1.isEmpty })
        return (try answer.list(), answer.nextToken)
    }

    public func variable(_ path: String) async throws -> Variable { try await get(variablePath(path)).decode() }

    /// Stores the variable at its path, with `checkIndex` only if its present `ModifyIndex` is that (0: if there is none).
    public func setVariable(_ variable: Variable, checkIndex: UInt64? = nil) async throws -> VariableResult {
        let query = checkIndex.map { [("cas", String($0))] } ?? []
        return try await write("PUT", variable, query)
    }

    /// Removes the variable. The result's variable is what is there: an empty one, or with a conflict the present one.
    public func deleteVariable(_ path: String, checkIndex: UInt64? = nil) async throws -> VariableResult {
        let query = checkIndex.map { [("cas", String($0))] } ?? []
        let answer = try await send("DELETE", variablePath(path), query: query)
        if answer.status == 409, let variable = try? answer.decode(Variable.self) { return .conflict(variable) }
        _ = try answer.checked()
        return .done(Variable())
    }

    /// Acquires a lock with the terms of `variable.lock`; items, if there are any, are stored too.
    public func acquireLock(_ variable: Variable) async throws -> VariableResult {
        try await write("PUT", variable, [("lock-acquire", "")])
    }

    /// Holds the lock `id` for another TTL; a conflict when it is lost.
    public func renewLock(_ path: String, id: ID, namespace: String = "") async throws -> VariableResult {
        try await write("PUT", lockHolder(path, id, namespace), [("lock-renew", "")])
    }

    public func releaseLock(_ path: String, id: ID, namespace: String = "") async throws -> VariableResult {
        try await write("PUT", lockHolder(path, id, namespace), [("lock-release", "")])
    }

    private func lockHolder(_ path: String, _ id: ID, _ namespace: String) -> Variable {
        var variable = Variable()
        (variable.path, variable.namespace) = (path, namespace)
        var lock = VariableLock()
        lock.id = id
        variable.lock = lock
        return variable
    }

    private func write(
        _ method: String, _ variable: Variable, _ query: [(String, String)]
    ) async throws -> VariableResult {
        var query = query
        if !variable.namespace.isEmpty { query.append(("namespace", variable.namespace)) }
        let answer = try await send(method, variablePath(variable.path), query: query, body: variable.jsonBytes)
        if answer.status == 409, let present = try? answer.decode(Variable.self) { return .conflict(present) }
        return .done(try answer.checked().decode())
    }

    /// Slashes of the path stay as they are.
    private func variablePath(_ path: String) -> String {
        "/v1/var/"
            + path.split(separator: "/", omittingEmptySubsequences: false).map { DroverClient.segment(String($0)) }
            .joined(separator: "/")
    }

    public func rootKeys() async throws -> [RootKeyMeta] { try await get("/v1/operator/keyring/keys").list() }

    /// Makes a new root key, used from `publishTime` on or at once; with `full`, all variables are encrypted anew with it.
    public func rotateRootKey(full: Bool = false, publishTime: Timestamp? = nil) async throws -> RootKeyMeta {
        var query = full ? [("full", "true")] : []
        if let publishTime { query.append(("publish_time", String(publishTime.nanoseconds))) }
        let answer = try await put("/v1/operator/keyring/rotate", query: query).json()
        return try RootKeyMeta(json: answer["Key"] ?? .null)
    }

    /// Forgets a root key that is not active, with `force` also one that variables are encrypted with.
    public func deleteRootKey(_ id: ID, force: Bool = false) async throws {
        _ = try await delete("/v1/operator/keyring/key/\(id)", query: force ? [("force", "true")] : [])
    }
}

/// What became of a change of a variable.
public enum VariableResult: Sendable, Equatable {
    case done(Variable)
    /// Nothing was changed: the variable has another index, or somebody else holds its lock. It is as given here.
    case conflict(Variable)
}
