import Basics
import Consensus
import Logging
import Model
import RPC
import Raft
import SimulatedSeam
import StateStore
import Synchronization
import Testing

@testable import Server

struct JoiningTests {
    private static let three = [1, 2, 3].map { SimulatedServers.Settings(number: $0) }

    private static func namespace(_ name: String, description: String = "") -> UpsertNamespace {
        var call = UpsertNamespace()
        call.namespace.name = name
        call.namespace.description = description
        return call
    }

    @Test(arguments: [1, 2, 3, 4, 5]) func threeServersFoundOneCluster(seed: UInt64) throws {
        try SimulatedServers.run(Self.three, seed: seed) { group in
            try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
            for server in group.all {
                let peers = try await server.call(Query(.peers), context: CallContext())
                #expect(try JSONParser.parse(peers.body.bytes).array?.count == 3)
                let members = try await server.call(Query(.members), context: CallContext())
                let list = try JSONParser.parse(members.body.bytes)["Members"]?.array ?? []
                #expect(list.map { $0["Name"]?.string } == ["server-1.global", "server-2.global", "server-3.global"])
                #expect(list.allSatisfy { $0["Status"] == .string("alive") })
            }
        }
    }

    /// Each knows only the next one; what they tell each other completes the ring.
    @Test func oneAddressIsEnough() throws {
        let ring = [1, 2, 3].map { SimulatedServers.Settings(number: $0, join: [$0 % 3 + 1]) }
        try SimulatedServers.run(ring) { group in
            try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
        }
    }

