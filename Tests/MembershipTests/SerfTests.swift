import Basics
import Foundation
import Gossip
import TestSupport
import Testing

@testable import Membership

/// One pool with the stock serf agent of Debian.
@Suite(
    .serialized,
    .enabled(if: SerfAgent.program != nil, "needs Debian's serf: apt-get install serf, or a reachable Debian mirror"))
struct SerfTests {
    static let key = "cg8StVXbQJ0gPvMd9o7yrg=="

    @Test(arguments: [[], ["-encrypt", key, "-disable-compression"]])
    func bothSeeTheSamePool(options: [String]) async throws {
        let agent = try SerfAgent("serf-1", tags: ["role": "web", "dc": "eu"], options)
        let configurations = try ["drover-1", "drover-2"].map { name in
            try member(name, tags: ["role": "nomad", "region": "global"], isEncrypted: options.contains("-encrypt"))
        }
        try await TestMember.with(configurations) { members in
            // One joins the agent; the other is joined by it.
            let joined = try await members[0].pool.join([agent.address], every: .milliseconds(100), attemptsMax: 50)
            #expect(joined.joined == 1, "\(joined)")
            #expect(try agent.run("join", members[1].address).contains("Successfully joined cluster"))

            let all = ["drover-1:alive", "drover-2:alive", "serf-1:alive"]
            #expect(try await holds(within: .seconds(10)) { members.allSatisfy { $0.listing == all } })
            #expect(members[1].pool.members.last?.tags == ["role": "web", "dc": "eu"])
            let listed = try await holds(within: .seconds(10)) { try agent.members() == all }
            #expect(listed)
            #expect(try agent.tags(of: "drover-1") == ["role": "nomad", "region": "global"])

            try await members[0].pool.setTags(["role": "leader"])
            #expect(try await holds(within: .seconds(10)) { try agent.tags(of: "drover-1") == ["role": "leader"] })
            _ = try agent.run("tags", "-set", "role=db")
            let told = try await holds(within: .seconds(10)) { members[0].pool.members.last?.tags["role"] == "db" }
            #expect(told)

            // Nobody is suspected while all are well: a probe of each, and rumours of it, pass in this time.
            try await systemSeam.time.sleep(for: .seconds(4))
            #expect(try agent.members() == all && members[0].listing == all)

            // A member that leaves, and one that is killed, as serf sees them.
            await members[1].pool.leave()
            #expect(try await holds(within: .seconds(10)) { try agent.members().contains("drover-2:left") })
            members[0].stop()
            #expect(try await holds(within: .seconds(30)) { try agent.members().contains("drover-1:failed") })
            #expect(try agent.members() == ["drover-1:failed", "drover-2:left", "serf-1:alive"])
        }
    }

    @Test(arguments: [[], ["-encrypt", key]])
    func serfsFailureAndLeaveAreSeen(options: [String]) async throws {
        let (first, second) = (try SerfAgent("serf-1", options), try SerfAgent("serf-2", options))
        let isEncrypted = !options.isEmpty
        let configurations = try ["drover-1", "drover-2"].map { try member($0, isEncrypted: isEncrypted) }
        try await TestMember.with(configurations) { members in
            for address in [first.address, second.address, members[1].address] {
                let joined = try await members[0].pool.join([address], every: .milliseconds(100), attemptsMax: 50)
                #expect(joined.joined == 1)
            }
            let all = ["drover-1:alive", "drover-2:alive", "serf-1:alive", "serf-2:alive"]
            #expect(try await holds(within: .seconds(10)) { members.allSatisfy { $0.listing == all } })
            #expect(try await holds(within: .seconds(10)) { try first.members() == all && second.members() == all })

            first.kill()
            let failed = ["drover-1:alive", "drover-2:alive", "serf-1:failed", "serf-2:alive"]
            #expect(try await holds(within: .seconds(30)) { members.allSatisfy { $0.listing == failed } })
            #expect(try await holds(within: .seconds(30)) { try second.members() == failed })

            _ = try second.run("leave")
            let left = ["drover-1:alive", "drover-2:alive", "serf-1:failed", "serf-2:left"]
            #expect(try await holds(within: .seconds(10)) { members.allSatisfy { $0.listing == left } })
        }
    }

    /// serf asks all members about their keys by queries, and answers ours.
    @Test func keysAreChangedByEither() async throws {
        let agent = try SerfAgent("serf-1", ["-encrypt", Self.key])
        let configuration = try member("drover-1", isEncrypted: true)
        try await TestMember.with([configuration]) { members in
            let pool = members[0].pool
            let joined = try await pool.join([agent.address], every: .milliseconds(100), attemptsMax: 50)
            #expect(joined.joined == 1)
            #expect(try await holds(within: .seconds(10)) { try agent.members().count == 2 })

            let fresh = [UInt8](repeating: 9, count: 32)
            for operation in [KeyOperation.install(fresh), .use(fresh)] {
                let outcome = try await pool.changeKeys(operation)
                #expect(outcome.answers["serf-1"]?.isDone == true && outcome.answers.count == 2, "\(outcome)")
            }
            // On a busy machine an answer may come too late to be counted; removed again, the key is removed.
            let isRemoved = try await holds(within: .seconds(20)) {
                try agent.run("keys", "-remove", Self.key).contains("Successfully removed key")
            }
            #expect(isRemoved)
            let listed = try agent.run("keys", "-list")
            #expect(listed.contains(Base64.encode(fresh)) && listed.contains("2/2"), "\(listed)")
            #expect(try await pool.changeKeys(.list).answers["drover-1"]?.keys == [Base64.encode(fresh)])
        }
    }

    /// serf asks every member whether it is there, by a query that all acknowledge.
    @Test func queriesAreAcknowledged() async throws {
        let agent = try SerfAgent("serf-1")
        let configurations = try ["drover-1", "drover-2"].map { try member($0, isEncrypted: false) }
        try await TestMember.with(configurations) { members in
            for address in [agent.address, members[1].address] {
                let joined = try await members[0].pool.join([address], every: .milliseconds(100), attemptsMax: 50)
                #expect(joined.joined == 1)
            }
            #expect(try await holds(within: .seconds(10)) { try agent.members().count == 3 })
            let reached = try agent.run("reachability")
            #expect(reached.contains("live members: 3"), "\(reached)")
            #expect(reached.contains("Successfully contacted all live nodes"), "\(reached)")
        }
    }

    @Test func wrongKeyIsSaid() async throws {
        let agent = try SerfAgent("serf-1", ["-encrypt", Self.key])
        var configuration = try member("drover-1", isEncrypted: false)
        configuration.keyring = try Keyring(keys: [[UInt8](repeating: 1, count: 16)])
        try await TestMember.with([configuration]) { members in
            #expect(try await holds(within: .seconds(10)) { (try? agent.members()) == ["serf-1:alive"] })
            let outcome = await members[0].pool.join([agent.address])
            #expect(outcome.joined == 0)
            let refused = try agent.run("join", members[0].address)
            #expect(refused.contains("Error joining"), "\(refused)")
            #expect(members[0].listing == ["drover-1:alive"])
        }
    }

    /// With the usual times, as serf's.
    private func member(_ name: String, tags: [String: String] = [:], isEncrypted: Bool) throws -> PoolConfiguration {
        PoolConfiguration(
            name: name, bind: NetworkAddress(host: "127.0.0.1", port: 0), tags: tags,
            keyring: isEncrypted ? try Keyring(base64: [Self.key]) : nil)
    }
}
