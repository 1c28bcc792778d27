package import CDroverABI

/// The records of a batch, until they go to the host in one write a kind.
package struct Answer {
    package var placements: [drover_placement] = []
    package var failures: [drover_failure] = []
    package var preemptions: [drover_preemption] = []
    package var assignments: [drover_assignment] = []
    package var scores: [drover_score] = []

    package init() {}

    mutating func removeAll() {
        placements.removeAll(keepingCapacity: true)
        failures.removeAll(keepingCapacity: true)
        preemptions.removeAll(keepingCapacity: true)
        assignments.removeAll(keepingCapacity: true)
        scores.removeAll(keepingCapacity: true)
    }

    /// How many records of each kind there are, to come back to.
    struct Mark {
        fileprivate let placements, failures, preemptions, assignments, scores: Int
    }

    var mark: Mark {
        Mark(
            placements: placements.count, failures: failures.count, preemptions: preemptions.count,
            assignments: assignments.count, scores: scores.count)
    }

    /// Takes back what was written since `mark`.
    mutating func removeAll(since mark: Mark) {
        placements.removeSubrange(mark.placements...)
        failures.removeSubrange(mark.failures...)
        preemptions.removeSubrange(mark.preemptions...)
        assignments.removeSubrange(mark.assignments...)
        scores.removeSubrange(mark.scores...)
    }

    func write(to sink: drover_sink) throws(SchedulerFault) {
        try write(placements, to: sink)
        try write(failures, to: sink)
        try write(preemptions, to: sink)
        try write(assignments, to: sink)
        try write(scores, to: sink)
    }

    private func write<Record>(_ records: [Record], to sink: drover_sink) throws(SchedulerFault) {
        guard !records.isEmpty, let write = sink.write else { return }
        let code = records.withUnsafeBytes { bytes in
            let data = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            return write(sink.context, drover_bytes(data: data, length: UInt64(bytes.count)))
        }
        guard code == DROVER_OK else {
            throw SchedulerFault(code: code, message: "the host took no more records")
        }
    }
}
