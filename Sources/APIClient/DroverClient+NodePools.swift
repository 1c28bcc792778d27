internal import Basics
public import Model

/// Node pools.
extension DroverClient {
    public func nodePools(prefix: String = "") async throws -> [NodePool] {
        try await get("/v1/node/pools", query: prefix.isEmpty ? [] : [("prefix", prefix)]).list()
    }

    public func nodePool(_ name: String) async throws -> NodePool {
        try await get("/v1/node/pool/\(DroverClient.segment(name))").decode()
    }

    public func nodes(inPool name: String) async throws -> [NodeStub] {
        try await get("/v1/node/pool/\(DroverClient.segment(name))/nodes").list()
    }

    public func jobs(inPool name: String) async throws -> [JobStub] {
        try await get("/v1/node/pool/\(DroverClient.segment(name))/jobs").list()
    }

    /// Adds the pool or replaces it.
    public func setNodePool(_ pool: NodePool) async throws { _ = try await put("/v1/node/pools", body: pool.json) }

    /// Removes a pool without nodes and jobs.
    public func deleteNodePool(_ name: String) async throws {
        _ = try await delete("/v1/node/pool/\(DroverClient.segment(name))")
    }
}
