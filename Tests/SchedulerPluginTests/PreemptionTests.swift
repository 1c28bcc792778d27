import CDroverABI
import Testing

/// Who is evicted for whom.
@Suite struct PreemptionTests {
    private typealias Candidate = TestProblem.TestCandidate

    /// One node that is full of the given candidates, and a group that asks for `ask` MHz.
    private func solve(_ candidates: [Candidate], cpu: Int64, priority: UInt32 = 70) throws -> TestAnswer {
        var cluster = TestCluster(nodes: 1)
        cluster.nodes[0].used[0] = 4_000
        var problem = TestProblem(flags: UInt32(DROVER_MAY_PREEMPT), priority: priority)
        problem.groups = [.init(ask: [cpu, 0, 100, 0, 0, 0])]
        problem.candidates = candidates
        return try TestAnswer(cluster, [problem])
    }

    private func candidate(_ allocation: UInt64, _ priority: UInt32, cpu: Int64, job: UInt32? = nil) -> Candidate {
        Candidate(
            node: 0, priority: priority, job: job ?? UInt32(allocation), allocation: allocation,
            resources: [cpu, 0, 0, 0, 0, 0])
    }

    /// Allocations 1, 2, ... of these priorities and CPU on one full node, and who goes for an instance of 800 MHz.
    struct Situation: Sendable {
        let note: String
        let candidates: [(priority: UInt32, cpu: Int64)]
        let evicted: [UInt64]

        init(_ note: String, _ candidates: [(priority: UInt32, cpu: Int64)], evicted: [UInt64]) {
            self.note = note
            self.candidates = candidates
            self.evicted = evicted
        }
    }

    static let situations = [
        Situation("the lowest priority goes first", [(20, 1_000), (30, 1_000)], evicted: [1]),
        Situation("the closest of equal priority goes", [(20, 2_000), (20, 900), (20, 300)], evicted: [2]),
        Situation("one rather than several", [(20, 400), (20, 400), (20, 900)], evicted: [3]),
        Situation("several when one is not enough", [(20, 400), (20, 400), (20, 300)], evicted: [1, 2]),
        Situation("who proves superfluous is spared", [(20, 100), (30, 1_000)], evicted: [2]),
        Situation("nobody goes in vain", [(20, 100), (30, 200)], evicted: []),
        Situation("equal or slightly lower priority stays", [(61, 1_000), (70, 1_000)], evicted: []),
        Situation("ten lower is low enough", [(60, 1_000), (70, 1_000)], evicted: [1]),
    ]

    @Test(arguments: situations)
    func victims(situation: Situation) throws {
        let offered = situation.candidates.enumerated().map { candidate(UInt64($0 + 1), $1.priority, cpu: $1.cpu) }
        let answer = try solve(offered, cpu: 800)
        #expect(answer.evicted == situation.evicted, "\(situation.note)")
        #expect(answer.placements.count == (situation.evicted.isEmpty ? 0 : 1))
        #expect(answer.failures.count == (situation.evicted.isEmpty ? 1 : 0))
    }

    @Test func nobodyIsEvictedWithoutPermissionOrNeed() throws {
        var cluster = TestCluster(nodes: 2)
        cluster.nodes[0].used[0] = 4_000
        var problem = TestProblem(flags: UInt32(DROVER_MAY_PREEMPT), priority: 70, groups: [.init(count: 9)])
        problem.candidates = [Candidate(node: 0, allocation: 1)]
        // Eight find room on the other node; the ninth evicts.
        let answer = try TestAnswer(cluster, [problem])
        #expect(answer.placements.count == 9 && answer.evicted == [1])
        #expect(answer.nodes() == [1, 1, 1, 1, 1, 1, 1, 1, 0] && answer.preemptions[0].ordinal == 8)
        problem.flags = 0
        let without = try TestAnswer(cluster, [problem])
        #expect(without.placements.count == 8 && without.evicted.isEmpty && without.failures[0].count == 1)
    }

    @Test func theCheapestNodeIsTaken() throws {
        var cluster = TestCluster(nodes: 3)
        for row in 0..<3 { cluster.nodes[row].used[0] = 4_000 }
        var problem = TestProblem(flags: UInt32(DROVER_MAY_PREEMPT), priority: 70, groups: [.init(count: 4)])
        problem.candidates = [
            Candidate(node: 0, priority: 40, job: 1, allocation: 1),
            Candidate(node: 1, priority: 30, job: 2, allocation: 2),
            Candidate(node: 2, priority: 20, job: 3, allocation: 3),
            Candidate(node: 2, priority: 55, job: 4, allocation: 4),
        ]
        let answer = try TestAnswer(cluster, [problem])
        #expect(answer.nodes() == [2, 1, 0, 2])
        #expect(answer.preemptions.map(\.allocation) == [3, 2, 1, 4])
    }

