import Basics
import Model

extension State {
    /// What makes the ids that follow from this cluster's log differ from another's; the constant is that of builds before there
    /// were identities.
    var salt: UInt64 { 0x6576_616c ^ (identity?.id.low ?? 0) }

    /// The first identity stays: a leader that was not sure whether its entry got into the log proposes again.
    mutating func take(_ new: ClusterIdentity) {
        if identity == nil { identity = new }
    }

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
}
