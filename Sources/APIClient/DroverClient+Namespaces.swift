internal import Basics
public import Model

/// Namespaces and quotas.
extension DroverClient {
    public func namespaces(prefix: String = "") async throws -> [Namespace] {
        try await get("/v1/namespaces", query: prefix.isEmpty ? [] : [("prefix", prefix)]).list()
    }

    public func namespace(_ name: String) async throws -> Namespace {
        try await get("/v1/namespace/\(DroverClient.segment(name))").decode()
    }

    /// Adds the namespace or replaces it.
    public func setNamespace(_ namespace: Namespace) async throws {
        _ = try await put("/v1/namespace", body: namespace.json)
    }

    /// Removes a namespace without jobs.
    public func deleteNamespace(_ name: String) async throws {
        _ = try await delete("/v1/namespace/\(DroverClient.segment(name))")
    }

    public func quotas(prefix: String = "") async throws -> [QuotaSpec] {
        try await get("/v1/quotas", query: prefix.isEmpty ? [] : [("prefix", prefix)]).list()
    }

    public func quota(_ name: String) async throws -> QuotaSpec {
        try await get("/v1/quota/\(DroverClient.segment(name))").decode()
    }

    /// What is used of each quota.
    public func quotaUsages(prefix: String = "") async throws -> [QuotaUsage] {
        try await get("/v1/quota-usages", query: prefix.isEmpty ? [] : [("prefix", prefix)]).list()
    }

    public func quotaUsage(_ name: String) async throws -> QuotaUsage {
        try await get("/v1/quota/usage/\(DroverClient.segment(name))").decode()
    }

    /// Adds the quota or replaces it.
    public func setQuota(_ quota: QuotaSpec) async throws { _ = try await put("/v1/quota", body: quota.json) }

    /// Removes a quota that no namespace names.
    public func deleteQuota(_ name: String) async throws {
        _ = try await delete("/v1/quota/\(DroverClient.segment(name))")
    }
}
