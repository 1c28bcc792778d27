import Model

extension State {
    mutating func upsert(_ pool: NodePool, _ outcome: inout ApplyOutcome) {
        guard !pool.isBuiltIn else {
            return outcome.refuse(.invalid, "modifying node pool \"\(pool.name)\" is not allowed: it is built in")
        }
        var pool = pool
        pool.createIndex = nodePools[pool.name]?.createIndex ?? outcome.index
        pool.modifyIndex = outcome.index
        nodePools[pool.name] = pool
        outcome.tables.insert(.nodePools)
    }

    mutating func deleteNodePool(_ name: String, _ outcome: inout ApplyOutcome) {
        guard let pool = nodePools[name] else { return outcome.refuse(.notFound, "node pool \"\(name)\" not found") }
        guard !pool.isBuiltIn else {
            return outcome.refuse(.invalid, "deleting node pool \"\(name)\" is not allowed: it is built in")
        }
        for row in 0..<nodes.limit where nodes[row]?.node.nodePool == name {
            return outcome.refuse(.invalid, "node pool \"\(name)\" has nodes, such as \(nodeID(UInt32(row)))")
        }
        var holder: String?
        jobs.scan { key, record in
            if let job = record.current?.job, job.nodePool == name, record.status != .dead { holder = key.id }
            return holder == nil
        }
        if let holder {
            return outcome.refuse(.invalid, "node pool \"\(name)\" has jobs that are not dead, such as \"\(holder)\"")
        }
        nodePools[name] = nil
        outcome.tables.insert(.nodePools)
    }

    /// Makes the pool that a node says it is in; false when there is one.
    @discardableResult
    mutating func addNodePool(_ name: String, index: UInt64) -> Bool {
        guard !name.isEmpty, nodePools[name] == nil else { return false }
        nodePools[name] = NodePool(name: name, description: "", index: index)
        return true
    }
}
