package import Model

extension Snapshot {
    package func quota(_ name: String) -> QuotaSpec? { state.quotas[name] }

    package var quotas: [QuotaSpec] {
        var all: [QuotaSpec] = []
        state.quotas.scan { _, quota in
            all.append(quota)
            return true
        }
        return all
    }

    /// What the live allocations of a namespace ask for together, in O(1).
    package func held(namespace: String) -> ResourceVector { state.ledger.held(namespace: namespace) }

    /// What the live allocations of all the namespaces of a quota ask for together, in O(1).
    package func held(quota: String) -> ResourceVector { state.ledger.held(quota: quota) }

    /// What is used of a quota in `region`, which must be the one of these servers; nil when there is no such quota.
    package func quotaUsage(_ name: String, region: String) -> QuotaUsage? {
        guard let quota = quota(name) else { return nil }
        var usage = QuotaUsage()
        usage.name = name
        usage.createIndex = quota.createIndex
        usage.modifyIndex = tableIndex(.quotaUsages)
        guard var limit = quota.limit(region: region) else { return usage }
        let held = held(quota: name)
        limit.regionLimit.cpu = Int(held.cpu)
        limit.regionLimit.cores = Int(held.cores)
        limit.regionLimit.memoryMB = Int(held.memory)
        limit.regionLimit.memoryMaxMB = Int(held.memoryMax)
        usage.used[limit.hash] = limit
        return usage
    }
}
