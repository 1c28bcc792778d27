import CDroverABI

/// A problem as plain values; several are written as a `drover_problem_batch`.
struct TestProblem {
    var kind = UInt32(DROVER_KIND_SERVICE)
    var flags: UInt32 = 0
    var seed: UInt64 = 1
    var priority: UInt32 = 50
    var groups: [TestGroup] = []
    /// Sorted by node, then priority.
    var candidates: [TestCandidate] = []

    struct TestGroup {
        var mode = UInt32(DROVER_MODE_COUNT)
        var count = 1
        /// Nil: as many as `count`.
        var desiredCount: Int?
        var ask: [Int64] = [500, 0, 256, 0, 0, 0]
        var maxPerNode: UInt32 = 0
        var gang: UInt32 = 0
        var staticPorts: [UInt32] = []
        var devices: [TestDeviceAsk] = []
        var feasible: [UInt64] = []
        var sameJob: [UInt32] = []
        var affinity: [Int32] = []
        var spreads: [TestSpread] = []
        var priorNodes: [UInt32] = []
        var priorMovable: UInt32 = 0
    }

    struct TestDeviceAsk {
        var count: UInt32 = 1
        /// By device group.
        var shares: [UInt32] = [1_000]
        var affinity: [Int32] = []
        var sameNUMA: UInt32 = 0
    }

    struct TestSpread {
        var weight: UInt32 = 50
        var values: [UInt32]
        var target: [Int32] = []
        var current: [UInt32]
    }

    struct TestCandidate {
        var node: Int
        var priority: UInt32 = 20
        var job: UInt32 = 0
        var allocation: UInt64
        var resources: [Int64] = [500, 0, 256, 0, 0, 0]
        /// Rows of `devices` and shares of them.
        var devices: [(index: Int, share: UInt32)] = []
        var staticPorts: [UInt32] = []
    }

    static func block(_ problems: [TestProblem]) -> [UInt64] {
        var writer = BlockWriter(headSize: MemoryLayout<drover_problem_batch>.size)
        var batch = drover_problem_batch()
        batch.problem_count = UInt32(problems.count)
        let written = problems.map { $0.write(into: &writer) }
        batch.problems = writer.append(written)
        return writer.finished(batch, \.head)
    }

    private func write(into writer: inout BlockWriter) -> drover_problem {
        var problem = drover_problem()
        problem.size = UInt32(MemoryLayout<drover_problem>.size)
        problem.kind = kind
        problem.flags = flags
        problem.seed = seed
        problem.priority = priority
        problem.group_count = UInt32(groups.count)
        let written = groups.map { $0.write(into: &writer) }
        problem.groups = writer.append(written)
        problem.candidate_count = UInt32(candidates.count)
        let offered = candidates.map { $0.write(into: &writer) }
        problem.candidates = writer.append(offered)
        return problem
    }
}

extension TestProblem.TestGroup {
    fileprivate func write(into writer: inout BlockWriter) -> drover_group_ask {
        var group = drover_group_ask()
        group.size = UInt32(MemoryLayout<drover_group_ask>.size)
        group.mode = mode
        group.count = UInt32(count)
        group.desired_count = UInt32(desiredCount ?? count)
        group.max_per_node = maxPerNode
        group.gang = gang
        dimensions(ask, into: &group.ask)
        group.feasible = writer.append(feasible)
        group.same_job = writer.append(sameJob)
        group.affinity = writer.append(affinity)
        group.static_ports = writer.append(staticPorts)
        group.static_port_count = UInt32(staticPorts.count)
        group.prior_nodes = writer.append(priorNodes)
        group.prior_movable = priorMovable
        let asks = devices.map { ask in
            drover_device_ask(
                size: UInt32(MemoryLayout<drover_device_ask>.size), count: ask.count, shares: writer.append(ask.shares),
                affinity: writer.append(ask.affinity), same_numa: ask.sameNUMA, reserved: 0)
        }
        group.devices = writer.append(asks)
        group.device_count = UInt32(devices.count)
        let written = spreads.map { spread in
            drover_spread(
                size: UInt32(MemoryLayout<drover_spread>.size), weight: spread.weight,
                value_count: UInt32(spread.current.count), reserved: 0, node_value: writer.append(spread.values),
                target: writer.append(spread.target), current: writer.append(spread.current))
        }
        group.spreads = writer.append(written)
        group.spread_count = UInt32(spreads.count)
        return group
    }
}

extension TestProblem.TestCandidate {
    fileprivate func write(into writer: inout BlockWriter) -> drover_candidate {
        var candidate = drover_candidate()
        candidate.size = UInt32(MemoryLayout<drover_candidate>.size)
        candidate.node = UInt32(node)
        candidate.priority = priority
        candidate.job = job
        candidate.allocation = allocation
        dimensions(resources, into: &candidate.resources)
        candidate.devices = writer.append(
            devices.map { drover_device_share(index: UInt32($0.index), share_milli: $0.share) })
        candidate.device_count = UInt32(devices.count)
        candidate.static_ports = writer.append(staticPorts)
        candidate.static_port_count = UInt32(staticPorts.count)
        return candidate
    }
}
