import Basics
import Broker
import Model
import Testing

/// Room on nodes is given out in turn: few are woken for little room, and nobody is forgotten.
@Suite struct NodeTurnsTests {
    /// One free place and thousands that would take it: one is woken at a time, the next when that one leaves it.
    @Test func oneFreedPlaceWakesOneOfThousands() {
        let turns = Turns()
        for number in 1...5_000 as ClosedRange<UInt64> {
            turns.block(number, need: 500, priority: number == 4_000 ? 90 : 50)
        }
        #expect(turns.free(1, cpu: 400, index: 101).isEmpty)
        #expect(turns.free(1, cpu: 500, index: 102) == [4_000])
        #expect(turns.serve(1, cpu: 500).isEmpty, "it is promised")
        turns.settle(4_000)
        turns.block(4_000, need: 500, priority: 90, snapshot: 102)
        #expect(turns.serve(1, cpu: 500) == [1], "the first has had its turn")
        turns.settle(1)
        #expect(turns.serve(1, cpu: 0).isEmpty, "it took the place")
        #expect(turns.free(1, cpu: 1_200, index: 103) == [4_000, 2])
    }

    /// Who may stop what it has on a node is woken by any room there, and by enough of it elsewhere.
    @Test func ownNodesCountMore() {
        let turns = Turns()
        turns.block(1, need: 500, ownNodes: [7])
        turns.block(2, need: 500)
        #expect(turns.free(3, cpu: 400, index: 101).isEmpty)
        #expect(turns.free(7, cpu: 100, index: 102) == [1])
        turns.settle(1)
        turns.block(1, need: 500, snapshot: 102, ownNodes: [7])
        #expect(turns.serve(7, cpu: 100).isEmpty, "it has seen that")
        #expect(turns.free(3, cpu: 500, index: 103) == [1])
        #expect(turns.free(7, cpu: 500, index: 104) == [2], "the other is not in line any more")
    }

    /// Limits on a job's own allocations open nodes that gained nothing; who had not seen that tries again.
    @Test func whatEndsOfALimitedJobWakesIt() {
        var blocked = BlockedEvaluations()
        let need = PlacementNeed(groups: [.init(amounts: .cpu(500))])
        _ = blocked.block(Turns.evaluation(1), nodePool: "default", need: need)
        _ = blocked.block(Turns.evaluation(2), nodePool: "default", need: need)
        let name = JobName(namespace: "default", id: "job1")
        #expect(blocked.unblock(job: name, index: 101).map(\.id.low) == [1])
        #expect(blocked.unblock(job: name, index: 102).isEmpty)
        let late = Turns.evaluation(1, snapshot: 101)
        #expect(blocked.block(late, nodePool: "default", need: need) == .tryAgain(superseded: nil))
        let now = Turns.evaluation(1, snapshot: 102)
        #expect(blocked.block(now, nodePool: "default", need: need) == .waiting(superseded: nil))
        #expect(blocked.count == 2)
    }

    @Test(
        arguments: [
            // Ports, devices and what is to be evicted count too.
            (need: PlacementNeed(groups: [.init(amounts: .cpu(100), ports: [80])]), woken: false),
            (PlacementNeed(groups: [.init(amounts: .cpu(100), ports: [81])]), true),
            (PlacementNeed(groups: [.init(amounts: .cpu(100, devices: 600))]), false),
            (PlacementNeed(groups: [.init(amounts: .cpu(100, devices: 500))]), true),
            (PlacementNeed(groups: [.init(amounts: .cpu(900))]), false),
            (PlacementNeed(groups: [.init(amounts: .cpu(900)), .init(amounts: .cpu(100))]), true),
            (PlacementNeed(groups: [.init(amounts: .cpu(900))], evictsUpTo: 20), true),
            (PlacementNeed(groups: [.init(amounts: .cpu(900))], evictsUpTo: 19), false),
            (PlacementNeed(groups: [.init(amounts: .cpu(100), ports: [80])], evictsUpTo: 0), true),
            (nil, true),
        ] as [(PlacementNeed?, Bool)])
    func whatIsLackingDecides(need: PlacementNeed?, woken: Bool) {
        var blocked = BlockedEvaluations()
        _ = blocked.block(Turns.evaluation(1), nodePool: "default", need: need)
        blocked.free(node: 1, index: 101)
        let room = NodeRoom(
            computedClass: "a", nodePool: "default", free: .cpu(400, devices: 500), usedPorts: [80],
            held: [20: .cpu(500), 60: .cpu(5_000)])
        #expect(blocked.serve(node: 1, room: room).isEmpty != woken)
    }

