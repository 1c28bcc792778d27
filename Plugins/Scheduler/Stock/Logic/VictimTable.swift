import CDroverABI

/// The allocations a problem may evict, by node, and which of them are gone. A workspace's own, like its columns.
final class VictimTable {
    /// Allocations this batch has evicted, in whatever problem: each is evicted once.
    var evicted: Set<UInt64> = []
    /// Numbers of those evicted for this problem, in order.
    private(set) var taken: [Int] = []
    private var batch: UnsafeRawPointer?
    private var first: UnsafeRawPointer?
    private var stride = 0
    private(set) var count = 0
    /// Where each node's victims begin, and where the last one's end; empty until a group needs it.
    private var starts: [UInt32] = []
    private var isOpen: [Bool] = []
    /// Evictions of this problem by the victims' job and group.
    private var evictions: [UInt32: Int] = [:]

    /// How much lower than the problem's a victim's priority must be.
    private static let priorityGap: Int64 = 10

    func beginBatch() {
        evicted.removeAll(keepingCapacity: true)
        count = 0
    }

    /// Takes over a problem's candidates; none without permission to pre-empt.
    func begin(_ problem: UnsafePointer<drover_problem>, batch: UnsafeRawPointer) {
        let mayPreempt = problem.pointee.flags & UInt32(DROVER_MAY_PREEMPT) != 0 && problem.pointee.candidates != 0
        count = mayPreempt ? Int(problem.pointee.candidate_count) : 0
        starts.removeAll(keepingCapacity: true)
        evictions.removeAll(keepingCapacity: true)
        taken.removeAll(keepingCapacity: true)
        guard count > 0 else { return }
        self.batch = batch
        let first = batch.advanced(by: Int(problem.pointee.candidates))
        self.first = first
        stride = Int(first.load(as: UInt32.self))
        let priorityMax = Int64(problem.pointee.priority) - Self.priorityGap
        isOpen = (0..<count).map { !isEvicted($0) && Int64(self[$0].pointee.priority) <= priorityMax }
    }

    /// Makes ``numbers(of:)`` work.
    func index(nodeCount: Int) {
        guard starts.isEmpty else { return }
        starts = [UInt32](repeating: 0, count: nodeCount + 1)
        for number in 0..<count {
            let node = Int(self[number].pointee.node)
            if node < nodeCount { starts[node + 1] += 1 }
        }
        for row in 0..<nodeCount { starts[row + 1] += starts[row] }
    }

    subscript(number: Int) -> UnsafePointer<drover_candidate> {
        guard let first else { preconditionFailure("victim \(number) of an empty table") }
        return first.advanced(by: number * stride).assumingMemoryBound(to: drover_candidate.self)
    }

    /// The victims of a node, lowest priority first, those gone included.
    func numbers(of row: Int) -> Range<Int> { Int(starts[row])..<Int(starts[row + 1]) }

    /// Whether the allocation is still there and may be evicted.
    func isOpen(_ number: Int) -> Bool { isOpen[number] }

    func isEvicted(_ number: Int) -> Bool { !evicted.isEmpty && evicted.contains(self[number].pointee.allocation) }

    /// How hard the job and group of a victim has been hit: grows with the logarithm, so that costs change seldom.
    func burden(of number: Int) -> Int64 {
        guard !evictions.isEmpty, let count = evictions[self[number].pointee.job] else { return 0 }
        return Int64(Int.bitWidth - count.leadingZeroBitCount)
    }

    func markEvicted(_ number: Int) {
        let victim = self[number].pointee
        isOpen[number] = false
        taken.append(number)
        evicted.insert(victim.allocation)
        evictions[victim.job, default: 0] += 1
    }

    /// The allocation stays after all.
    func unmarkEvicted(_ number: Int) { evicted.remove(self[number].pointee.allocation) }

    // MARK: - What a victim holds

    func resources(of number: Int) -> UnsafePointer<Int64> {
        UnsafeRawPointer(self[number]).advanced(by: MemoryLayout<drover_candidate>.offset(of: \.resources) ?? 0)
            .assumingMemoryBound(to: Int64.self)
    }

    func devices(of number: Int) -> UnsafeBufferPointer<drover_device_share> {
        let victim = self[number].pointee
        return UnsafeBufferPointer(start: batch?.optionalArray(victim.devices), count: Int(victim.device_count))
    }

    func staticPorts(of number: Int) -> UnsafeBufferPointer<UInt32> {
        let victim = self[number].pointee
        return UnsafeBufferPointer(
            start: batch?.optionalArray(victim.static_ports), count: Int(victim.static_port_count))
    }

    /// Whether the victim holds a static port that `group` needs.
    func holdsPort(of group: GroupAsk, _ number: Int) -> Bool {
        let victim = self[number].pointee
        guard victim.static_port_count > 0, let batch else { return false }
        let ports: UnsafePointer<UInt32>? = batch.optionalArray(victim.static_ports)
        return (0..<Int(victim.static_port_count)).contains { number in
            ports.map { group.needs(port: $0[number]) } ?? false
        }
    }
}
