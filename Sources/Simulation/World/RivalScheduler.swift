internal import Basics
internal import CDroverABI
internal import PluginHost

/// The stock schedulers and a rival to them, which clusters choose at times and try in the shadow at others.
struct RivalSchedulers: SchedulerRegistry {
    static let name = "rival"

    let stock: any SchedulerRegistry

    var schedulerNames: [String] { (stock.schedulerNames + [RivalSchedulers.name]).sorted() }

    func scheduler(named name: String) -> (any Scheduler)? {
        name == RivalSchedulers.name ? RivalScheduler(stock: stock) : stock.scheduler(named: name)
    }
}

/// Places as the stock schedulers do, but fills machines where they spread and spreads where they fill.
private struct RivalScheduler: Scheduler {
    let stock: any SchedulerRegistry

    var name: String { RivalSchedulers.name }
    var kinds: [String] { ["service", "batch"] }

    func place(view: Block, batch: Block, deadline: Uptime) throws -> [UInt8] {
        var bytes = [UInt8](UnsafeRawBufferPointer(start: batch.base, count: batch.length))
        let kind = bytes.withUnsafeMutableBytes { bytes in
            let head = bytes.load(as: drover_problem_batch.self)
            var problem = bytes.load(fromByteOffset: Int(head.problems), as: drover_problem.self)
            let spreads = problem.algorithm == UInt32(DROVER_ALGORITHM_SPREAD)
            problem.algorithm = UInt32(spreads ? DROVER_ALGORITHM_BINPACK : DROVER_ALGORITHM_SPREAD)
            bytes.storeBytes(of: problem, toByteOffset: Int(head.problems), as: drover_problem.self)
            return problem.kind
        }
        let name = kind == UInt32(DROVER_KIND_BATCH) ? "batch" : "service"
        guard let scheduler = stock.scheduler(named: name) else {
            throw PluginError(.unavailable, "\(name) is not loaded")
        }
        return try bytes.withUnsafeBytes {
            try scheduler.place(view: view, batch: Block(copying: $0), deadline: deadline)
        }
    }
}