    /// Random clusters and workers that work on old states: when all that were woken are settled, nobody waits for whom there
    /// is room, and never are more woken for a node than it may hold.
    @Test(arguments: 1...60)
    func nobodyIsForgotten(seed: Int) {
        var cluster = TurnsCluster(seed: UInt64(seed))
        for _ in 0..<1_500 { cluster.step() }
        cluster.drain()
        #expect(cluster.forgotten.isEmpty, "seed \(seed): \(cluster.forgotten) could be placed and wait")
        #expect(cluster.overbooked == 0, "seed \(seed)")
        #expect(cluster.wakings > 20, "seed \(seed): too little happened")
    }
}

extension RoomAmounts {
    fileprivate static func cpu(_ cpu: Int64, devices: Int64 = 0) -> RoomAmounts {
        var amounts = RoomAmounts()
        (amounts.cpu, amounts.deviceMilli) = (cpu, devices)
        return amounts
    }
}

/// The set behind a reference: the macros of Swift Testing call no mutating methods.
private final class Turns {
    private var blocked = BlockedEvaluations()

    static func evaluation(
        _ number: UInt64, priority: Int = 50, snapshot: UInt64 = 100, classes: [String: Bool] = [:]
    ) -> Evaluation {
        var evaluation = Evaluation()
        evaluation.id = ID(high: 1, low: number)
        evaluation.namespace = "default"
        evaluation.jobID = "job\(number)"
        evaluation.createIndex = number
        evaluation.priority = priority
        evaluation.snapshotIndex = snapshot
        evaluation.classEligibility = classes
        return evaluation
    }

    func block(
        _ number: UInt64, need cpu: Int64, priority: Int = 50, snapshot: UInt64 = 100, ownNodes: Set<UInt32> = []
    ) {
        _ = blocked.block(
            Self.evaluation(number, priority: priority, snapshot: snapshot), nodePool: "default",
            need: PlacementNeed(groups: [.init(amounts: .cpu(cpu))], ownNodes: ownNodes))
    }
    func free(_ node: UInt32, cpu: Int64, index: UInt64) -> [UInt64] {
        blocked.free(node: node, index: index)
        return serve(node, cpu: cpu)
    }
    func serve(_ node: UInt32, cpu: Int64) -> [UInt64] {
        let room = NodeRoom(computedClass: "a", nodePool: "default", free: .cpu(cpu))
        return blocked.serve(node: node, room: room).map(\.id.low)
    }
    func settle(_ number: UInt64) { _ = blocked.settle(ID(high: 1, low: number)) }
}

/// A few nodes of 1,000 MHz, jobs that want part of one, and workers: a model of what the leader does with them.
private struct TurnsCluster {
    private struct Work {
        var evaluation: Evaluation
        let cpu: Int64
        var count: Int
        let classes: Set<String>
        /// What its worker sees; nil while it waits for one.
        var seen: (index: UInt64, used: [Int64])?
    }

    private var generator: SeededGenerator
    private var blocked = BlockedEvaluations()
    private var index: UInt64 = 1
    private var used: [Int64] = [0, 0, 0, 0]
    private var running: [(node: Int, cpu: Int64)] = []
    /// In workers' hands, or on the way there.
    private var queue: [Work] = []
    private var waiting: [ID: Work] = [:]
    /// What is promised to each that was woken.
    private var promised: [ID: (node: Int, cpu: Int64)] = [:]
    private var number: UInt64 = 0
    private(set) var wakings = 0
    private(set) var overbooked = 0

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    private mutating func below(_ limit: Int) -> Int { Int(generator.next(upperBound: UInt64(limit))) }

    private static func computedClass(_ node: Int) -> String { node < 2 ? "a" : "b" }

