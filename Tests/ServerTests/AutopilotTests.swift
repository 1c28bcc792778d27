import Basics
import Consensus
import Model
import RPC
import Raft
import StateStore
import Synchronization
import Testing

@testable import Server

@Suite struct AutopilotTests {
    /// Voters first, the last `dead` of them silent for long; then learners that are well.
    private static func servers(voters: Int, dead: Int, learners: Int = 0) -> [Autopilot.Observation] {
        (0..<voters + learners).map { number in
            let isDead = number < voters && number >= voters - dead
            return Autopilot.Observation(
                id: ServerID("s\(number)"), isVoter: number < voters, silence: isDead ? .seconds(60) : .zero,
                match: 100, isAlive: !isDead)
        }
    }

    private static func autopilot(
        _ servers: [Autopilot.Observation], _ configuration: AutopilotConfiguration
    ) -> Autopilot {
        var autopilot = Autopilot()
        autopilot.observe(servers, lastIndex: 100, configuration: configuration, now: Uptime(nanoseconds: 0))
        return autopilot
    }

    /// Dead voters go when that gains something, never below what can decide or what the operator wants.
    @Test(arguments: [
        (voters: 3, dead: 1, minQuorum: 0, tolerance: 0, removed: 0),  // two of two are no safer than two of three
        (4, 1, 0, 0, 1),  // its replacement is here
        (4, 1, 4, 0, 0),
        (5, 1, 0, 1, 0),
        (5, 2, 0, 0, 2),
        (5, 2, 3, 0, 2),
        (5, 2, 4, 0, 0),
        (5, 3, 0, 0, 0),  // no majority left to decide it
        (6, 1, 0, 1, 1),
        (4, 2, 0, 0, 0),
        (3, 0, 0, 1, 0),
        (1, 0, 0, 0, 0),
    ])
    func deadVoters(voters: Int, dead: Int, minQuorum: Int, tolerance: Int, removed: Int) {
        var configuration = AutopilotConfiguration()
        configuration.minQuorum = minQuorum
        let servers = Self.servers(voters: voters, dead: dead)
        let autopilot = Self.autopilot(servers, configuration)
        #expect(autopilot.tolerance(servers) == tolerance)
        #expect(autopilot.removals(servers, configuration: configuration).count == removed)
        configuration.cleanupDeadServers = false
        #expect(autopilot.removals(servers, configuration: configuration).isEmpty)
    }

    @Test func silentButAliveOrShortlySilentServersStay() {
        let configuration = AutopilotConfiguration()
        var servers = Self.servers(voters: 4, dead: 1)
        servers[3].isAlive = true
        #expect(Self.autopilot(servers, configuration).removals(servers, configuration: configuration).isEmpty)
        servers[3].isAlive = false
        servers[3].silence = .seconds(9)
        #expect(Self.autopilot(servers, configuration).removals(servers, configuration: configuration).isEmpty)
    }

    @Test func learnersGetTheirVoteOnceTheyAreStable() {
        let configuration = AutopilotConfiguration()
        var servers = Self.servers(voters: 3, dead: 0, learners: 2)
        var autopilot = Autopilot()
        func look(_ seconds: Int64, expect: Int = 3) -> [String] {
            let now = Uptime(nanoseconds: seconds * 1_000_000_000)
            autopilot.observe(servers, lastIndex: 400, configuration: configuration, now: now)
            return autopilot.promotions(servers, expect: expect, configuration: configuration, now: now).map(\.name)
        }
        servers[3].match = 100  // 300 entries behind
        servers[4].match = 200
        #expect(look(0).isEmpty && look(9).isEmpty)
        #expect(look(0, expect: 5) == ["s4"], "the founders wait for nobody")
        #expect(look(10) == ["s4"])
        servers[3].match = 390
        #expect(look(11) == ["s4"])
        #expect(look(21) == ["s3", "s4"], "the one that has more of the log first")
        servers[3].silence = .seconds(1)
        #expect(look(22) == ["s4"])
        servers[3].silence = .zero
        #expect(look(23) == ["s4"], "its time begins anew")
        #expect(look(33) == ["s3", "s4"])
        servers[4].isAlive = false
        #expect(look(34) == ["s3"])
    }

