import Model

extension State {
    mutating func upsert(_ namespace: Namespace, _ outcome: inout ApplyOutcome) {
        guard namespace.quota.isEmpty || quotas[namespace.quota] != nil else {
            return outcome.refuse(
                .invalid, "namespace \"\(namespace.name)\" names the nonexistent quota \"\(namespace.quota)\"")
        }
        let before = quota(ofNamespace: namespace.name)
        var namespace = namespace
        namespace.createIndex = namespaces[namespace.name]?.createIndex ?? outcome.index
        namespace.modifyIndex = outcome.index
        namespaces[namespace.name] = namespace
        outcome.tables.insert(.namespaces)
        guard before != namespace.quota else { return }
        ledger.move(namespace: namespace.name, from: before, to: namespace.quota)
        outcome.tables.insert(.quotaUsages)
        // Whoever waited for the old quota waits in vain, or has the room that this namespace left.
        if !before.isEmpty { outcome.loosenedQuotas.insert(before) }
    }

    mutating func deleteNamespace(_ name: String, _ outcome: inout ApplyOutcome) {
        guard namespaces[name] != nil else { return outcome.refuse(.notFound, "namespace \"\(name)\" not found") }
        guard name != "default" else { return outcome.refuse(.invalid, "default namespace can not be deleted") }
        var holder: String?
        jobs.scan(from: JobKey(namespace: name, id: "")) { key, _ in
            holder = key.namespace == name ? key.id : nil
            return false
        }
        if let holder {
            return outcome.refuse(
                .invalid, "namespace \"\(name)\" has at least one job, \"\(holder)\"; stop and purge its jobs first")
        }
        variables.scan(from: VariableKey(namespace: name, path: "")) { key, _ in
            holder = key.namespace == name ? key.path : nil
            return false
        }
        if let holder {
            return outcome.refuse(
                .invalid, "namespace \"\(name)\" has at least one variable, \"\(holder)\"; purge its variables first")
        }
        namespaces[name] = nil
        ledger.forget(namespace: name)
        outcome.tables.insert(.namespaces)
    }

    mutating func upsert(_ quota: QuotaSpec, _ outcome: inout ApplyOutcome) {
        var quota = quota.hashed()
        let before = quotas[quota.name]
        quota.createIndex = before?.createIndex ?? outcome.index
        quota.modifyIndex = outcome.index
        quotas[quota.name] = quota
        if let before, before.limits != quota.limits { outcome.loosenedQuotas.insert(quota.name) }
        outcome.tables.formUnion([.quotas, .quotaUsages])
    }

    mutating func deleteQuota(_ name: String, _ outcome: inout ApplyOutcome) {
        guard quotas[name] != nil else { return outcome.refuse(.notFound, "quota \"\(name)\" not found") }
        var holder: String?
        namespaces.scan { _, namespace in
            if namespace.quota == name { holder = namespace.name }
            return holder == nil
        }
        if let holder {
            return outcome.refuse(
                .invalid, "quota \"\(name)\" is in use by namespace \"\(holder)\"; take it off there first")
        }
        quotas[name] = nil
        ledger.forget(quota: name)
        outcome.tables.formUnion([.quotas, .quotaUsages])
    }

    /// The quota that a namespace names; empty for none.
    func quota(ofNamespace name: String) -> String { namespaces[name]?.quota ?? "" }

    /// Counts what a namespace's live allocations hold more than before, or less.
    mutating func take(_ amounts: ResourceVector, namespace: String, _ outcome: inout ApplyOutcome) {
        guard amounts != ResourceVector() else { return }
        let quota = quota(ofNamespace: namespace)
        ledger.add(amounts, namespace: namespace, quota: quota)
        guard !quota.isEmpty else { return }
        outcome.quotaChanges[quota, default: ResourceVector()] += amounts
        outcome.tables.insert(.quotaUsages)
    }
}
