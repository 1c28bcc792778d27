import Basics
import Consensus
import Gossip
import Model
import RPC
import Raft
import StateStore
import Synchronization
import Testing

@testable import Server

/// A pool whose members are what the test says.
final class FakePool: MemberPool {
    private let listed = Mutex<[Gossip.Member]>([])

    var members: [Gossip.Member] { listed.withLock { $0 } }

    /// Lists server `number` of `region`, or changes how it is listed.
    func list(_ number: Int, region: String = "global", status: MemberStatus = .alive, name: String? = nil) {
        var options = ServerOptions(folder: "/")
        (options.id, options.name, options.region) = ("id-\(number)", name ?? "server-\(number)", region)
        options.rpcAddress = SimulatedServers.address(number)
        list(options.poolName, tags: options.poolTags, status: status)
    }

    func list(_ name: String, tags: [String: String], status: MemberStatus = .alive) {
        let address = GossipAddress(bytes: [192, 0, 2, 250], port: 4648)
        let member = Gossip.Member(name: name, address: address, tags: tags, status: status, versions: .ours)
        listed.withLock { listed in
            listed.removeAll { $0.name == name }
            listed.append(member)
        }
    }
}

struct PoolTests {
    private static func settings(
        _ number: Int, _ pool: FakePool, expect: Int = 3, region: String = "global"
    )
        -> SimulatedServers.Settings
    {
        var settings = SimulatedServers.Settings(number: number, expect: expect, region: region, join: [])
        settings.pool = pool
        return settings
    }

    private static func namespace(_ name: String) -> UpsertNamespace {
        var call = UpsertNamespace()
        call.namespace.name = name
        return call
    }

    private static func context(_ region: String) -> CallContext {
        var context = CallContext()
        context.region = region
        return context
    }

    @Test(arguments: [
        (["role": "web"], false),
        (["role": "nomad", "region": "global", "id": "x", "port": "4647"], false),
        (["role": "nomad", "region": "global", "id": "x", "port": "4647", "drover": "1"], true),
        (["role": "nomad", "region": "global", "id": "x", "port": "0", "drover": "1"], false),
        (["role": "nomad", "region": "", "id": "x", "port": "4647", "drover": "1"], false),
    ])
    func onlyDroverServersAreServers(tags: [String: String], isServer: Bool) {
        let pool = FakePool()
        pool.list("x", tags: tags)
        #expect((pool.members.compactMap(PoolServer.init).count == 1) == isServer)
    }

    @Test func thePoolIsEnoughToFindEachOther() throws {
        let pool = FakePool()
        for number in 1...3 { pool.list(number) }
        pool.list(4, region: "elsewhere")
        pool.list("web-1", tags: ["role": "web"])
        try SimulatedServers.run((1...3).map { Self.settings($0, pool) }) { group in
            try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
            let members = try await #require(group[1]).call(Query(.members), context: CallContext())
            let list = try JSONParser.parse(members.body.bytes)["Members"]?.array ?? []
            #expect(list.count == 5 && list.last?["Name"]?.string == "web-1")
            let first = try #require(group[1])
            #expect(first.introductions.withLock { $0.failures.isEmpty }, "nobody else is greeted")
            #expect(first.regions == ["elsewhere", "global"])
        }
    }

