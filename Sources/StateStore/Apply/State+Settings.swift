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

    mutating func change(_ change: AutopilotChange, _ outcome: inout ApplyOutcome) {
        let present = autopilot?.modifyIndex ?? 0
        if let expected = change.expectedIndex, expected != present {
            return outcome.refuse(.conflict, "autopilot configuration is at index \(present), not \(expected)")
        }
        let created = autopilot?.createIndex ?? outcome.index
        autopilot = change.configuration
        autopilot?.createIndex = created
        autopilot?.modifyIndex = outcome.index
    }

    /// The oldest is forgotten beyond this many; 256.
    private static let expelledServersMax = 256

    mutating func expelServer(_ id: String) {
        guard !expelledServers.contains(id) else { return }
        expelledServers.append(id)
        if expelledServers.count > State.expelledServersMax { expelledServers.removeFirst() }
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
