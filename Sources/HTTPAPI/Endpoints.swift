package import Basics
package import RPC

/// What the routes reach: the servers, the node's client, the agent itself.
package struct Endpoints: Sendable {
    /// The servers: in this process, or through RPC.
    package var caller: any Caller
    /// The client of this agent; nil on an agent that is a server only.
    package var client: (any ClientEndpoint)?
    /// The gossip pool as this agent's server takes part in it; nil on an agent that is a client only.
    package var pool: (any PoolEndpoint)?
    package var agent: AgentInfo
    package var time: any TimeSource
    /// Asked before every handler; throws ``CallError`` with ``CallError/Code/permission`` to refuse.
    package var authorize: @Sendable (Capability, CallContext) async throws -> Void

    package init(
        caller: any Caller, client: (any ClientEndpoint)?, pool: (any PoolEndpoint)? = nil, agent: AgentInfo,
        time: any TimeSource,
        authorize: @escaping @Sendable (Capability, CallContext) async throws -> Void = { _, _ in }
    ) {
        self.caller = caller
        self.client = client
        self.pool = pool
        self.agent = agent
        self.time = time
        self.authorize = authorize
    }
}

extension Endpoints {
    /// The client of this agent, when the allocation is its own.
    func client(ofAllocation id: ID) -> (any ClientEndpoint)? {
        client?.namespace(ofAllocation: id) == nil ? nil : client
    }

    /// Throws when the caller may not do so with the allocation: what counts is the allocation's namespace, not the request's. Of one
    /// that is not on this node the servers say so, as they make the relay (``AskNode``, ``OpenRelay``).
    func authorize(_ capability: Capability, _ context: CallContext, onAllocation id: ID) async throws {
        guard let namespace = client?.namespace(ofAllocation: id) else { return }
        var context = context
        context.namespace = namespace
        try await authorize(capability, context)
    }
}

/// The agent as `/v1/agent/...` shows it.
package struct AgentInfo: Sendable {
    package var region: String
    package var nodeName: String
    package var version: String
    package var isServer: Bool
    /// The answer of `/v1/agent/self`: `config` (secrets blanked), `member` and `stats`.
    package var describe: @Sendable () async throws -> JSON
    /// The answer of `/v1/agent/plugins`: a list of plug-ins, each with `Name`, `Kind`, `File`, `Version`, `ABI`,
    /// `Isolation`, `State`, `PID`, `Restarts` and `Reason`.
    package var plugins: @Sendable () async throws -> JSON

    package init(
        region: String, nodeName: String, version: String, isServer: Bool,
        describe: @escaping @Sendable () async throws -> JSON, plugins: @escaping @Sendable () async throws -> JSON
    ) {
        self.region = region
        self.nodeName = nodeName
        self.version = version
        self.isServer = isServer
        self.describe = describe
        self.plugins = plugins
    }
}
