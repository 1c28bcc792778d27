import Basics
import CDroverABI
import PluginHost
import Synchronization

/// Schedulers by name, each doing as it is told.
final class FakeSchedulers: SchedulerRegistry {
    let schedulers: [String: FakeScheduler]

    /// The four stock ones, and `bold`, which places services and batch jobs.
    init() {
        let stock = ["batch", "service", "sysbatch", "system"].map { FakeScheduler($0, kinds: [$0]) }
        let all = stock + [FakeScheduler("bold", kinds: ["service", "batch"])]
        schedulers = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
    }

    var schedulerNames: [String] { schedulers.keys.sorted() }

    func scheduler(named name: String) -> (any Scheduler)? { schedulers[name] }

    func tell(_ name: String, _ conduct: FakeScheduler.Conduct) { schedulers[name]?.conduct.withLock { $0 = conduct } }

    func calls(of name: String) -> Int { schedulers[name]?.calls.withLock { $0 } ?? 0 }
}

/// Puts all instances of a group on one node, or one on each where the group asks for that.
final class FakeScheduler: Scheduler {
    enum Conduct: Sendable {
        /// On the feasible node with the lowest row, or with the highest.
        case first
        case last
        /// On a node that is none.
        case nowhere
        case answer([UInt8])
        case error(PluginError)
        /// Whatever this answers to view and batch.
        case ask(@Sendable (Block, Block) throws -> [UInt8])
    }

    let name: String
    let kinds: [String]
    let conduct = Mutex(Conduct.first)
    let calls = Mutex(0)

    init(_ name: String, kinds: [String]) {
        self.name = name
        self.kinds = kinds
    }

    func place(view: Block, batch: Block, deadline: Uptime) throws -> [UInt8] {
        calls.withLock { $0 += 1 }
        switch conduct.withLock({ $0 }) {
        case .first: return records(batch) { $0.first }
        case .last: return records(batch) { $0.last }
        case .nowhere: return records(batch) { _ in 4_000 }
        case .answer(let bytes): return bytes
        case .error(let error): throw error
        case .ask(let answer): return try answer(view, batch)
        }
    }

    private func records(_ batch: Block, choose: ([UInt32]) -> UInt32?) -> [UInt8] {
        let head = batch.base.load(as: drover_problem_batch.self)
        let problem = batch.base.load(fromByteOffset: Int(head.problems), as: drover_problem.self)
        var bytes: [UInt8] = []
        for group in 0..<problem.group_count {
            let offset = Int(problem.groups) + Int(group) * MemoryLayout<drover_group_ask>.stride
            let ask = batch.base.load(fromByteOffset: offset, as: drover_group_ask.self)
            let rows = feasible(batch, ask)
            guard let node = choose(rows) else { continue }
            let isEachNode = ask.mode == UInt32(DROVER_MODE_EACH_NODE)
            let nodes = isEachNode ? rows : Array(repeating: node, count: Int(ask.count))
            for (ordinal, node) in nodes.enumerated() {
                var placement = drover_placement()
                placement.kind = UInt32(DROVER_RECORD_PLACEMENT)
                placement.size = UInt32(MemoryLayout<drover_placement>.size)
                placement.group = group
                placement.ordinal = UInt32(ordinal)
                placement.node = node
                placement.score = DROVER_SCORE_ONE / 2
                withUnsafeBytes(of: placement) { bytes += $0 }
            }
        }
        return bytes
    }

    /// The rows below 64 that may take the group.
    private func feasible(_ batch: Block, _ ask: drover_group_ask) -> [UInt32] {
        let word = batch.base.load(fromByteOffset: Int(ask.feasible), as: UInt64.self)
        return (0..<64).filter { word >> UInt64($0) & 1 != 0 }
    }
}
