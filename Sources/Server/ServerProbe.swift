package import Consensus
package import Raft
package import StateStore

/// What a simulation sees of a server's inside, and what it breaks there.
package struct ServerProbe: Sendable {
    /// Told of each batch of entries once it is applied and published, and, with no entries, of a state that came as the
    /// leader's snapshot.
    package var applied: @Sendable (ArraySlice<LogEntry>, [ApplyOutcome], Snapshot) -> Void = { _, _, _ in }
    /// Sees every step of the Raft core.
    package var stepped: CoreInspection?
    package var seededBug: SeededBug?

    package init() {}
}