    /// Jobs that wait though there is room for an instance.
    var forgotten: [String] {
        waiting.values.filter { work in
            used.indices.contains { used[$0] + work.cpu <= 1_000 && work.classes.contains(Self.computedClass($0)) }
        }.map(\.evaluation.jobID)
    }

    mutating func step() {
        switch below(10) {
        case 0..<2: arrive()
        case 2..<4: end()
        case 4..<7: begin()
        default: finish()
        }
    }

    mutating func drain() {
        while !queue.isEmpty {
            begin()
            finish()
        }
    }

    private mutating func arrive() {
        number += 1
        let classes: Set<String> = [["a"], ["b"], ["a", "b"]][below(3)]
        let eligible = ["a": classes.contains("a"), "b": classes.contains("b")]
        let evaluation = Turns.evaluation(number, priority: 50 + below(3) * 10, snapshot: index, classes: eligible)
        queue.append(
            Work(evaluation: evaluation, cpu: Int64(below(6) + 1) * 100, count: below(3) + 1, classes: classes))
    }

    /// Something that runs comes to its end.
    private mutating func end() {
        guard !running.isEmpty else { return }
        let (node, cpu) = running.remove(at: below(running.count))
        index += 1
        used[node] -= cpu
        blocked.free(node: UInt32(node), index: index)
        serve([UInt32(node)])
    }

    private mutating func begin() {
        let idle = queue.indices.filter { queue[$0].seen == nil }
        guard !idle.isEmpty else { return }
        queue[idle[below(idle.count)]].seen = (index, used)
    }

    /// A worker hands in what it chose on the state it saw; what does not fit any more is chosen anew.
    private mutating func finish() {
        let busy = queue.indices.filter { queue[$0].seen != nil }
        guard !busy.isEmpty else { return }
        var work = queue.remove(at: busy[below(busy.count)])
        guard var seen = work.seen else { return }
        while true {
            let chosen = Self.choose(work, seen.used)
            let fitting = chosen.filter { node in
                guard used[node] + work.cpu <= 1_000 else { return false }
                used[node] += work.cpu
                running.append((node, work.cpu))
                return true
            }
            work.count -= fitting.count
            index += 1
            guard fitting.count < chosen.count else { break }
            seen = (index, used)
        }
        settle(work, seen.index)
    }

    private static func choose(_ work: Work, _ used: [Int64]) -> [Int] {
        var (used, chosen) = (used, [Int]())
        for _ in 0..<work.count {
            guard
                let node = used.indices.first(where: {
                    used[$0] + work.cpu <= 1_000 && work.classes.contains(computedClass($0))
                })
            else { break }
            used[node] += work.cpu
            chosen.append(node)
        }
        return chosen
    }

    private mutating func settle(_ done: Work, _ seen: UInt64) {
        var work = done
        var nodes: Set<UInt32> = []
        promised[work.evaluation.id] = nil
        if case .node(let row) = blocked.settle(work.evaluation.id) { nodes.insert(row) }
        if work.count > 0 {
            work.seen = nil
            work.evaluation.snapshotIndex = seen
            waiting[work.evaluation.id] = work
            let group = PlacementNeed.Group(amounts: .cpu(work.cpu), count: work.count)
            _ = blocked.block(work.evaluation, nodePool: "default", need: PlacementNeed(groups: [group]))
            nodes.formUnion(blocked.unseenNodes(by: work.evaluation))
        }
        serve(nodes)
    }

    private mutating func serve(_ nodes: Set<UInt32>) {
        for row in nodes.sorted() {
            let node = Int(row)
            let room = NodeRoom(
                computedClass: Self.computedClass(node), nodePool: "default", free: .cpu(1_000 - used[node]))
            for evaluation in blocked.serve(node: row, room: room) {
                guard let work = waiting.removeValue(forKey: evaluation.id) else { continue }
                promised[evaluation.id] = (node, work.cpu)
                queue.append(work)
                wakings += 1
            }
            let sum = promised.values.reduce(0) { $0 + ($1.node == node ? $1.cpu : 0) }
            // What was promised may have been taken by others since; of what is woken now all must fit.
            if sum > max(1_000, 1_000 - used[node]) { overbooked += 1 }
        }
    }
}
