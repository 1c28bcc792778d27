/// When allocations with each label last came or went, and of which job they were.
package struct LabelLog: Sendable {
    private struct Change {
        var job: JobName
        var index: UInt64
        /// Index of the last change by any other job.
        var othersIndex: UInt64
    }

    /// Labels remembered. Beyond that all are forgotten at once, and count as changed until then.
    static let labelsMax = 4_096

    private var changes: [String: Change] = [:]
    private var forgottenIndex: UInt64 = 0

    package init() {}

    package mutating func note(_ label: String, _ job: JobName, index: UInt64) {
        guard var change = changes[label] else {
            if changes.count >= Self.labelsMax {
                changes = [:]
                forgottenIndex = index
            }
            changes[label] = Change(job: job, index: index, othersIndex: 0)
            return
        }
        if change.job != job { (change.othersIndex, change.job) = (change.index, job) }
        change.index = max(change.index, index)
        changes[label] = change
    }

    /// Whether allocations of other jobs than `job` that have the label came or went after `index`.
    package func hasChanged(_ label: String, besides job: JobName, since index: UInt64) -> Bool {
        guard let change = changes[label] else { return forgottenIndex > index }
        return max(change.job == job ? change.othersIndex : change.index, forgottenIndex) > index
    }
}
