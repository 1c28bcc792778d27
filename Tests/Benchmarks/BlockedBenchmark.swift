import Basics
import Broker
import Model

/// 10,000 blocked evaluations that ask for 10,000 different amounts: what it costs to give out the room of one node, by itself, without
/// agents.
enum BlockedBenchmark: Benchmark {
    static let name = "blocked"

    private static let count = 10_000
    private static let turns = 10

    static func run() async throws -> BenchmarkReport {
        var figures: [(String, Double)] = []
        for (name, evicts, classes) in [("", false, 1), ("evicting_", true, 1), ("constrained_", false, count)] {
            var blocked = BlockedEvaluations()
            let begin = seconds()
            for number in 0..<count { block(number, evicts: evicts, classes: classes, in: &blocked) }
            figures.append((name + "block_us", rounded((seconds() - begin) / Double(count) * 1e6)))
            // Room for nobody, for one of them, and for as many as a whole node holds.
            for (what, cpu) in [("none", 50), ("one", 150), ("node", 20_000)] as [(String, Int64)] {
                let (cost, woken) = serve(cpu: cpu, evicts: evicts, classes: classes, in: &blocked)
                figures.append((name + "free_for_\(what)_us", cost))
                figures.append((name + "free_for_\(what)_woken", woken))
            }
        }
        return BenchmarkReport(setup: [("evaluations", .integer(Int64(count)))], figures: figures)
    }

    /// Microseconds for a node with `cpu` MHz free, and how many it wakes, which then wait again.
    private static func serve(
        cpu: Int64, evicts: Bool, classes: Int, in blocked: inout BlockedEvaluations
    ) -> (cost: Double, woken: Double) {
        var (spent, woken) = (0.0, 0)
        for turn in 0..<turns {
            blocked.free(node: 1, index: UInt64(1_000_000 + turn))
            var free = RoomAmounts()
            (free.cpu, free.memory, free.disk) = (cpu, cpu * 2, 1 << 20)
            let held = evicts ? Dictionary(uniqueKeysWithValues: (0..<5).map { ($0 + 60, free) }) : [:]
            let room = NodeRoom(computedClass: "v1:0", nodePool: "default", free: free, held: held)
            let begin = seconds()
            let served = blocked.serve(node: 1, room: room)
            spent += seconds() - begin
            woken += served.count
            for evaluation in served {
                _ = blocked.settle(evaluation.id)
                block(Int(evaluation.id.low), evicts: evicts, classes: classes, in: &blocked)
            }
        }
        return (rounded(spent / Double(turns) * 1e6), rounded(Double(woken) / Double(turns)))
    }

    /// The one of that number asks for amounts of its own, from 100 MHz on; with `classes` for classes of its own too.
    private static func block(_ number: Int, evicts: Bool, classes: Int, in blocked: inout BlockedEvaluations) {
        var evaluation = Evaluation()
        evaluation.id = ID(high: 1, low: UInt64(number))
        evaluation.namespace = "default"
        evaluation.jobID = "job\(number)"
        evaluation.createIndex = UInt64(number)
        evaluation.snapshotIndex = 1
        evaluation.classEligibility = ["v1:0": true, "v1:\(1 + number % classes)": false]
        var amounts = RoomAmounts()
        (amounts.cpu, amounts.memory, amounts.disk) = (Int64(100 + number), Int64(100 + number * 7 % 10_000), 300)
        let need = PlacementNeed(groups: [.init(amounts: amounts)], evictsUpTo: evicts ? 40 : nil)
        _ = blocked.block(evaluation, nodePool: "default", need: need)
    }
}
