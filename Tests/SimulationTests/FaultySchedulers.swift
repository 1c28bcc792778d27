import Basics
import PluginHost
import Synchronization

/// The schedulers of a simulation, of which `rival` fails in another way each time, with an honest answer in between.
struct FaultySchedulers: SchedulerRegistry {
    private let stock: any SchedulerRegistry
    private let faulty: FaultyScheduler?

    init(stock: any SchedulerRegistry) {
        self.stock = stock
        faulty = stock.scheduler(named: "rival").map(FaultyScheduler.init)
    }

    var schedulerNames: [String] { stock.schedulerNames }

    func scheduler(named name: String) -> (any Scheduler)? { name == "rival" ? faulty : stock.scheduler(named: name) }
}

/// A scheduler that is late, crashes, answers nonsense or puts things where they must not be.
final class FaultyScheduler: Scheduler {
    private let honest: any Scheduler
    private let calls = Mutex(0)

    init(_ honest: any Scheduler) { self.honest = honest }

    var name: String { honest.name }
    var kinds: [String] { honest.kinds }

    func place(view: Block, batch: Block, deadline: Uptime) throws -> [UInt8] {
        let number = calls.withLock { calls in
            calls += 1
            return calls
        }
        var records = try honest.place(view: view, batch: batch, deadline: deadline)
        switch number % 5 {
        case 0: throw PluginError(.deadline, "place answered after its deadline")
        case 1: throw PluginError(.crashed, "ended by signal 11 during place")
        case 2: return Array(repeating: 0x2a, count: 40)
        case 3:
            // Node numbers are the 4 bytes at offset 20 of a record: this one is none.
            if records.count >= 24 { records.replaceSubrange(20..<24, with: [0xff, 0xff, 0xff, 0x7f]) }
            return records
        default: return records
        }
    }
}
