import Model

/// What the live allocations of each namespace hold, and thereby of each quota, kept up to date entry by entry.
///
/// Amounts are those that jobs ask for: a whole core counts as a core, not as the MHz of the node it lies on, so that a quota
/// means the same on every node.
struct QuotaLedger: Sendable {
    private var byNamespace = SortedTable<String, ResourceVector>()
    private var byQuota = SortedTable<String, ResourceVector>()

    func held(namespace: String) -> ResourceVector { byNamespace[namespace] ?? ResourceVector() }

    func held(quota: String) -> ResourceVector { byQuota[quota] ?? ResourceVector() }

    /// Adds to what a namespace holds; `quota` is the one it names, or empty.
    mutating func add(_ amounts: ResourceVector, namespace: String, quota: String) {
        byNamespace[namespace] = held(namespace: namespace).adding(amounts, times: 1)
        if !quota.isEmpty { byQuota[quota] = held(quota: quota).adding(amounts, times: 1) }
    }

    /// The namespace names another quota from now on; either may be empty.
    mutating func move(namespace: String, from old: String, to new: String) {
        let amounts = held(namespace: namespace)
        if !old.isEmpty { byQuota[old] = held(quota: old).adding(amounts, times: -1) }
        if !new.isEmpty { byQuota[new] = held(quota: new).adding(amounts, times: 1) }
    }

    mutating func forget(namespace: String) { byNamespace[namespace] = nil }

    mutating func forget(quota: String) { byQuota[quota] = nil }
}

extension ResourceVector {
    fileprivate func adding(_ amounts: ResourceVector, times count: Int) -> ResourceVector {
        var sum = self
        sum.add(amounts, times: count)
        return sum
    }
}
