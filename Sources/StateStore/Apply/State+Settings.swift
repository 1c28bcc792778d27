import Basics
import Model

extension State {
    mutating func change(_ change: SchedulerConfigurationChange, _ outcome: inout ApplyOutcome) {
        if let expected = change.expectedIndex, expected != configuration.modifyIndex {
            return outcome.refuse(
                .conflict, "scheduler configuration is at index \(configuration.modifyIndex), not \(expected)")
        }
        let created = configuration.createIndex
        configuration = change.configuration
        configuration.createIndex = created == 0 ? outcome.index : created
        configuration.modifyIndex = outcome.index
        outcome.tables.insert(.schedulerConfiguration)
    }

    mutating func upsert(_ namespace: Namespace, _ outcome: inout ApplyOutcome) {
        var namespace = namespace
        namespace.createIndex = namespaces[namespace.name]?.createIndex ?? outcome.index
        namespace.modifyIndex = outcome.index
        namespaces[namespace.name] = namespace
        outcome.tables.insert(.namespaces)
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
        namespaces[name] = nil
        outcome.tables.insert(.namespaces)
    }
}
