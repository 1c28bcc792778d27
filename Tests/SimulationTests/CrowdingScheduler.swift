import Basics
import CDroverABI
import PluginHost
import Synchronization

/// The stock schedulers, each behind a ``CrowdingScheduler``.
struct CrowdingSchedulers: SchedulerRegistry {
    private let schedulers: [String: CrowdingScheduler]

    init(stock: any SchedulerRegistry) {
        let found = stock.schedulerNames.compactMap { stock.scheduler(named: $0).map(CrowdingScheduler.init) }
        schedulers = Dictionary(uniqueKeysWithValues: found.map { ($0.name, $0) })
    }

    var schedulerNames: [String] { schedulers.keys.sorted() }

    func scheduler(named name: String) -> (any Scheduler)? { schedulers[name] }
}

/// Asks a real scheduler and, every other time, moves all its placements to the node of the first.
final class CrowdingScheduler: Scheduler {
    private let stock: any Scheduler
    private let calls = Mutex(0)

    init(_ stock: any Scheduler) { self.stock = stock }

    var name: String { stock.name }
    var kinds: [String] { stock.kinds }

    func place(view: Block, batch: Block, deadline: Uptime) throws -> [UInt8] {
        var records = try stock.place(view: view, batch: batch, deadline: deadline)
        let isHonest = calls.withLock { calls in
            calls += 1
            return calls % 2 == 0
        }
        if isHonest { return records }
        records.withUnsafeMutableBytes { bytes in
            var first: UInt32?
            var at = 0
            while at < bytes.count {
                if bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self) == UInt32(DROVER_RECORD_PLACEMENT) {
                    let node = first ?? bytes.loadUnaligned(fromByteOffset: at + 20, as: UInt32.self)
                    first = node
                    bytes.storeBytes(of: node, toByteOffset: at + 20, as: UInt32.self)
                }
                at += Int(bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self))
            }
        }
        return records
    }
}
