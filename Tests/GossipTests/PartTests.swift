import Basics
import Foundation
import Testing

@testable import Gossip

@Suite struct PartTests {
    @Test(arguments: [
        (nodes: 1, limit: 4), (2, 4), (9, 4), (10, 8), (99, 8), (100, 12), (999, 12), (1_000, 16),
    ])
    func transmitLimitGrowsWithLog10(nodes: Int, limit: Int) {
        // 4 · ⌈log10(n + 1)⌉
        #expect(Scaling.transmitLimit(multiplier: 4, nodes: nodes) == limit)
        #expect(limit == 4 * Int(log10(Double(nodes + 1)).rounded(.up)))
    }

    @Test func logarithmIsTheLibrarys() {
        for value in [1.0, 1.5, 2, 3, 10, 30, 999, 1e6, 1e15] {
            #expect(abs(Scaling.naturalLogarithm(value) - log(value)) < 1e-13 * max(1, log(value)))
        }
    }

    @Test(arguments: [(nodes: 1, milliseconds: 4_000), (10, 4_000), (30, 5_908), (1_000, 12_000)])
    func shortestSuspicion(nodes: Int, milliseconds: Int) {
        let shortest = Scaling.suspicionMin(multiplier: 4, nodes: nodes, interval: .seconds(1))
        #expect(abs((shortest - .milliseconds(milliseconds)).nanosecondCount) < 1_100_000)
    }

    @Test(arguments: [(nodes: 32, intervals: 1), (33, 2), (64, 2), (65, 3), (128, 3)])
    func exchangesGrowRare(nodes: Int, intervals: Int) {
        #expect(Scaling.exchangeInterval(.seconds(30), nodes: nodes) == .seconds(30) * intervals)
    }

    @Test func confirmationsShortenSuspicion() {
        let start = Uptime(nanoseconds: 0)
        var suspicion = Suspicion(from: "a", wanted: 3, min: .seconds(2), max: .seconds(30), at: start)
        // max − (max − min) · ln(C + 1) / ln(K + 1): 30, 16, 7.8, 2 (memberlist's own table).
        #expect(suspicion.deadline - start == .seconds(30))
        #expect(suspicion.confirm(from: "a") == false, "the first accuser does not confirm itself")
        #expect(suspicion.confirm(from: "b") == true)
        #expect(abs((suspicion.deadline - start - .seconds(16)).nanosecondCount) < 1_000_000)
        #expect(suspicion.confirm(from: "b") == false)
        #expect(suspicion.confirm(from: "c") == true)
        #expect(abs((suspicion.deadline - start - .milliseconds(7_810)).nanosecondCount) < 5_000_000)
        #expect(suspicion.confirm(from: "d") == true)
        #expect(suspicion.deadline - start == .seconds(2))
        #expect(suspicion.confirm(from: "e") == false, "enough is enough")
        let alone = Suspicion(from: "a", wanted: 0, min: .seconds(2), max: .seconds(30), at: start)
        #expect(alone.deadline - start == .seconds(2))
    }

    @Test func awarenessIsBounded() {
        var awareness = Awareness(limit: 8)
        awareness.add(-1)
        #expect(awareness.score == 0)
        awareness.add(100)
        #expect(awareness.score == 7)
        #expect(awareness.scale(.seconds(1)) == .seconds(8))
    }

    @Test func rumoursAreSentALimitedNumberOfTimes() {
        var queue = BroadcastQueue(itemsMax: 10)
        let old = queue.add([1], about: "a")
        let new = queue.add([2, 2], about: "b")
        #expect(queue.take(bytes: 100, overhead: 2, count: 9, limit: 2) == [[2, 2], [1]], "the newest first")
        queue.add([3], about: "c")
        #expect(queue.take(bytes: 3, overhead: 2, count: 9, limit: 2) == [[3]], "the fresh first, and only what fits")
        #expect(queue.take(bytes: 100, overhead: 2, count: 1, limit: 2) == [[3]])
        #expect(queue.holds(old) && queue.holds(new))
        #expect(queue.take(bytes: 100, overhead: 2, count: 9, limit: 2) == [[2, 2], [1]])
        #expect(queue.isEmpty)
    }

