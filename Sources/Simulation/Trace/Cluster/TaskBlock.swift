internal import CDroverABI
internal import PluginHost

/// The batch for one task: one problem of one group that wants one instance.
final class TaskBlock {
    private let memory: BlockMemory
    private let problemOffset: UInt64
    private let groupOffset: UInt64
    private let askOffset: UInt64
    private let shares: UnsafeMutablePointer<UInt32>
    private let feasible: UnsafeMutablePointer<UInt64>
    private let batch: drover_problem_batch
    private var group = drover_group_ask()
    private var ask = drover_device_ask()
    /// By shape: nodes whose devices could ever do.
    private var possible: [Int: [UInt64]] = [:]

    init(_ cluster: TraceCluster) {
        let groupCount = cluster.layout.groups.count
        var layout = BlockMemory.Layout(drover_problem_batch.self)
        problemOffset = layout.array(drover_problem.self, 1)
        groupOffset = layout.array(drover_group_ask.self, 1)
        askOffset = layout.array(drover_device_ask.self, 1)
        ask.size = UInt32(MemoryLayout<drover_device_ask>.size)
        ask.shares = layout.array(UInt32.self, groupCount)
        group.size = UInt32(MemoryLayout<drover_group_ask>.size)
        group.count = 1
        group.desired_count = 1
        group.feasible = layout.array(UInt64.self, (cluster.trace.nodes.count + 63) / 64)
        memory = BlockMemory(layout)
        shares = memory.array(ask.shares)
        feasible = memory.array(group.feasible)
        var batch = drover_problem_batch()
        batch.head = memory.head(of: drover_problem_batch.self)
        batch.problem_count = 1
        batch.problems = problemOffset
        self.batch = batch
    }

    /// The batch that asks for an instance of `shape`; good until the next call.
    func block(_ shape: Int, seed: UInt64, on cluster: TraceCluster) -> Block {
        let wanted = cluster.trace.shapes[shape]
        var problem = drover_problem()
        problem.size = UInt32(MemoryLayout<drover_problem>.size)
        problem.kind = UInt32(DROVER_KIND_BATCH)
        problem.seed = seed
        problem.priority = 50
        problem.group_count = 1
        problem.groups = groupOffset
        withUnsafeMutableBytes(of: &group.ask) {
            $0.copyBytes(from: cluster.amounts(shape).withUnsafeBytes(Array.init))
        }
        ask.count = UInt32(wanted.deviceCount)
        group.devices = wanted.deviceCount > 0 ? askOffset : 0
        group.device_count = wanted.deviceCount > 0 ? 1 : 0
        for (number, share) in cluster.shares(shape).enumerated() { shares[number] = share }
        for (number, word) in possibleNodes(shape, cluster).enumerated() { feasible[number] = word }
        memory.store(batch, at: 0)
        memory.store(problem, at: problemOffset)
        memory.store(group, at: groupOffset)
        memory.store(ask, at: askOffset)
        return memory.block
    }

    /// As the agent's device checker has it: nodes with enough devices of a model that will do, whatever is free of them.
    private func possibleNodes(_ shape: Int, _ cluster: TraceCluster) -> [UInt64] {
        if let known = possible[shape] { return known }
        let wanted = cluster.trace.shapes[shape]
        var words = [UInt64](repeating: 0, count: (cluster.trace.nodes.count + 63) / 64)
        for (row, node) in cluster.trace.nodes.enumerated() {
            let suits = node.deviceCount >= wanted.deviceCount && wanted.allows(node.deviceModel)
            if wanted.deviceCount == 0 || suits { words[row / 64] |= 1 << UInt64(row % 64) }
        }
        possible[shape] = words
        return words
    }
}
