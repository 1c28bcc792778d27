import Basics
import Testing

@testable import Gossip

/// Thirty members with loss, pauses and partitions; every run is replayed by its seed.
@Suite struct PoolTests {
    static let count = 30
    static let all = 0..<count

    @Test func joinsThroughOneMember() {
        var pool = SimulatedPool(count: Self.count, seed: 1)
        pool.run(for: .milliseconds(10))
        for index in 1..<Self.count { pool.tell(index, .join(RequestID(1), pool.address(of: 0))) }
        let took = pool.run(for: .seconds(10)) { $0.agree(Self.all, that: Self.all, are: .alive) }
        #expect(took != nil && (took ?? .zero) < .seconds(3))
        #expect(pool.members[3].outcomes == [.joinEnded(RequestID(1), failure: nil)])
        #expect(pool.members[7].node.member("node-4")?.tags == ["index": "4"])
    }

    /// The shortest suspicion in a pool of 30 is 4 · log10 30 = 5.9 s; before it a probe must come and fail (1 s and little more),
    /// after it the news spreads in well under a second (SWIM §5).
    @Test(arguments: 1...6)
    func failureIsFound(seed: UInt64) {
        var pool = SimulatedPool.joined(count: Self.count, seed: seed)
        pool.kill(11)
        let others = Self.all.filter { $0 != 11 }
        let took = pool.run(for: .seconds(60)) { $0.agree(others, that: [11], are: .failed) }
        #expect((took ?? .seconds(60)) < .seconds(12), "replay: seed \(seed)")
        #expect((took ?? .zero) > .seconds(5), "not before the shortest suspicion")
        #expect(pool.agree(others, that: others, are: .alive))
    }

    @Test(arguments: 1...3)
    func loneWitnessesTakeTheirTime(seed: UInt64) {
        // With two members nobody can confirm: the wait is the shortest at once.
        var pool = SimulatedPool.joined(count: 2, seed: seed)
        pool.kill(1)
        let took = pool.run(for: .seconds(60)) { $0.agree([0], that: [1], are: .failed) }
        #expect((took ?? .seconds(60)) < .seconds(8))
    }

    @Test(arguments: 1...3)
    func falseSuspicionIsRefuted(seed: UInt64) {
        var pool = SimulatedPool.joined(count: Self.count, seed: seed)
        pool.pause(5, for: .seconds(4))
        pool.run(for: .seconds(30))
        let suspected = Self.all.contains { pool.members[$0].notes.contains(.suspected("node-5")) }
        let refuted = pool.members[5].notes.contains { if case .refuted = $0 { true } else { false } }
        #expect(suspected && refuted, "replay: seed \(seed)")
        for index in Self.all {
            let failures = pool.members[index].events.filter { if case .failed = $0.event { true } else { false } }
            #expect(failures.isEmpty, "node-\(index) took a paused member for failed; replay: seed \(seed)")
        }
        #expect(pool.agree(Self.all, that: Self.all, are: .alive))
    }

    /// An accusation of an incarnation left behind says that the accuser missed the objection: it hears it again.
    @Test func whoMissedTheObjectionHearsItAgain() throws {
        let pool = SimulatedPool.joined(count: 3, seed: 1)
        var swim = pool.members[1].node.swim
        func rumours() -> [[UInt8]] { swim.rumours.take(bytes: 60_000, overhead: 0, count: 99, limit: 1) }
        _ = rumours()
        let incarnation = try #require(swim.nodes["node-1"]).incarnation
        let accusation = Accusation(incarnation: incarnation, node: "node-1", from: "node-0")
        swim.suspect(accusation, at: pool.now)
        let objection = rumours()
        #expect(!objection.isEmpty && rumours().isEmpty)
        swim.suspect(accusation, at: pool.now)
        #expect(rumours() == objection)
        swim.bury(accusation, at: pool.now)
        #expect(rumours() == objection)
        #expect(swim.nodes["node-1"]?.incarnation == incarnation + 1)
    }

    @Test(arguments: 1...2)
    func lossAloneKillsNobody(seed: UInt64) {
        var pool = SimulatedPool.joined(count: Self.count, seed: seed)
        pool.loss = 0.3
        pool.run(for: .seconds(60))
        pool.loss = 0
        pool.run(for: .seconds(10))
        #expect(pool.agree(Self.all, that: Self.all, are: .alive), "replay: seed \(seed)")
        let failures = pool.trace.filter { $0.contains(" failed(") }
        #expect(failures.isEmpty, "replay: seed \(seed)")
    }

