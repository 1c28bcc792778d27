internal import Model

/// Namespaces and quotas as the command line shows them.
enum NamespaceOutput {
    static func list(_ namespaces: [Namespace]) -> String {
        guard !namespaces.isEmpty else { return "No namespaces found" }
        return Table.list(["Name", "Description"], namespaces.map { [$0.name, $0.description] })
    }

    static func list(_ quotas: [QuotaSpec]) -> String {
        guard !quotas.isEmpty else { return "No quotas found" }
        return Table.list(["Name", "Description"], quotas.map { [$0.name, $0.description] })
    }

    static func facts(_ namespace: Namespace) -> String {
        var text = Table.pairs([
            ("Name", namespace.name), ("Description", namespace.description), ("Quota", namespace.quota),
        ])
        guard !namespace.meta.isEmpty else { return text }
        text += "\n\nMetadata\n" + Table.pairs(namespace.meta.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        return text
    }

    static func status(_ quota: QuotaSpec, _ usage: QuotaUsage) -> String {
        let facts = Table.pairs([
            ("Name", quota.name), ("Description", quota.description), ("Limits", String(quota.limits.count)),
        ])
        return facts + "\n\n" + limits(quota, usage)
    }

    /// A line a region: what is used, of how much.
    static func limits(_ quota: QuotaSpec, _ usage: QuotaUsage) -> String {
        guard !quota.limits.isEmpty else { return "Quota Limits\nNo quota limits defined" }
        let rows = quota.limits.map { limit in
            let (most, used) = (limit.regionLimit, usage.used[limit.hash]?.regionLimit)
            return [
                limit.region, share(used?.cpu, of: most.cpu), share(used?.cores, of: most.cores),
                share(used?.memoryMB, of: most.memoryMB), share(used?.memoryMaxMB, of: most.memoryMaxMB),
            ]
        }
        return "Quota Limits\n"
            + Table.list(["Region", "CPU Usage", "Core Usage", "Memory Usage", "Memory Max Usage"], rows)
    }

    /// `500 / 2000`; `-` for what another region uses, `inf` for no limit.
    private static func share(_ used: Int?, of limit: Int) -> String {
        "\(used.map { String($0) } ?? "-") / \(limit == 0 ? "inf" : String(max(0, limit)))"
    }
}