    @Test func anyServerTakesAWriteAndAllApplyIt() throws {
        try SimulatedServers.run(Self.three) { group in
            try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
            for (number, server) in group.all.enumerated() {
                _ = try await server.call(Self.namespace("n\(number)"), context: CallContext())
                let read = try await server.call(Query(.namespace, id: "n\(number)"), context: CallContext())
                #expect(read.knownLeader && read.lastContact == .zero)
            }
            try await group.eventually("all apply it") { group.all.allSatisfy { $0.snapshot.namespace("n2") != nil } }
            let follower = try #require(group.all.first { !$0.isLeader })
            var stale = Query(.namespaces)
            stale.stale = true
            let reply = try await follower.call(stale, context: CallContext())
            #expect(reply.knownLeader && reply.lastContact > .zero && reply.lastContact < .seconds(1))
            var hopped = CallContext()
            hopped.hops = 2
            let error = await #expect(throws: CallError.self) {
                try await follower.call(Self.namespace("late"), context: hopped)
            }
            #expect(error?.code == .undone, "no call is passed on without end")
        }
    }

    @Test func twoOfThreeWaitForTheThird() throws {
        try SimulatedServers.run(Array(Self.three.prefix(2))) { group in
            try await group.sleep(.seconds(30))
            #expect(group.all.allSatisfy { $0.allegiance.cluster == nil && !$0.isLeader })
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await group.run(Self.three[2]) }
                try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
                tasks.cancelAll()
            }
        }
    }

    @Test func fourServersThatExpectThreeMakeOneCluster() throws {
        let four = (1...4).map { SimulatedServers.Settings(number: $0, join: [1, 2, 3, 4]) }
        try SimulatedServers.run(four) { group in
            try await group.eventually("four voters") { group.isFormed([1, 2, 3, 4]) }
        }
    }

    @Test func aLaterServerGetsASnapshotAndBecomesAVoter() throws {
        try SimulatedServers.run(Self.three) { group in
            try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
            let leader = try #require(group.leader)
            let text = String(repeating: "x", count: 200)
            for number in 0..<1_000 {
                let call = Self.namespace("n\(number % 200)", description: text)
                _ = try await leader.call(call, context: CallContext())
            }
            try await leader.saveSnapshot()
            for number in 200..<210 {
                _ = try await leader.call(Self.namespace("n\(number)"), context: CallContext())
            }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await group.run(SimulatedServers.Settings(number: 4, expect: 0)) }
                try await group.eventually("four voters") { group.isFormed([1, 2, 3, 4]) }
                #expect(group[4]?.snapshot.namespace("n0") != nil && group[4]?.snapshot.namespace("n209") != nil)
                #expect(try group.snapshots(of: 4).count == 1, "it came as a snapshot")
                tasks.cancelAll()
            }
        }
    }

    @Test func leadershipIsHandedOverAndAServerRemoved() throws {
        try SimulatedServers.run(Self.three) { group in
            try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
            let old = try #require(group.leader)
            var transfer = TransferLeadership()
            let done = try await old.call(transfer, context: CallContext())
            #expect(done.from == old.id && done.to != old.id)
            try await group.eventually("the other leads") { group.leader?.id == done.to }
            transfer.id = "nobody"
            let error = await #expect(throws: CallError.self) { try await old.call(transfer, context: CallContext()) }
            #expect(error?.code == .notFound)
            var removal = RemoveRaftPeer()
            removal.address = old.settings.rpcAddress.description
            _ = try await old.call(removal, context: CallContext())
            try await group.eventually("two are left") {
                group.leader?.consensus.status.membership.members.map(\.id.name).contains(old.id) == false
            }
        }
    }

    @Test(arguments: [
        (SimulatedServers.Settings(number: 3, region: "elsewhere"), "is in region"),
        (SimulatedServers.Settings(number: 3, id: "id-1"), "have the same id"),
        (SimulatedServers.Settings(number: 3, name: "server-1"), "have the same name"),
    ])
    func oddServersAreRefusedOnBothSides(odd: SimulatedServers.Settings, message: String) throws {
        let two = [1, 2].map { SimulatedServers.Settings(number: $0, expect: 2, join: [1, 2]) }
        try SimulatedServers.run(two) { group in
            try await group.eventually("two voters") { group.isFormed([1, 2]) }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await group.run(odd) }
                try await group.sleep(.seconds(20))
                let (first, refused) = (try #require(group[1]), try #require(group[3]))
                #expect(refused.allegiance.cluster == nil && !refused.isLeader)
                #expect(group.isFormed([1, 2]), "nothing is disturbed")
                #expect(first.conflict(with: refused.introduction())?.contains(message) == true)
                let (here, there) = (SimulatedServers.address(1).description, SimulatedServers.address(3).description)
                #expect(refused.introductions.withLock { $0.failures[here] } == .conflict)
                #expect(first.introductions.withLock { $0.failures[there] } == .conflict)
                tasks.cancelAll()
            }
        }
    }

    @Test func differentExpectationsMakeNoCluster() throws {
        var servers = Self.three
        servers[2].expect = 5
        try SimulatedServers.run(servers) { group in
            try await group.sleep(.seconds(20))
            #expect(group.all.count == 3 && group.all.allSatisfy { $0.allegiance.cluster == nil })
            let conflict = try #require(group[1]).conflict(with: try #require(group[3]).introduction())
            #expect(conflict?.contains("bootstrap_expect is 3 on server server-1") == true)
        }
    }

    /// A server that restarts with its clock set back is believed all the same.
    @Test func aClockSetBackSilencesNobody() throws {
        try SimulatedServers.run([
            SimulatedServers.Settings(number: 1, expect: 2), SimulatedServers.Settings(number: 2, expect: 2),
        ]) {
            group in
            try await group.eventually("two voters") { group.isFormed([1, 2]) }
            let (first, second) = (try #require(group[1]), try #require(group[2]))
            var rumour = first.introduction()
            rumour.version += 3_600_000_000_000
            rumour.name = "before"
            try await second.learn(rumour)
            try await group.eventually("the new record") { second.directory[first.id]?.record.name == "server-1" }
        }
    }

    @Test func aPromiseIsKeptAndEndsWithItsPoll() throws {
        let world = SimulatedWorld(seed: 1)
        try world.run {
            let disk = SimulatedDisk()
            let seam = world.seam(disk: disk, name: "server")
            let allegiance = try await Allegiance.load(folder: "/data", id: "c", seam: seam)
            let (first, second) = (ID(high: 1, low: 1), ID(high: 2, low: 2))
            #expect(try await allegiance.promise(to: "a", ballot: first, version: 5) == nil)
            let refusal = try #require(try await allegiance.promise(to: "b", ballot: second, version: 1))
            #expect(refusal.hasPrefix("has promised itself to server a;") && refusal.contains("/data/cluster.json"))
            let later = try await Allegiance.load(folder: "/data", id: "c", seam: seam)
            #expect(later.candidate == "a", "it is on disk")
            let own = try await Allegiance.load(folder: "/data", id: "a", seam: seam)
            #expect(own.candidate.isEmpty, "a poll does not outlive its server's process")
            #expect(own.version == 5, "a clock set back must not keep others from hearing that")
            // What the candidate said before it asked says nothing of the poll.
            try await later.heard(from: "a", ballot: .none, version: 5)
            try await later.heard(from: "a", ballot: first, version: 6)
            #expect(later.candidate == "a")
            try await later.heard(from: "a", ballot: .none, version: 7)
            #expect(later.candidate.isEmpty)
            #expect(try await later.promise(to: "b", ballot: second, version: 1) == nil)
            try await later.join(first)
            #expect(try await later.promise(to: "b", ballot: second, version: 2) == "is a member of cluster \(first)")
        }
    }
}
