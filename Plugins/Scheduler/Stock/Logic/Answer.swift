package import CDroverABI

/// The records of a batch, until they go to the host in one write a kind.
package struct Answer {
    package var placements: [drover_placement] = []
    package var failures: [drover_failure] = []
    package var scores: [drover_score] = []
    package var assignments: [drover_assignment] = []

    package init() {}

    mutating func removeAll() {
        placements.removeAll(keepingCapacity: true)
        failures.removeAll(keepingCapacity: true)
        scores.removeAll(keepingCapacity: true)
        assignments.removeAll(keepingCapacity: true)
    }

    func write(to sink: drover_sink) throws(SchedulerFault) {
        try write(placements, to: sink)
        try write(failures, to: sink)
        try write(scores, to: sink)
        try write(assignments, to: sink)
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
