import CDroverABI
import Model
import StateStore

/// Reads the records a scheduler wrote, trusting nothing in them.
struct AnswerReader {
    /// A placement: ordinal, node and score in 1/65,536.
    struct Placement {
        var ordinal: Int
        var node: NodeRow
        var score: Int32
    }

    /// A device instance chosen for an instance: its place in the view's list.
    struct Assignment {
        var index: Int
    }

    /// Placements and scores of one group.
    struct Group {
        var placements: [Placement] = []
        /// Numbers of the candidates evicted for an instance, by its ordinal.
        var victims: [Int: [Int]] = [:]
        /// Devices chosen for an instance, by its ordinal, in the order of the group's asks.
        var devices: [Int: [Assignment]] = [:]
        var scores: [drover_score] = []
    }

    private(set) var groups: [Group]
    private let problem: PlacementProblem
    private let nodeLimit: Int
    private var taken: [Set<UInt32>]
    private var evicted: Set<UInt64> = []
    /// What the placements come to, held against the job's limits.
    private(set) var tally = LimitTally()

    /// Bytes of an answer at most; the rest of a larger one would not be a sensible plan.
    static let bytesMax = 256 << 20

    /// Reads all records.
    ///
    /// - Throws: for a record that is cut off or of unknown shape, names a group, ordinal or node that does not exist, or
    ///   places an instance twice, where it may not go, or where one of the job's limits allows no more.
    init(_ bytes: UnsafeRawBufferPointer, problem: PlacementProblem, nodeLimit: Int) throws(PlacementFault) {
        guard bytes.count <= Self.bytesMax else { throw PlacementFault("the answer has \(bytes.count) bytes") }
        self.problem = problem
        self.nodeLimit = nodeLimit
        groups = problem.groups.map { _ in Group() }
        taken = problem.groups.map { _ in [] }
        for index in groups.indices { groups[index].placements.reserveCapacity(problem.groups[index].request.count) }
        var offset = 0
        while offset < bytes.count {
            guard bytes.count - offset >= 8 else {
                throw PlacementFault("the answer ends inside a record at byte \(offset)")
            }
            let kind = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            let size = Int(bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
            guard size >= 8, size % 8 == 0, size <= bytes.count - offset else {
                throw PlacementFault("the record at byte \(offset) has size \(size)")
            }
            try read(kind, UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + size)]))
            offset += size
        }
    }

    private mutating func read(_ kind: UInt32, _ record: UnsafeRawBufferPointer) throws(PlacementFault) {
        switch kind {
        case UInt32(DROVER_RECORD_PLACEMENT):
            try place(try load(record, as: drover_placement.self))
        case UInt32(DROVER_RECORD_SCORE):
            let score = try load(record, as: drover_score.self)
            guard Int(score.group) < groups.count, Int(score.node) < nodeLimit else { return }
            if groups[Int(score.group)].scores.count < 64 { groups[Int(score.group)].scores.append(score) }
        // What is short is counted by the core itself, so that every strategy's failures read alike.
        case UInt32(DROVER_RECORD_FAILURE): return
        case UInt32(DROVER_RECORD_ASSIGNMENT): try assign(try load(record, as: drover_assignment.self))
        case UInt32(DROVER_RECORD_PREEMPTION): try evict(try load(record, as: drover_preemption.self))
        default: throw PlacementFault("the answer has a record of unknown kind \(kind)")
        }
    }

    private func load<Record: BitwiseCopyable>(
        _ record: UnsafeRawBufferPointer, as type: Record.Type
    ) throws(PlacementFault) -> Record {
        guard record.count >= MemoryLayout<Record>.size else {
            throw PlacementFault("a record of \(record.count) bytes is too short for its kind")
        }
        return record.loadUnaligned(as: type)
    }

    /// Cores are chosen by the host, whatever a scheduler says of them.
    private mutating func assign(_ raw: drover_assignment) throws(PlacementFault) {
        guard raw.problem == 0, Int(raw.group) < groups.count else {
            throw PlacementFault("a device is assigned to group \(raw.group) of problem \(raw.problem)")
        }
        guard raw.what == UInt32(DROVER_ASSIGN_DEVICE) else { return }
        groups[Int(raw.group)].devices[Int(raw.ordinal), default: []].append(Assignment(index: Int(raw.index)))
    }

    private mutating func evict(_ raw: drover_preemption) throws(PlacementFault) {
        let candidates = problem.candidates.rows
        guard raw.problem == 0, Int(raw.group) < groups.count, raw.allocation < UInt64(candidates.count) else {
            throw PlacementFault(
                "the answer evicts allocation \(raw.allocation) of \(candidates.count) for group \(raw.group)")
        }
        guard candidates[Int(raw.allocation)].node == raw.node, evicted.insert(raw.allocation).inserted else {
            throw PlacementFault("allocation \(raw.allocation) is evicted twice, or from a node it is not on")
        }
        groups[Int(raw.group)].victims[Int(raw.ordinal), default: []].append(Int(raw.allocation))
    }

    private mutating func place(_ raw: drover_placement) throws(PlacementFault) {
        guard raw.problem == 0, Int(raw.group) < groups.count else {
            throw PlacementFault("a placement names group \(raw.group) of problem \(raw.problem)")
        }
        let index = Int(raw.group)
        let group = problem.groups[index]
        let isEachNode = group.request.nodes != nil
        guard Int(raw.ordinal) < group.request.count else {
            throw PlacementFault(
                "a placement names instance \(raw.ordinal) of \(group.request.count) of group \(group.name)")
        }
        guard Int(raw.node) < nodeLimit, group.allowed.contains(raw.node) else {
            throw PlacementFault(
                "instance \(raw.ordinal) of group \(group.name) was put on node \(raw.node), which it must not use")
        }
        guard taken[index].insert(isEachNode ? raw.node : raw.ordinal).inserted else {
            throw PlacementFault("instance \(raw.ordinal) of group \(group.name) was placed twice")
        }
        if let limit = tally.add(to: group.limits, on: raw.node) {
            throw PlacementFault(
                "instance \(raw.ordinal) of group \(group.name) on node \(raw.node) is one too many for \(limit.label)")
        }
        groups[index].placements.append(
            Placement(ordinal: Int(raw.ordinal), node: raw.node, score: raw.score))
    }
}
