public import Basics
public import Model

/// Allocations, nodes, servers and the agent.
extension DroverClient {
    public func allocations(prefix: String = "") async throws -> [AllocationStub] {
        try await get("/v1/allocations", query: prefix.isEmpty ? [] : [("prefix", prefix)]).list()
    }

    /// An allocation with its job.
    public func allocation(_ id: ID) async throws -> Allocation { try await get("/v1/allocation/\(id)").decode() }

    public func stopAllocation(_ id: ID, noShutdownDelay: Bool = false) async throws -> JobRegisterResponse {
        try await put(
            "/v1/allocation/\(id)/stop", query: noShutdownDelay ? [("no_shutdown_delay", "true")] : []
        ).decode()
    }

    /// Restarts one task, the running tasks when `task` is nil, or all, the ended ones too.
    public func restartAllocation(_ id: ID, task: String? = nil, allTasks: Bool = false) async throws {
        let body = JSON.object([("TaskName", .string(task ?? "")), ("AllTasks", .bool(allTasks))])
        _ = try await put("/v1/client/allocation/\(id)/restart", body: body)
    }

    /// Sends a signal such as `SIGHUP` to one task, or to all when `task` is nil.
    public func signalAllocation(_ id: ID, task: String? = nil, signal: String) async throws {
        let body = JSON.object([("Task", .string(task ?? "")), ("Signal", .string(signal))])
        _ = try await put("/v1/client/allocation/\(id)/signal", body: body)
    }

    public func files(allocation id: ID, path: String) async throws -> [AllocationFile] {
        try await get("/v1/client/fs/ls/\(id)", query: [("path", path)]).list()
    }

    public func file(allocation id: ID, path: String) async throws -> AllocationFile {
        try await get("/v1/client/fs/stat/\(id)", query: [("path", path)]).decode()
    }

    public func nodes(prefix: String = "", resources: Bool = false) async throws -> [NodeStub] {
        var query = prefix.isEmpty ? [] : [("prefix", prefix)]
        if resources { query.append(("resources", "true")) }
        return try await get("/v1/nodes", query: query).list()
    }

    public func node(_ id: ID) async throws -> Node { try await get("/v1/node/\(id)").decode() }

    public func nodeAllocations(_ id: ID) async throws -> [Allocation] {
        try await get("/v1/node/\(id)/allocations").list()
    }

    public func members() async throws -> MembersResponse { try await get("/v1/agent/members").decode() }

    /// The RPC address of the leader of `region`, or of the client's region; empty when there is none.
    public func leader(region: String = "") async throws -> String {
        try await get("/v1/status/leader", query: region.isEmpty ? [] : [("region", region)]).json().string ?? ""
    }

    public func regions() async throws -> [String] {
        (try await get("/v1/regions").json().array ?? []).compactMap(\.string)
    }

    /// Has the agent's server join the gossip pool at each of these addresses, `host:port` or `host`.
    public func joinPool(_ addresses: [String]) async throws -> PoolJoinResponse {
        try await put("/v1/agent/join", query: addresses.map { ("address", $0) }).decode()
    }

    /// Takes a failed member, named as ``members()`` does, for one that has left; forgets it at once when `prune`.
    public func forceLeave(_ member: String, prune: Bool = false) async throws {
        _ = try await put("/v1/agent/force-leave", query: [("node", member)] + (prune ? [("prune", "true")] : []))
    }

    /// The gossip keys of all members.
    public func gossipKeys() async throws -> KeyringResponse { try await get("/v1/agent/keyring/list").decode() }

    /// Has all members do `operation`, which is `install`, `use` or `remove`, with a gossip key in base64.
    public func changeGossipKey(_ operation: String, _ key: String) async throws -> KeyringResponse {
        try await put("/v1/agent/keyring/\(operation)", body: .object([("Key", .string(key))])).decode()
    }

    /// The servers of the Raft group; `stale` lets any server answer.
    public func raftConfiguration(stale: Bool = false) async throws -> RaftConfiguration {
        try await get("/v1/operator/raft/configuration", query: stale ? [("stale", "true")] : []).decode()
    }

    /// Takes the server with this id, or at this address, out of the Raft group; leave the other one empty.
    public func removeRaftPeer(id: String = "", address: String = "") async throws {
        _ = try await delete(
            "/v1/operator/raft/peer", query: [("id", id), ("address", address)].filter { !$0.1.isEmpty })
    }

    /// Lets the server with this id, or at this address, lead; leave both empty to let the leader choose.
    public func transferLeadership(id: String = "", address: String = "") async throws {
        _ = try await put(
            "/v1/operator/raft/transfer-leadership",
            query: [("id", id), ("address", address)].filter { !$0.1.isEmpty })
    }

    public func plugins() async throws -> [PluginStatus] { try await get("/v1/agent/plugins").list() }

    /// Removes everything that has ended, whatever its age.
    public func collectGarbage() async throws { _ = try await put("/v1/system/gc") }

    public func schedulerConfiguration() async throws -> SchedulerConfigurationResponse {
        try await get("/v1/operator/scheduler/configuration").decode()
    }

    public func autopilotConfiguration(stale: Bool = false) async throws -> AutopilotConfiguration {
        try await get("/v1/operator/autopilot/configuration", query: stale ? [("stale", "true")] : []).decode()
    }

    /// Stores the configuration if its present `ModifyIndex` is that of `configuration`; throws ``APIError`` 409 when it is not.
    public func setAutopilotConfiguration(_ configuration: AutopilotConfiguration) async throws {
        let query = [("cas", String(configuration.modifyIndex))]
        _ = try await put("/v1/operator/autopilot/configuration", query: query, body: configuration.json)
    }

    /// How the leader finds the servers, healthy or not.
    public func autopilotHealth() async throws -> AutopilotHealth {
        let answer = try await send("GET", "/v1/operator/autopilot/health")
        return answer.status == 429 ? try answer.decode() : try answer.checked().decode()
    }

    /// How the scheduler plug-ins of the leading server do.
    public func schedulerStatus() async throws -> SchedulerStatus {
        try await get("/v1/operator/scheduler/status").decode()
    }

    /// Stores the configuration, with `checkIndex` only if its present `ModifyIndex` is that; false when it is not.
    public func setSchedulerConfiguration(
        _ configuration: SchedulerConfiguration, checkIndex: UInt64? = nil
    ) async throws -> Bool {
        let query = checkIndex.map { [("cas", String($0))] } ?? []
        let answer = try await put("/v1/operator/scheduler/configuration", query: query, body: configuration.json)
        return try answer.decode(SetSchedulerConfigurationResponse.self).updated
    }
}
