import Basics
import CDroverABI
import Testing

/// Random blocks with devices, cores, gangs and victims: what must hold whatever they are.
@Suite struct BlockPropertyTests {
    @Test(arguments: 1...40)
    func everyPlacementFitsAndEveryEvictionIsDue(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let cluster = RandomBlocks.cluster(&generator)
        let problems = (0..<4).map { _ in RandomBlocks.problem(cluster, &generator) }
        let answer = try TestAnswer(cluster, problems)
        #expect(try TestAnswer(cluster, problems).bytes == answer.bytes, "seed \(seed)")
        checkVictims(answer, problems, seed)
        checkRoom(answer, cluster, problems, seed)
        checkCounts(answer, problems, seed)
    }

    /// Victims are candidates of much lower priority, evicted once, for an instance on their node.
    private func checkVictims(_ answer: TestAnswer, _ problems: [TestProblem], _ seed: Int) {
        #expect(Set(answer.evicted).count == answer.evicted.count, "seed \(seed)")
        for eviction in answer.preemptions {
            let problem = problems[Int(eviction.problem)]
            let victim = problem.candidates.first { $0.allocation == eviction.allocation }
            #expect(victim.map { $0.priority + 10 <= problem.priority && $0.node == Int(eviction.node) } == true)
            let cause = answer.placements.first {
                $0.problem == eviction.problem && $0.group == eviction.group && $0.ordinal == eviction.ordinal
            }
            #expect(cause?.node == eviction.node, "seed \(seed)")
        }
    }

    /// No node and no device is used beyond what it has, counting as the leader does.
    private func checkRoom(_ answer: TestAnswer, _ cluster: TestCluster, _ problems: [TestProblem], _ seed: Int) {
        var cluster = cluster
        var free = cluster.devices.map { Int64($0.free) }
        for eviction in answer.preemptions {
            guard
                let victim = problems[Int(eviction.problem)].candidates.first(where: {
                    $0.allocation == eviction.allocation
                })
            else { continue }
            for dimension in 0..<6 { cluster.nodes[victim.node].used[dimension] -= victim.resources[dimension] }
            for share in victim.devices { free[share.index] += Int64(share.share) }
        }
        for placement in answer.placements {
            let ask = problems[Int(placement.problem)].groups[Int(placement.group)].ask
            let node = Int(placement.node)
            for dimension in 0..<6 { cluster.nodes[node].used[dimension] += ask[dimension] }
            cluster.nodes[node].used[0] += ask[1] * cluster.nodes[node].coreMHz
        }
        for node in Set(answer.placements.map { Int($0.node) }) {
            let row = cluster.nodes[node]
            #expect((0..<6).allSatisfy { row.used[$0] <= row.capacity[$0] }, "seed \(seed), node \(node)")
        }
        for assignment in answer.assignments { free[Int(assignment.index)] -= Int64(assignment.share_milli) }
        #expect(free.allSatisfy { $0 >= 0 }, "seed \(seed)")
    }

    /// Every instance is placed with its devices or counted as failed; gangs are whole or absent.
    private func checkCounts(_ answer: TestAnswer, _ problems: [TestProblem], _ seed: Int) {
        for (number, problem) in problems.enumerated() {
            var gang: Set<Bool> = []
            for (index, group) in problem.groups.enumerated() {
                let placed = answer.nodes(problem: number, group: index).count
                let failed = answer.failures.filter { $0.problem == UInt32(number) && $0.group == UInt32(index) }
                #expect(placed + failed.reduce(0) { $0 + Int($1.count) } == group.count, "seed \(seed)")
                let assigned = answer.assignments.count { $0.problem == UInt32(number) && $0.group == UInt32(index) }
                #expect(assigned == placed * group.devices.reduce(0) { $0 + Int($1.count) }, "seed \(seed)")
                if group.gang != 0, group.count > 0 { gang.insert(placed == group.count) }
            }
            #expect(gang.count <= 1, "seed \(seed)")
        }
    }

