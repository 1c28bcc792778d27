import Basics
import Model

extension State {
    /// What the client last reported of the allocation at `row`.
    func report(_ row: UInt32) -> AllocationReport {
        (try? packedReport(row).unpacked()) ?? AllocationReport()
    }

    func packedReport(_ row: UInt32) -> PackedTaskStates {
        let hot = allocations.hot[Int(row)]
        if hot.has(HotRow.statesInExtra), let packed = allocations.extra(row)?.taskStates { return packed }
        guard hot.shape != 0 else { return PackedTaskStates(shape: [], times: []) }
        let times = [hot.stateTime, hot.stateTime + Int64(hot.stateDelta1), hot.stateTime + Int64(hot.stateDelta2)]
        return PackedTaskStates(shape: shapes.values[Int(hot.shape)], times: times)
    }

    /// Stores a report in the row where it fits - a known shape, at most three times within some seconds - else beside it.
    mutating func setReport(_ row: UInt32, _ report: PackedTaskStates) {
        if let compact = compactTimes(report.times), let shape = shapes.intern(report.shape) {
            if allocations.hot[Int(row)].has(HotRow.statesInExtra), var extra = allocations.extra(row) {
                extra.taskStates = nil
                allocations.setExtra(row, extra)
            }
            allocations.hot.update(Int(row)) {
                $0.shape = shape
                $0.stateTime = compact.base
                $0.stateDelta1 = compact.first
                $0.stateDelta2 = compact.second
            }
            return
        }
        var extra = allocations.extra(row) ?? AllocationExtra()
        extra.taskStates = report
        allocations.setExtra(row, extra)
    }

    private func compactTimes(_ times: [Int64]) -> (base: Int64, first: UInt32, second: UInt32)? {
        guard times.count <= 3 else { return nil }
        guard let base = times.first else { return (0, 0, 0) }
        func delta(_ position: Int) -> UInt32? {
            times.count > position
                ? UInt32(exactly: times[position].subtractingReportingOverflow(base).partialValue) : 0
        }
        guard let first = delta(1), let second = delta(2) else { return nil }
        return (base, first, second)
    }

    /// The server's words about what it wants of the allocation at `row`.
    func desiredDescription(_ row: UInt32) -> String {
        let number = allocations.hot[Int(row)].desiredText
        if number == 0, let words = allocations.extra(row)?.desiredDescription { return words }
        return String(decoding: descriptions.values[Int(number)], as: UTF8.self)
    }

    mutating func setDescription(_ row: UInt32, _ text: String) {
        let number = descriptions.intern(Array(text.utf8))
        allocations.hot.update(Int(row)) { $0.desiredText = UInt16(number ?? 0) }
        guard number == nil else { return }
        var extra = allocations.extra(row) ?? AllocationExtra()
        extra.desiredDescription = text
        allocations.setExtra(row, extra)
    }
}