    @Test func newerRumoursReplaceOlder() {
        var queue = BroadcastQueue(itemsMax: 2)
        let first = queue.add([1], about: "a")
        queue.add([2], about: "a")
        #expect(!queue.holds(first))
        queue.add([3])
        queue.add([4])
        #expect(queue.count == 2, "the oldest gives way at the limit")
        #expect(queue.take(bytes: 100, overhead: 0, count: 9, limit: 9) == [[4], [3]])
    }

    @Test func recentMessagesTellNewsFromTheKnown() {
        var recent = RecentMessages<String>()
        #expect(recent.insert("a", at: 5, clock: 6) == true)
        #expect(recent.insert("a", at: 5, clock: 6) == false)
        #expect(recent.insert("b", at: 5, clock: 6) == true)
        #expect(recent.insert("c", at: 5, clock: 600) == false, "too old")
        #expect(recent.insert("a", at: 517, clock: 600) == true, "its place is free again")
        for index in 0..<20 { _ = recent.insert("x\(index)", at: 520, clock: 600) }
        #expect(recent.insert("y", at: 520, clock: 600) == false, "full")
    }

    @Test func clocksStopAtTheLargestTime() {
        var clock = LamportClock()
        clock.witness(41)
        #expect(clock.time == 42)
        clock.witness(7)
        #expect(clock.time == 42)
        clock.witness(.max)
        clock.advance()
        #expect(clock.time == .max)
    }

    /// What memberlist alone says of leaving, without serf's intent: the node's own word frees its name, another's does not.
    @Test(arguments: [("b", "b", true), ("b", "c", false)])
    func onlyOnesOwnGoodbyeFreesTheName(node: String, from: String, isFreed: Bool) {
        var swim = Swim(name: "a", settings: GossipSettings(), seed: 1)
        let now = Uptime(nanoseconds: 0)
        swim.start(address: SwimGoldenTests.s1, meta: [], at: now)
        let alive = Alive(incarnation: 4, node: node, address: SwimGoldenTests.s2, meta: [], versions: .ours)
        swim.hear(alive, at: now)
        swim.bury(Accusation(incarnation: 3, node: node, from: from), at: now)
        #expect(swim.nodes[node]?.isAlive == true, "an older life's death")
        swim.bury(Accusation(incarnation: 4, node: node, from: from), at: now)
        #expect(swim.nodes[node]?.wireStanding == (isFreed ? .left : .dead))
        var elsewhere = alive
        elsewhere.address = GossipAddress(bytes: [10, 9, 9, 9], port: 1)
        swim.hear(elsewhere, at: now)
        #expect(swim.nodes[node]?.isAlive == isFreed)
    }

    @Test func incompatibleVersionsAreRefused() throws {
        var swim = Swim(name: "a", settings: GossipSettings(), seed: 1)
        swim.start(address: SwimGoldenTests.s1, meta: [], at: Uptime(nanoseconds: 0))
        let alien = PushPull.NodeState(
            name: "b", address: SwimGoldenTests.s2, meta: [], incarnation: 1, standing: .alive,
            versions: ProtocolVersions(wire: [3, 5, 3, 2, 5, 4]))
        let refusal = swim.merge(
            PushPull(isJoin: true, nodes: [alien], userState: []), at: Uptime(nanoseconds: 1))
        #expect(
            refusal
                == "node a speaks version 2 of the gossip protocol, what all understand is 3 to 5"
                || refusal == "node b speaks version 3 of the gossip protocol, what all understand is 3 to 5")
        #expect(swim.nodes["b"] == nil)
    }
}
