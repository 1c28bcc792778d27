package import Model

extension Snapshot {
    package func nodePool(_ name: String) -> NodePool? { state.nodePools[name] }

    package var nodePools: [NodePool] {
        var all: [NodePool] = []
        state.nodePools.scan { _, pool in
            all.append(pool)
            return true
        }
        return all
    }

    /// The scheduler configuration as it holds for jobs of a pool; an empty name is `default`.
    package func schedulerConfiguration(nodePool name: String) -> SchedulerConfiguration {
        guard let own = nodePool(name.isEmpty ? "default" : name)?.schedulerConfiguration else {
            return schedulerConfiguration
        }
        return schedulerConfiguration.adapted(to: own)
    }
}
