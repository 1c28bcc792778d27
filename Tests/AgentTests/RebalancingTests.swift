import Basics
import RPC
import Testing

struct RebalancingTests {
    private static let servers = ["a", "b", "c"].map { NetworkAddress(host: $0, port: 1) }

    @Test(arguments: [
        (agents: 0, servers: 0, chance: 0.0, stay: Duration.seconds(300)), (10, 3, 0, .seconds(300)),
        (10, 3, 0.5, .seconds(360)),
        // 96,000 agents, 192 a second: 500 s for each to have moved once.
        (96_000, 3, 0, .seconds(500)), (96_000, 3, 0.5, .seconds(750)), (96_000, 5, 0, .seconds(300)),
    ])
    func agentsStayFor(agents: Int, servers: Int, chance: Double, stay: Duration) {
        #expect(Rebalancing().stay(agents: agents, servers: servers, chance: chance) == stay)
    }

    /// However many came at once, no server meets more than 64 new agents a second, but for the luck of the draw.
    @Test(arguments: [1_000, 50_000, 200_000]) func noServerIsOverrun(agents: Int) {
        var generator = SeededGenerator(seed: 1)
        var moves: [Int64: Int] = [:]
        for _ in 0..<agents {
            var time = Duration.zero
            for _ in 0..<3 {
                let chance = Double.random(in: 0..<1, using: &generator)
                time += Rebalancing().stay(agents: agents, servers: Self.servers.count, chance: chance)
                moves[time.nanosecondCount / 10_000_000_000, default: 0] += 1
            }
        }
        let limit = 10 * Rebalancing.movesPerSecondMax * Self.servers.count
        #expect(moves.values.max() ?? 0 <= limit * 11 / 10)
    }

    /// Wherever they were, they are spread evenly when each has chosen once.
    @Test func eachServerIsAsLikely() {
        var generator = SeededGenerator(seed: 2)
        var counts: [NetworkAddress: Int] = [:]
        for _ in 0..<3_000 {
            let present = Self.servers[0]
            let order = Rebalancing.candidates(Self.servers, present: present, using: &generator)
            #expect(!order.contains(present))
            counts[order.first ?? present, default: 0] += 1
        }
        #expect(Self.servers.allSatisfy { (900...1_100).contains(counts[$0] ?? 0) }, "\(counts)")
    }

    @Test func whoKnowsOneServerStays() {
        var generator = SeededGenerator(seed: 3)
        let one = Self.servers[0]
        #expect(Rebalancing.candidates([one], present: one, using: &generator).isEmpty)
    }
}
