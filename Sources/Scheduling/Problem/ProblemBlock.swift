import CDroverABI
import Model

/// A `drover_problem_batch` of one problem under construction, in memory that is kept for the next one.
final class ProblemBlock {
    private let block = AlignedBlock(capacity: 64 * 1024)
    private var problem = 0
    private var groups = 0

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: block.base, count: block.length) }

    /// Starts a problem of `count` groups.
    func begin(groupCount count: Int, _ fill: (inout drover_problem) -> Void) {
        block.reset()
        _ = block.reserve(1, of: drover_problem_batch.self)
        problem = block.reserve(1, of: drover_problem.self)
        groups = block.reserve(count, of: drover_group_ask.self)
        var value = drover_problem()
        value.size = UInt32(MemoryLayout<drover_problem>.size)
        value.group_count = UInt32(count)
        value.groups = UInt64(groups)
        fill(&value)
        block.pointer(problem, of: drover_problem.self).pointee = value
    }

    /// Writes group number `index`.
    func setGroup(_ index: Int, _ value: drover_group_ask) {
        block.pointer(groups, of: drover_group_ask.self)[index] = value
    }

    func setDeltas(_ deltas: [drover_usage_delta]) {
        guard !deltas.isEmpty else { return }
        let offset = append(deltas)
        block.pointer(problem, of: drover_problem.self).pointee.deltas = offset
        block.pointer(problem, of: drover_problem.self).pointee.delta_count = UInt32(deltas.count)
    }

    func setDeviceDeltas(_ shares: [drover_device_share]) {
        guard !shares.isEmpty else { return }
        let offset = append(shares)
        block.pointer(problem, of: drover_problem.self).pointee.device_deltas = offset
        block.pointer(problem, of: drover_problem.self).pointee.device_delta_count = UInt32(shares.count)
    }

    /// Lets the problem evict.
    func setCandidates(_ candidates: [drover_candidate]) {
        guard !candidates.isEmpty else { return }
        let offset = append(candidates)
        let problem = block.pointer(problem, of: drover_problem.self)
        problem.pointee.candidates = offset
        problem.pointee.candidate_count = UInt32(candidates.count)
        problem.pointee.flags |= UInt32(DROVER_MAY_PREEMPT)
    }

    /// Nanoseconds on the host's monotonic clock; later answers are thrown away.
    func setDeadline(_ nanoseconds: Int64) {
        block.pointer(problem, of: drover_problem.self).pointee.deadline_ns = nanoseconds
    }

    /// Adds an array; returns its offset, as the ABI wants it.
    func append<Element: BitwiseCopyable>(_ elements: [Element]) -> UInt64 {
        let offset = block.reserve(elements.count, of: Element.self)
        elements.withUnsafeBufferPointer { buffer in
            if let start = buffer.baseAddress {
                block.pointer(offset, of: Element.self).update(from: start, count: elements.count)
            }
        }
        return UInt64(offset)
    }

    /// Completes the head; the block can be handed out.
    func finish() {
        let head = block.pointer(0, of: drover_problem_batch.self)
        head.pointee.head.length = UInt64(block.length)
        head.pointee.head.struct_size = UInt32(MemoryLayout<drover_problem_batch>.size)
        head.pointee.problem_count = 1
        head.pointee.problems = UInt64(problem)
    }
}
