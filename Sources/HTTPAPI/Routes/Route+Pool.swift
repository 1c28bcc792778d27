internal import Basics
internal import HTTPTypes
internal import RPC

extension Route {
    /// What this agent's server does in the gossip pool: `/v1/agent/join`, `/v1/agent/force-leave` and `/v1/agent/keyring/...`.
    static let pool: [Route] = [
        Route(.write, "/v1/agent/join", .agentWrite) { request, endpoints in
            let addresses = request.query.all("address").filter { !$0.isEmpty }
            guard !addresses.isEmpty else {
                throw CallError(.invalid, "missing address to join: give address=HOST:PORT, once or more")
            }
            return .json(try await localPool(endpoints).join(addresses))
        },
        Route(.write, "/v1/agent/force-leave", .agentWrite) { request, endpoints in
            let member = request.query.text("node", default: "")
            guard !member.isEmpty else {
                throw CallError(.invalid, "missing node to force leave: give node=NAME as agent/members shows it")
            }
            try await localPool(endpoints).forceLeave(member, prune: try request.query.flag("prune") ?? false)
            return .done()
        },
        Route(.get, "/v1/agent/keyring/list", .agentWrite) { _, endpoints in
            .json(try await localPool(endpoints).changeKeys(.list))
        },
        keyring("install") { .install($0) },
        keyring("use") { .use($0) },
        keyring("remove") { .remove($0) },
    ]

    /// `{"Key": base64}`.
    private static func keyring(_ name: String, _ change: @escaping @Sendable (String) -> KeyringChange) -> Route {
        Route(.write, "/v1/agent/keyring/\(name)", .agentWrite) { request, endpoints in
            guard let key = try await request.json()["Key"]?.string, !key.isEmpty else {
                throw CallError(.invalid, "missing the key, base64 of 16, 24 or 32 bytes, under \"Key\"")
            }
            return .json(try await localPool(endpoints).changeKeys(change(key)))
        }
    }

    private static func localPool(_ endpoints: Endpoints) throws(CallError) -> any PoolEndpoint {
        guard let pool = endpoints.pool else {
            throw CallError(
                .unsupported, "this agent runs no server, so it is not in the gossip pool; ask a server's agent")
        }
        return pool
    }
}