    @Test func onlyPacketsAreLost() {
        var pool = SimulatedPool.joined(count: 8, seed: 4)
        pool.isPacketDeaf = { $0 == 2 }
        pool.run(for: .seconds(40))
        #expect(pool.agree([0, 1, 3, 4, 5, 6, 7], that: [2], are: .alive), "streams keep it in the pool")
        #expect(pool.members.contains { $0.notes.contains(.onlyStreams("node-2")) })
    }

    @Test(arguments: 1...2)
    func partitionHeals(seed: UInt64) {
        var pool = SimulatedPool.joined(count: Self.count, seed: seed)
        let (left, right) = (0..<10, 10..<Self.count)
        pool.isCut = { left.contains($0) != left.contains($1) }
        let parted = pool.run(for: .seconds(120)) {
            $0.agree(left, that: right, are: .failed) && $0.agree(right, that: left, are: .failed)
        }
        #expect(parted != nil, "replay: seed \(seed)")
        #expect(pool.agree(left, that: left, are: .alive) && pool.agree(right, that: right, are: .alive))
        // Long enough for SWIM to forget the dead: only serf's reconnecting can find them again.
        pool.run(for: .seconds(60))
        pool.isCut = { _, _ in false }
        let healed = pool.run(for: .seconds(180)) { $0.agree(Self.all, that: Self.all, are: .alive) }
        #expect(healed != nil, "reconnecting brings both sides together; replay: seed \(seed)")
    }

    @Test(arguments: 1...3)
    func leaveIsSeenByAll(seed: UInt64) {
        var pool = SimulatedPool.joined(count: Self.count, seed: seed)
        pool.loss = 0.1
        pool.tell(17, .leave)
        let others = Self.all.filter { $0 != 17 }
        let took = pool.run(for: .seconds(20)) { $0.agree(others, that: [17], are: .left) }
        #expect((took ?? .seconds(20)) < .seconds(6), "replay: seed \(seed)")
        pool.run(for: .seconds(10))
        #expect(pool.members[17].outcomes.contains(.left), "it is told when it may stop")
        pool.kill(17)
        pool.run(for: .seconds(30))
        #expect(!pool.trace.contains { $0.contains(" failed(") })
        #expect(pool.agree(others, that: [17], are: .left))
    }

    @Test func lastMemberLeavesAtOnce() {
        var pool = SimulatedPool(count: 1, seed: 1)
        pool.run(for: .seconds(1))
        pool.tell(0, .leave)
        #expect(pool.members[0].outcomes == [.left])
    }

    @Test func restartedMemberReturns() {
        var pool = SimulatedPool.joined(count: 10, seed: 6)
        pool.kill(4)
        // Back before it is missed, and, the second time, after.
        for wait in [Duration.seconds(2), .seconds(40)] {
            pool.run(for: wait)
            pool.restart(4, joining: 2)
            let back = pool.run(for: .seconds(20)) {
                $0.agree(0..<10, that: 0..<10, are: .alive) && $0.members[4].node.memberList.count == 10
            }
            #expect(back != nil, "after \(wait)")
            pool.run(for: .seconds(40))
            #expect(pool.agree(0..<10, that: 0..<10, are: .alive), "and stays")
            pool.kill(4)
        }
    }

    @Test func tagsSpread() {
        var pool = SimulatedPool.joined(count: Self.count, seed: 2)
        pool.tell(9, .setTags(["role": "leader"]))
        let took = pool.run(for: .seconds(10)) { pool in
            Self.all.allSatisfy { pool.members[$0].node.member("node-9")?.tags == ["role": "leader"] }
        }
        #expect((took ?? .seconds(10)) < .seconds(3))
    }

    @Test func keysChangeEverywhere() throws {
        var pool = SimulatedPool.joined(count: 12, seed: 3)
        let key = [UInt8](repeating: 7, count: 32)
        for (number, operation) in [KeyOperation.install(key), .use(key), .list].enumerated() {
            pool.tell(0, .changeKeys(RequestID(UInt64(number)), operation))
            pool.run(for: .seconds(10))
            guard case .keysEnded(RequestID(UInt64(number)), let answers, let asked)? = pool.members[0].outcomes.last
            else {
                Issue.record("no outcome of \(operation)")
                return
            }
            #expect(asked == 12 && answers.count == 12)
            #expect(!answers.values.contains { !$0.isDone })
        }
        #expect(pool.members.allSatisfy { $0.keys.first == key })
    }