    @Test func aServerThatLeftIsTakenOutOfTheGroup() throws {
        let pool = FakePool()
        for number in 1...3 { pool.list(number) }
        try SimulatedServers.run((1...2).map { Self.settings($0, pool) }) { group in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await group.run(Self.settings(3, pool)) }
                try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
                pool.list(3, status: .left)
                try await group.sleep(.seconds(10))
                #expect(group.isFormed([1, 2, 3]), "it greets, so it is back")
                tasks.cancelAll()
            }
            func isMember() -> Bool {
                group.leader?.consensus.status.membership.contains(ServerID("id-3")) != false
            }
            pool.list(3, status: .failed)
            try await group.sleep(.seconds(10))
            #expect(isMember(), "a failed one may come back")
            pool.list(3, name: "renamed")
            pool.list(3, status: .left)
            try await group.sleep(.seconds(10))
            #expect(isMember(), "it is alive under another name")
            pool.list(3, status: .left, name: "renamed")
            try await group.eventually("two are left") { group.isFormed([1, 2]) }
        }
    }

    @Test func aServerLeavesAndIsAMemberAgainAfterItsRestart() throws {
        let pool = FakePool()
        for number in 1...3 { pool.list(number) }
        let settings = (1...2).map { Self.settings($0, pool) }
        try SimulatedServers.run(settings) { group in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await group.run(Self.settings(3, pool)) }
                try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
                let leaver = try #require(group[3])
                try await leaver.leave()
                try await group.eventually("two are left") {
                    group[1]?.consensus.status.membership.members.count == 2 && group.isFormed([1, 2])
                }
                try await group.sleep(.seconds(10))
                #expect(group.isFormed([1, 2]), "it does not come back in this life")
                tasks.cancelAll()
            }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await group.run(Self.settings(3, pool)) }
                try await group.eventually("three voters again") { group.isFormed([1, 2, 3]) }
                #expect(group[3]?.allegiance.isReturning == false)
                tasks.cancelAll()
            }
        }
    }

    /// A leader that leaves hands leadership on first.
    @Test func theLeaderLeaves() throws {
        let pool = FakePool()
        for number in 1...3 { pool.list(number) }
        try SimulatedServers.run((1...3).map { Self.settings($0, pool) }) { group in
            try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
            let leader = try #require(group.leader)
            try await leader.leave()
            try await group.eventually("another leads two") {
                guard let next = group.leader, next.id != leader.id else { return false }
                return next.consensus.status.membership.members.count == 2
            }
        }
    }

    @Test func callsReachTheRegionTheyName() throws {
        let pool = FakePool()
        for number in 1...2 { pool.list(number, region: "a") }
        for number in 3...4 { pool.list(number, region: "b") }
        let settings = [
            Self.settings(1, pool, expect: 2, region: "a"), Self.settings(2, pool, expect: 2, region: "a"),
            Self.settings(3, pool, expect: 2, region: "b"), Self.settings(4, pool, expect: 2, region: "b"),
        ]
        try SimulatedServers.run(settings) { group in
            try await group.eventually("two clusters") { group.isFormed([1, 2]) && group.isFormed([3, 4]) }
            let (here, there) = (try #require(group[1]), try #require(group[3]))
            #expect(here.allegiance.cluster != there.allegiance.cluster)
            // Whichever of b's servers is asked, and whichever leads.
            for number in 0..<4 {
                _ = try await here.call(Self.namespace("n\(number)"), context: Self.context("b"))
            }
            #expect(here.snapshot.namespace("n0") == nil)
            try await group.eventually("b has them") { there.snapshot.namespace("n3") != nil }

            // A blocking query waits there.
            var query = Query(.namespaces)
            query.minIndex = try await here.call(Query(.namespaces), context: Self.context("b")).index
            query.wait = .seconds(30)
            let waiting = query
            async let changed = here.call(waiting, context: Self.context("b"))
            try await group.sleep(.seconds(3))
            _ = try await there.call(Self.namespace("late"), context: Self.context("b"))
            let reply = try await changed
            #expect(reply.index > query.minIndex && String(decoding: reply.body.bytes, as: UTF8.self).contains("late"))

            let unknown = await #expect(throws: CallError.self) {
                try await here.call(Query(.jobs), context: Self.context("nowhere"))
            }
            #expect(unknown?.code == .failed && unknown?.message.contains("regions known here: a, b") == true)
            for number in 3...4 { pool.list(number, region: "b", status: .failed) }
            let gone = await #expect(throws: CallError.self) {
                try await here.call(Query(.jobs), context: Self.context("b"))
            }
            #expect(gone?.message.hasPrefix("No path to region \"b\"") == true)
            #expect(here.regions == ["a"])
        }
    }
}
