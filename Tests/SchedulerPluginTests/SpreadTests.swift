import Basics
import CDroverABI
import Testing

/// However nodes are grouped to find the best one quickly, it is the best one.
@Suite struct SpreadTests {
    /// Spreads as the number of their values, and whether they have targets.
    @Test(arguments: [
        [(3, false)], [(3, true)], [(40, false)], [(40, true)], [(3, false), (30, false)],
        [(4, true), (20, true), (2, false)],
    ])
    func manyAtOnceGoWhereOneByOneGo(spreads: [(values: Int, hasTargets: Bool)]) throws {
        for seed in 1...4 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var cluster = Self.cluster(&generator)
            var group = TestProblem.TestGroup(count: 60)
            group.affinity = cluster.nodes.map { _ in
                generator.next() & 1 == 0 ? 0 : Int32(generator.next(upperBound: UInt64(65_536)))
            }
            group.spreads = spreads.map { Self.spread($0.values, $0.hasTargets, cluster.nodes.count, &generator) }
            group.sameJob = cluster.nodes.map { _ in generator.next() & 7 == 0 ? 1 : 0 }
            var problem = TestProblem(seed: UInt64(seed), groups: [group])
            let together = try TestAnswer(cluster, [problem])
            group.desiredCount = 60
            group.count = 1
            var (nodes, scores): ([Int], [Int32]) = ([], [])
            problem.flags = UInt32(DROVER_WANT_EVERY_SCORE)
            while true {
                problem.groups = [group]
                let answer = try TestAnswer(cluster, [problem])
                guard nodes.count < 60, let placement = answer.placements.first else { break }
                #expect(answer.scores.map(\.final_score).max() == placement.score)
                let node = Int(placement.node)
                nodes.append(node)
                scores.append(placement.score)
                for dimension in 0..<6 { cluster.nodes[node].used[dimension] += group.ask[dimension] }
                group.sameJob[node] += 1
                for number in group.spreads.indices { group.spreads[number].count(node) }
            }
            #expect(together.nodes() == nodes && together.placements.map(\.score) == scores, "seed \(seed)")
        }
    }

    @Test func everyNodeThatFitsIsScoredOnRequest() throws {
        var cluster = TestCluster(nodes: 9)
        cluster.nodes[4].used[0] = 4_000
        var problem = TestProblem(flags: UInt32(DROVER_WANT_EVERY_SCORE), groups: [.init(count: 3), .init(count: 2)])
        let every = try TestAnswer(cluster, [problem])
        #expect(every.scores.map(\.node) == [0, 1, 2, 3, 5, 6, 7, 8, 0, 1, 2, 3, 5, 6, 7, 8])
        problem.flags = UInt32(DROVER_WANT_SCORES)
        #expect(try TestAnswer(cluster, [problem]).scores.count == 10)
    }

    private static func cluster(_ generator: inout SeededGenerator) -> TestCluster {
        var cluster = TestCluster(nodes: 50)
        for row in 0..<50 {
            cluster.nodes[row].used[0] = Int64(generator.next(upperBound: UInt64(4_000)))
            cluster.nodes[row].used[2] = Int64(generator.next(upperBound: UInt64(8_000)))
        }
        return cluster
    }

    private static func spread(
        _ values: Int, _ hasTargets: Bool, _ nodes: Int, _ generator: inout SeededGenerator
    ) -> TestProblem.TestSpread {
        var spread = TestProblem.TestSpread(values: [], current: [])
        spread.weight = UInt32(generator.next(upperBound: UInt64(100))) + 1
        spread.values = (0..<nodes).map { _ in
            let value = UInt32(generator.next(upperBound: UInt64(values + 1)))
            return value == UInt32(values) ? DROVER_NONE : value
        }
        spread.current = (0..<values).map { _ in UInt32(generator.next(upperBound: UInt64(3))) }
        if hasTargets { spread.target = (0..<values).map { _ in Int32(generator.next(upperBound: UInt64(9))) - 1 } }
        return spread
    }
}

extension TestProblem.TestSpread {
    fileprivate mutating func count(_ node: Int) {
        if values[node] < UInt32(current.count) { current[Int(values[node])] += 1 }
    }
}