    @Test func eventsOfApplicationsReachAllOnce() {
        var pool = SimulatedPool.joined(count: Self.count, seed: 8)
        let event = UserEvent(time: 5, name: "deploy", payload: [7], canCoalesce: true)
        let packet = SwimMessage.user(SerfMessage.userEvent(event).encoded).encoded
        pool.tell(3, .packet(packet, from: GossipAddress(bytes: [10, 0, 0, 99], port: 1)))
        pool.run(for: .seconds(40))
        for member in pool.members {
            #expect(member.outcomes.filter { $0 == .userEvent(event) }.count == 1)
        }
    }

    @Test func queriesAreAcknowledgedAndFiltered() {
        let pool = SimulatedPool.joined(count: 3, seed: 8)
        let asker = GossipAddress(bytes: [10, 0, 0, 99], port: 1)
        func acknowledged(_ filters: [QueryFilter], id: UInt32) -> Bool {
            let query = Query(
                time: 5, id: id, source: asker, sourceNode: "asker", filters: filters, flags: Query.ackFlag,
                timeout: 1_000_000_000, name: "uptime")
            var node = pool.members[1].node
            let packet = SwimMessage.user(SerfMessage.query(query).encoded).encoded
            let ack = SerfMessage.queryResponse(
                QueryResponse(time: 5, id: id, from: "node-1", flags: Query.ackFlag))
            return node.step(.packet(packet, from: asker), at: pool.now)
                .contains(.send(SwimMessage.user(ack.encoded).encoded, to: asker))
        }
        #expect(acknowledged([], id: 1))
        #expect(acknowledged([.nodes(["node-1"]), .tag("index", expression: "^1$")], id: 2))
        #expect(!acknowledged([.nodes(["node-2"])], id: 3))
        #expect(!acknowledged([.tag("index", expression: "2")], id: 4))
        #expect(!acknowledged([.tag("none", expression: "")], id: 5))
        #expect(!acknowledged([.tag("index", expression: "(1+)+")], id: 6), "expressions match nobody")
        #expect(!acknowledged([.unknown([9])], id: 7))
    }

    @Test func forcedLeaveAndPrune() {
        var pool = SimulatedPool.joined(count: 6, seed: 5)
        pool.kill(5)
        pool.run(for: .seconds(20))
        pool.tell(0, .forceLeave("node-5", prune: false))
        #expect(pool.run(for: .seconds(5)) { $0.agree(0..<5, that: [5], are: .left) } != nil)
        pool.tell(1, .forceLeave("node-5", prune: true))
        let pruned = pool.run(for: .seconds(5)) { pool in
            (0..<5).allSatisfy { pool.members[$0].node.member("node-5") == nil }
        }
        #expect(pruned != nil)
    }

    @Test func forcedLeaveOfTheLivingIsRefuted() {
        var pool = SimulatedPool.joined(count: 6, seed: 5)
        pool.tell(0, .forceLeave("node-3", prune: false))
        pool.run(for: .seconds(5))
        #expect(pool.agree(0..<6, that: [3], are: .alive))
    }

    @Test func failedAreReaped() {
        var settings = GossipSettings()
        settings.reconnectTimeout = .seconds(60)
        var pool = SimulatedPool.joined(count: 5, seed: 5, settings: settings)
        pool.kill(2)
        let reaped = pool.run(for: .seconds(120)) { pool in
            [0, 1, 3, 4].allSatisfy { pool.members[$0].node.member("node-2") == nil }
        }
        #expect((reaped ?? .zero) > .seconds(60))
    }

    @Test func secondOfTheSameNameIsNoticed() {
        var pool = SimulatedPool.joined(count: 4, seed: 5)
        var stranger = GossipNode(
            name: "node-1", address: GossipAddress(bytes: [10, 0, 0, 99], port: 4_648), tags: [:], seed: 9)
        _ = stranger.step(.start, at: pool.now)
        let state = stranger.swim.state(isJoin: true, userState: [])
        pool.tell(0, .request(StreamID(-1), .pushPull(state), from: GossipAddress(bytes: [10, 0, 0, 99], port: 1)))
        #expect(
            pool.members[0].notes.contains(
                .nameConflict(
                    "node-1", known: pool.address(of: 1), other: GossipAddress(bytes: [10, 0, 0, 99], port: 4_648))))
        pool.run(for: .seconds(5))
        #expect(pool.agree(0..<4, that: 0..<4, are: .alive), "the first keeps the name")
    }

    @Test func oneSeedOneRun() {
        let traces = (0..<2).map { _ in
            var pool = SimulatedPool.joined(count: 12, seed: 77)
            pool.loss = 0.2
            pool.kill(3)
            pool.run(for: .seconds(30))
            return pool.trace
        }
        #expect(traces[0] == traces[1] && !traces[0].isEmpty)
    }
}