    @Test func configurationIsStoredAndChecked() throws {
        try ServerFixture.run { fixture in
            try await fixture.sleep(.seconds(1))
            let stored = try #require(fixture.server.snapshot.autopilotConfiguration)
            #expect(stored.cleanupDeadServers && stored.maxTrailingLogs == 250 && stored.modifyIndex > 0)
            var set = SetAutopilotConfiguration()
            set.configuration = stored
            set.configuration.minQuorum = 3
            (set.checkAndSet, set.modifyIndex) = (true, stored.modifyIndex + 1)
            #expect(try await !fixture.call(set).updated)
            set.modifyIndex = stored.modifyIndex
            #expect(try await fixture.call(set).updated)
            let reply = try await fixture.call(Query(.autopilotConfiguration))
            let text = String(decoding: reply.body.bytes, as: UTF8.self)
            #expect(text.contains(#""LastContactThreshold":"200ms""#) && text.contains(#""MinQuorum":3"#))
            set.configuration.lastContactThreshold.duration = .zero
            set.checkAndSet = false
            await #expect(throws: CallError(.invalid, "LastContactThreshold must be above 0")) {
                try await fixture.call(set)
            }
        }
    }

    private static let two = [1, 2].map { SimulatedServers.Settings(number: $0) }

    /// A replacement gets the vote of a dead server; when that one comes back, it joins again.
    @Test func aDeadServerMakesRoomAndMayComeBack() throws {
        try SimulatedServers.run(Self.two) { group in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await group.run(SimulatedServers.Settings(number: 3)) }
                try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
                tasks.cancelAll()
            }
            try await group.eventually("one of the others leads and misses it") {
                guard group.leader != nil else { return false }
                return try await group.health().servers.first { $0.id == "id-3" }?.serfStatus == "failed"
            }
            let health = try await group.health()
            #expect(!health.healthy && health.failureTolerance == 0 && health.voters.count == 3)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await group.run(SimulatedServers.Settings(number: 4, expect: 0)) }
                try await group.eventually("the new one has taken the place") { group.isFormed([1, 2, 4]) }
                let later = try await group.health()
                #expect(later.healthy && later.failureTolerance == 1 && later.leader == group.leader?.id)
                tasks.addTask { try? await group.run(SimulatedServers.Settings(number: 3)) }
                try await group.eventually("the old one is back") { group.isFormed([1, 2, 3, 4]) }
                tasks.cancelAll()
            }
        }
    }

    /// Who was removed by hand is told, and is quiet from then on; also after a restart.
    @Test func anExpelledServerIsToldAndStaysOut() throws {
        try SimulatedServers.run(Self.two) { group in
            for round in 1...2 {
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try? await group.run(SimulatedServers.Settings(number: 3)) }
                    if round == 1 {
                        try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
                        var removal = RemoveRaftPeer()
                        removal.id = "id-3"
                        _ = try await group[1]?.call(removal, context: CallContext())
                    }
                    try await group.eventually("it knows") { group[3]?.isExpelled.load(ordering: .relaxed) == true }
                    let (leader, term) = (try #require(group.leader).id, group.leader?.consensus.status.term)
                    try await group.sleep(.seconds(30))
                    #expect(group.leader?.id == leader && group.leader?.consensus.status.term == term)
                    let present = try #require(group.leader)
                    #expect(group.isFormed([1, 2]))
                    #expect(!present.directory.isAlive("id-3", now: present.seam.time.uptime), "it greets nobody")
                    let error = await #expect(throws: CallError.self) {
                        try await group[3]?.call(Query(.jobs), context: CallContext())
                    }
                    #expect(error?.message == ServerAgent.expelledText)
                    tasks.cancelAll()
                }
            }
        }
    }
}

extension SimulatedServers {
    fileprivate func health() async throws -> AutopilotHealth {
        try await #require(leader).call(GetAutopilotHealth(), context: CallContext())
    }
}
