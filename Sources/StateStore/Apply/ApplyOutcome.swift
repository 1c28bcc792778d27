package import Basics
package import Model

/// Why an entry changed nothing.
package struct ApplyRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: Sendable {
        case notFound
        /// A check-and-set index did not match.
        case conflict
        case invalid
        /// What the proposer went by has changed meanwhile: propose it anew.
        case outdated
    }

    package let kind: Kind
    package let message: String

    package var description: String { message }
}

/// What an entry changed: for the broker, for those who wait, and for the caller's answer.
package struct ApplyOutcome: Sendable {
    package let index: UInt64
    /// Set when the entry was refused; the state is then as before but for its index.
    package var refusal: ApplyRefusal?
    /// All tables were replaced: what anybody knows of them is void.
    package var isRestored = false
    /// The state that was to be restored cannot be read by this release: it must not go on, as others could.
    package var unreadable: CodecError?
    /// Evaluations made or changed, in order: pending ones go to the broker, blocked ones to those that wait for capacity.
    package var evaluations: [Evaluation] = []
    /// Nodes that gained room or became able to take work.
    package var freedNodes: Set<NodeRow> = []
    /// Quotas that were changed, or that a namespace no longer names.
    var loosenedQuotas: Set<String> = []
    /// What the entry took of quotas; negative where it gave more back.
    var quotaChanges: [String: ResourceVector] = [:]
    /// Keys of the labels of allocations that began or ceased to live, with the jobs these are of.
    package var movedLabels: [String: Set<JobKey>] = [:]
    /// Jobs of which allocations ceased to live, of those that allow only so many of their own in some places.
    package var thinnedJobs: Set<JobKey> = []
    /// What reads otherwise of ready nodes whose class is as before.
    package var changedTraits: Set<NodeTrait> = []
    /// Nodes whose clients have something to learn.
    package var servedNodes: [NodeRow] = []
    /// Jobs of which anything changed.
    package var jobs: Set<JobKey> = []
    /// Jobs that no longer want anything: their blocked evaluations are void.
    package var endedJobs: [JobKey] = []
    /// Nodes whose definition or status changed.
    package var nodes: [ID] = []
    /// Variables that changed, were locked or unlocked.
    package var variables: [VariableKey] = []
    /// The variable that was written or, refused for a conflict, as it is; nil when there is none.
    package var variable: VariableRecord?
    package var tables: Set<StateTable> = []
    /// Allocations made by the entry's plans.
    package var placedCount = 0

    /// The entry's time, for what follows from it.
    let time: Timestamp
    private let salt: UInt64
    private var ordinal: UInt64 = 0

    /// `salt` is that of the state: ``State/salt``.
    init(index: UInt64, time: Timestamp, salt: UInt64) {
        self.index = index
        self.time = time
        self.salt = salt
    }

    /// Quotas under which more may be placed than before. What an entry replaces within a quota frees nothing of it.
    package var freedQuotas: Set<String> {
        let freed = quotaChanges.filter { _, change in ResourceDimension.allCases.contains { change[$0] < 0 } }
        return loosenedQuotas.union(freed.keys)
    }

    mutating func refuse(_ kind: ApplyRefusal.Kind, _ message: String) {
        refusal = ApplyRefusal(kind: kind, message: message)
    }

    /// An id that every replica derives alike, and no other cluster.
    mutating func nextID() -> ID {
        ordinal += 1
        return ID(index: index, ordinal: ordinal, salt: salt)
    }
}
