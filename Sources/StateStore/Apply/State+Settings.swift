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
}