    /// Where there is room for all, nobody is evicted.
    @Test(arguments: 1...10)
    func nobodyIsEvictedWhereThereIsRoom(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        var cluster = RandomBlocks.cluster(&generator)
        var problem = RandomBlocks.problem(cluster, &generator)
        for row in cluster.nodes.indices {
            cluster.nodes[row].capacity = cluster.nodes[row].used.map { $0 + 1_000_000 }
        }
        for number in problem.groups.indices { problem.groups[number].devices = [] }
        let answer = try TestAnswer(cluster, [problem])
        #expect(answer.evicted.isEmpty && answer.failures.isEmpty)
    }

    /// Without any one of its victims, the last instance placed by eviction would not fit.
    @Test(arguments: 1...20)
    func noVictimIsSuperfluous(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let cluster = RandomBlocks.cluster(&generator)
        var problem = RandomBlocks.problem(cluster, &generator)
        problem.groups = [.init(ask: [1_500, 0, 2_000, 0, 0, 0])]
        let answer = try TestAnswer(cluster, [problem])
        for spared in answer.evicted {
            var node = cluster.nodes[Int(answer.placements[0].node)]
            for victim in problem.candidates where answer.evicted.contains(victim.allocation) {
                guard victim.allocation != spared else { continue }
                for dimension in 0..<6 { node.used[dimension] -= victim.resources[dimension] }
            }
            let ask = problem.groups[0].ask
            #expect((0..<6).contains { node.used[$0] + ask[$0] > node.capacity[$0] }, "seed \(seed)")
        }
    }
}

/// Full clusters and problems from a seed.
enum RandomBlocks {
    static func cluster(_ generator: inout SeededGenerator) -> TestCluster {
        var cluster = TestCluster(nodes: Int(generator.next(upperBound: UInt64(20))) + 2)
        cluster.deviceGroupCount = 3
        for row in cluster.nodes.indices {
            cluster.nodes[row].used = [3_000, 2, 6_000, 0, 1_000, 0].map {
                Int64(generator.next(upperBound: UInt64($0 + 1)))
            }
            cluster.nodes[row].coreMHz = Int64(generator.next(upperBound: UInt64(900)))
            for number in 0..<Int(generator.next(upperBound: UInt64(5))) {
                cluster.devices.append(
                    .init(
                        node: row, group: number / 2, free: UInt32(generator.next(upperBound: UInt64(11))) * 100,
                        numa: UInt32(number % 2)))
            }
        }
        return cluster
    }

    static func problem(_ cluster: TestCluster, _ generator: inout SeededGenerator) -> TestProblem {
        var problem = TestProblem(seed: generator.next(), priority: UInt32(generator.next(upperBound: UInt64(80))) + 20)
        problem.flags = generator.next() & 3 == 0 ? 0 : UInt32(DROVER_MAY_PREEMPT)
        problem.groups = (0..<3).map { number in
            var group = TestProblem.TestGroup(count: Int(generator.next(upperBound: UInt64(6))))
            group.gang = number < 2 ? 1 : 0
            group.ask = [1_500, 2, 3_000, 0, 100, 0].map { Int64(generator.next(upperBound: UInt64($0 + 1))) }
            if generator.next() & 1 == 0 { group.devices = [ask(&generator), ask(&generator)] }
            return group
        }
        problem.candidates = cluster.nodes.indices.flatMap { candidates(on: $0, cluster, &generator) }
        return problem
    }

    private static func ask(_ generator: inout SeededGenerator) -> TestProblem.TestDeviceAsk {
        let shares = (0..<3).map { _ in UInt32(generator.next(upperBound: UInt64(11))) * 100 }
        return .init(count: UInt32(generator.next(upperBound: UInt64(2))) + 1, shares: shares, sameNUMA: 1)
    }

    /// A node's victims share half of what is in use; the same in every problem, as allocations are.
    private static func candidates(
        on row: Int, _ cluster: TestCluster, _ generator: inout SeededGenerator
    ) -> [TestProblem.TestCandidate] {
        (0..<4).map { number in
            var victim = TestProblem.TestCandidate(
                node: row, priority: UInt32(10 + number * 15), allocation: UInt64(row * 4 + number))
            victim.job = UInt32(row % 3)
            victim.resources = cluster.nodes[row].used.map { $0 / 8 * Int64(number % 2 + 1) }
            let device = cluster.devices.firstIndex { $0.node == row }
            if number == 0, let device { victim.devices = [(device, 1_000 - cluster.devices[device].free)] }
            return victim
        }
    }
}
