package import CDroverABI

/// One `drover_group_ask`, with its columns as pointers.
package struct GroupAsk {
    package let raw: UnsafePointer<drover_group_ask>
    package let problem: Int
    package let index: Int
    package let kind: UInt32
    package let algorithm: UInt32
    package let seed: UInt64
    package let priority: UInt32
    package let wantsScores: Bool
    package let wantsEveryScore: Bool
    package let feasible: UnsafePointer<UInt64>?
    package let penalty: UnsafePointer<UInt64>?
    package let sameJob: UnsafePointer<UInt32>?
    package let affinity: UnsafePointer<Int32>?
    package let staticPorts: UnsafePointer<UInt32>?
    package let priorNodes: UnsafePointer<UInt32>?
    private let batch: UnsafeRawPointer

    package init(
        batch: UnsafeRawPointer, problem: UnsafePointer<drover_problem>, problemIndex: Int, index: Int
    ) {
        let raw: UnsafePointer<drover_group_ask> = batch.element(problem.pointee.groups, index)
        self.batch = batch
        self.raw = raw
        self.problem = problemIndex
        self.index = index
        kind = problem.pointee.kind
        algorithm = problem.pointee.algorithm
        seed = problem.pointee.seed
        priority = problem.pointee.priority
        wantsScores = problem.pointee.flags & UInt32(DROVER_WANT_SCORES) != 0
        wantsEveryScore = problem.pointee.flags & UInt32(DROVER_WANT_EVERY_SCORE) != 0
        feasible = batch.optionalArray(raw.pointee.feasible)
        penalty = batch.optionalArray(raw.pointee.penalty)
        sameJob = batch.optionalArray(raw.pointee.same_job)
        affinity = batch.optionalArray(raw.pointee.affinity)
        staticPorts = batch.optionalArray(raw.pointee.static_ports)
        priorNodes = batch.optionalArray(raw.pointee.prior_nodes)
    }

    package var isEachNode: Bool { raw.pointee.mode == UInt32(DROVER_MODE_EACH_NODE) }
    package var count: Int { Int(raw.pointee.count) }
    package var maxPerNode: UInt32 { raw.pointee.max_per_node }
    package var staticPortCount: Int { staticPorts == nil ? 0 : Int(raw.pointee.static_port_count) }
    package var dynamicPortCount: UInt32 { raw.pointee.dynamic_port_count }
    package var gang: UInt32 { raw.pointee.gang }
    package var spreadCount: Int { raw.pointee.spreads == 0 ? 0 : Int(raw.pointee.spread_count) }
    package var deviceCount: Int { raw.pointee.devices == 0 ? 0 : Int(raw.pointee.device_count) }
    package var limitCount: Int { raw.pointee.limits == 0 ? 0 : Int(raw.pointee.limit_count) }

    /// Instances wanted of the group as a whole, at least 1.
    package var desiredCount: Int64 { Int64(max(1, raw.pointee.desired_count)) }

    /// The amounts one instance asks for, an element a dimension.
    package var amounts: UnsafePointer<Int64> {
        UnsafeRawPointer(raw).advanced(by: MemoryLayout<drover_group_ask>.offset(of: \.ask) ?? 0)
            .assumingMemoryBound(to: Int64.self)
    }

    func spread(_ number: Int) -> SpreadState {
        SpreadState(batch.element(raw.pointee.spreads, number), batch: batch)
    }

    func limit(_ number: Int) -> LimitState {
        LimitState(batch.element(raw.pointee.limits, number), batch: batch)
    }

    /// The group's device asks, in the order they are met; `groupCount` is the view's number of device groups.
    func deviceAsks(groupCount: UInt32) -> [DeviceAsk] {
        (0..<deviceCount).map { number in
            DeviceAsk(batch.element(raw.pointee.devices, number), batch: batch, groupCount: groupCount)
        }
    }

    /// Whether an instance needs static `port`.
    func needs(port: UInt32) -> Bool { (0..<staticPortCount).contains { staticPorts?[$0] == port } }

    /// Breaks ties between equally good nodes: a hash of the problem's seed and the node's key.
    @inline(__always)
    package func tie(_ key: UInt64) -> UInt32 {
        var mixed = (key ^ seed) &* 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ (mixed >> 32)) &* 0xbf58_476d_1ce4_e5b9
        return UInt32(truncatingIfNeeded: mixed >> 32)
    }
}