    @Test func evictionsAreSharedOutOverJobs() throws {
        var cluster = TestCluster(nodes: 4)
        for row in 0..<4 { cluster.nodes[row].used[0] = 4_000 }
        var problem = TestProblem(flags: UInt32(DROVER_MAY_PREEMPT), priority: 70, groups: [.init(count: 2)])
        problem.candidates = (0..<4).map { row in
            Candidate(node: row, job: row < 3 ? 7 : 8, allocation: UInt64(row))
        }
        for seed in 1...8 {
            problem.seed = UInt64(seed)
            #expect(try TestAnswer(cluster, [problem]).evicted.contains(3), "seed \(seed)")
        }
    }

    @Test func roomLeftByAnEvictionIsUsed() throws {
        var cluster = TestCluster(nodes: 2)
        for row in 0..<2 { cluster.nodes[row].used[0] = 4_000 }
        var problem = TestProblem(flags: UInt32(DROVER_MAY_PREEMPT), priority: 70, groups: [.init(count: 4)])
        problem.candidates = (0..<2).map { row in
            Candidate(node: row, allocation: UInt64(row), resources: [2_000, 0, 0, 0, 0, 0])
        }
        let answer = try TestAnswer(cluster, [problem])
        #expect(answer.placements.count == 4 && answer.evicted.count == 1)
    }

    @Test func anAllocationIsEvictedOnceInABatch() throws {
        var cluster = TestCluster(nodes: 1)
        cluster.nodes[0].used[0] = 4_000
        var problem = TestProblem(flags: UInt32(DROVER_MAY_PREEMPT), priority: 70, groups: [.init(), .init()])
        problem.candidates = [Candidate(node: 0, allocation: 9)]
        let answer = try TestAnswer(cluster, [problem, problem])
        #expect(answer.evicted == [9] && answer.placements.count == 1)
        #expect(answer.failures.reduce(0) { $0 + $1.count } == 3)
    }

    @Test func systemJobsEvictOnEveryNode() throws {
        var cluster = TestCluster(nodes: 4)
        for row in 0..<3 { cluster.nodes[row].used[0] = 4_000 }
        var problem = TestProblem(
            kind: UInt32(DROVER_KIND_SYSTEM), flags: UInt32(DROVER_MAY_PREEMPT), priority: 70,
            groups: [.init(mode: UInt32(DROVER_MODE_EACH_NODE))])
        problem.candidates = [Candidate(node: 0, allocation: 1), Candidate(node: 2, allocation: 2)]
        let answer = try TestAnswer(cluster, [problem])
        #expect(answer.nodes() == [0, 2, 3] && answer.evicted == [1, 2])
    }

    @Test func staticPortsAreTakenFromTheirHolders() throws {
        let cluster = TestCluster(nodes: 2)
        var problem = TestProblem(
            flags: UInt32(DROVER_MAY_PREEMPT), priority: 70, groups: [.init(count: 3, staticPorts: [80, 443])])
        problem.candidates = [
            Candidate(node: 0, allocation: 1, staticPorts: [8_080]),
            Candidate(node: 0, allocation: 2, staticPorts: [443]),
            Candidate(node: 1, priority: 65, allocation: 3, staticPorts: [80]),
        ]
        let answer = try TestAnswer(cluster, [problem])
        #expect(answer.nodes() == [0] && answer.evicted == [2] && answer.failures[0].count == 2)
    }

    @Test func pinnedInstancesEvictOnTheirNode() throws {
        var cluster = TestCluster(nodes: 2)
        for row in 0..<2 { cluster.nodes[row].used[0] = 4_000 }
        var problem = TestProblem(flags: UInt32(DROVER_MAY_PREEMPT), priority: 70)
        problem.groups = [.init(priorNodes: [1])]
        problem.candidates = [
            Candidate(node: 0, priority: 1, allocation: 1), Candidate(node: 1, priority: 50, allocation: 2),
        ]
        #expect(try TestAnswer(cluster, [problem]).evicted == [2])
    }

    @Test func aBrokenGangTakesBackItsEvictions() throws {
        var cluster = TestCluster(nodes: 2)
        for row in 0..<2 { cluster.nodes[row].used[0] = 4_000 }
        var problem = TestProblem(flags: UInt32(DROVER_MAY_PREEMPT), priority: 70)
        // The gang needs three places where evictions make two; the last group would have fitted beside the first.
        problem.groups = [.init(count: 2, gang: 1), .init(count: 1, gang: 1), .init(count: 1)]
        problem.candidates = [
            Candidate(node: 0, priority: 20, allocation: 1), Candidate(node: 1, priority: 30, allocation: 2),
        ]
        let answer = try TestAnswer(cluster, [problem])
        #expect(answer.nodes(group: 0).isEmpty && answer.nodes(group: 1).isEmpty)
        #expect(answer.nodes(group: 2) == [0] && answer.evicted == [1])
        #expect(answer.failures.map(\.count) == [2, 1])
    }
}
