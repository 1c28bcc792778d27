import Basics
import Gossip
import Linux
import TestSupport
import Testing

@testable import Membership

/// Members on real sockets of the loopback interface, with times a tenth of the usual.
@Suite(.serialized) struct GossipPoolTests {
    static let key = [UInt8](repeating: 7, count: 32)
    static let other = [UInt8](repeating: 8, count: 16)

    @Test(arguments: [[], [key]], ["", "prod"])
    func membersFindEachOther(keys: [[UInt8]], label: String) async throws {
        let configurations = try ["a", "b", "c"].map {
            try TestMember.configuration($0, tags: ["role": "server", "id": $0], keys: keys, label: label)
        }
        try await TestMember.with(configurations) { members in
            let outcome = await members[1].pool.join([members[0].address])
            #expect(outcome == JoinOutcome(joined: 1))
            #expect(await members[2].pool.join([members[1].address]).joined == 1)
            let all = ["a:alive", "b:alive", "c:alive"]
            #expect(try await holds(within: .seconds(5)) { members.allSatisfy { $0.listing == all } })
            #expect(members[0].pool.members.last?.tags == ["role": "server", "id": "c"])

            try await members[2].pool.setTags(["role": "leader"])
            let told = try await holds(within: .seconds(5)) {
                members.allSatisfy { $0.pool.members.last?.tags == ["role": "leader"] }
            }
            #expect(told)

            await members[2].pool.leave()
            #expect(members[2].listing.isEmpty, "it has ended")
            #expect(try await holds(within: .seconds(5)) { members[0].listing == ["a:alive", "b:alive", "c:left"] })

            members[1].stop()
            #expect(try await holds(within: .seconds(20)) { members[0].listing == ["a:alive", "b:failed", "c:left"] })

            var seen: [String] = []
            for await event in members[0].events {
                let (word, member) = event.description
                seen.append("\(member.name) \(word)")
                if seen.last == "b failed" { break }
            }
            #expect(seen == ["a joined", "b joined", "c joined", "c updated", "c left", "b failed"])
        }
    }

    @Test func wrongKeyIsRefusedOnBothSides() async throws {
        let configurations = [
            try TestMember.configuration("a", keys: [Self.key]), try TestMember.configuration("b", keys: [Self.other]),
            try TestMember.configuration("c"), try TestMember.configuration("d", keys: [Self.key], label: "test"),
        ]
        try await TestMember.with(configurations) { members in
            for stranger in members[1...] {
                let outcome = await stranger.pool.join([members[0].address])
                #expect(outcome.joined == 0)
                let text = try #require(outcome.failures[members[0].address])
                #expect(
                    text.contains("gossip key") || text.contains("no key") || text.contains("labelled"),
                    "says what is wrong: \(text)")
                #expect(stranger.listing.count == 1)
            }
            #expect(members[0].listing == ["a:alive"])
        }
    }

    @Test func keysAreChangedInTheWholePool() async throws {
        let folder = try TemporaryFolder("keys")
        let configurations = try ["a", "b", "c"].map { name in
            var configuration = try TestMember.configuration(name, keys: [Self.key])
            configuration.keyringFile = KeyringFile(path: "\(folder.path)/\(name)", disk: systemSeam.disk)
            return configuration
        }
        try await TestMember.with(configurations) { members in
            for member in members[1...] { _ = await member.pool.join([members[0].address]) }
            #expect(try await holds(within: .seconds(5)) { members.allSatisfy { $0.listing.count == 3 } })
            for operation in [KeyOperation.install(Self.other), .use(Self.other), .remove(Self.key)] {
                let outcome = try await members[0].pool.changeKeys(operation)
                #expect(outcome.asked == 3 && outcome.answers.count == 3)
                #expect(outcome.answers.values.map(\.isDone) == [true, true, true])
            }
            let list = try await members[1].pool.changeKeys(.list)
            #expect(
                list.answers["c"]
                    == KeyResponse(
                        isDone: true, keys: [Base64.encode(Self.other)], primaryKey: Base64.encode(Self.other)))
            let refused = try await members[0].pool.changeKeys(.use(Self.key))
            #expect(refused.answers["b"]?.isDone == false)
            #expect(refused.answers["b"]?.message == KeyringError.notInstalled.description)
            try await systemSeam.time.sleep(for: .seconds(2))
            #expect(
                members[0].listing == ["a:alive", "b:alive", "c:alive"], "with the new key they still hear each other")
        }
        #expect(
            try configurations.map { try $0.keyringFile?.load()?.keys } == [[Self.other], [Self.other], [Self.other]])
    }

    @Test func garbageDisturbsNobody() async throws {
        let configurations = try ["a", "b"].map { try TestMember.configuration($0) }
        try await TestMember.with(configurations) { members in
            _ = await members[1].pool.join([members[0].address])
            let target = try #require(NetworkAddress(members[0].address, defaultPort: 0))
            var generator = SeededGenerator(seed: 1)
            for round in 0..<300 {
                let garbage = (0..<Int.random(in: 1...200, using: &generator)).map { index in
                    index == 0 ? UInt8(round % 16) : UInt8.random(in: .min ... .max, using: &generator)
                }
                try LoopbackSocket.sendDatagram(garbage, port: target.port)
                if round % 10 == 0 { try LoopbackSocket.sendStream(garbage, port: target.port) }
            }
            try await systemSeam.time.sleep(for: .seconds(2))
            #expect(members.allSatisfy { $0.listing == ["a:alive", "b:alive"] })
        }
    }

    @Test func joiningTriesAgainUntilSomebodyAnswers() async throws {
        let configurations = try ["a", "b"].map { try TestMember.configuration($0) }
        try await TestMember.with(configurations) { members in
            let nobody = "127.0.0.1:\(try freePort())"
            let failed = try await members[0].pool.join([nobody], every: .milliseconds(10), attemptsMax: 3)
            #expect(failed.joined == 0 && failed.failures[nobody]?.contains("cannot connect") == true)
            let bad = await members[0].pool.join(["", "no.such.host.invalid:1"])
            #expect(bad.joined == 0 && bad.failures.count == 2)
            let good = try await members[0].pool.join(
                [nobody, members[1].address], every: .milliseconds(10), attemptsMax: 0)
            #expect(good.joined == 1 && good.failures.count == 1)
        }
    }

    /// Two lots, each of which found somebody while the other was away, become one pool.
    @Test func whoeverWasAwayIsFound() async throws {
        var late = try TestMember.configuration("late")
        late.bind.port = try freePort()
        let (target, lateMember) = ("\(late.bind)", late)
        try await TestMember.with(try ["a", "b"].map { try TestMember.configuration($0) }) { members in
            let outcome = await members[0].pool.join([target, members[1].address])
            #expect(outcome.joined == 1 && outcome.failures.keys.sorted() == [target])
            try await TestMember.with([lateMember]) { others in
                try await members[0].pool.joinAll([target], every: .milliseconds(20))
                let all = ["a:alive", "b:alive", "late:alive"]
                #expect(try await holds(within: .seconds(5)) { (members + others).allSatisfy { $0.listing == all } })
            }
        }
    }

    /// A member that ends without a word remembers the others; one that leaves forgets them, unless it is to rejoin.
    @Test(arguments: [(leaves: false, rejoins: false, isBack: true), (true, false, false), (true, true, true)])
    func aMemberComesBackByItself(leaves: Bool, rejoins: Bool, isBack: Bool) async throws {
        let folder = try TemporaryFolder("pool")
        let file = MemberFile(path: folder.path + "/members.json", disk: SystemDisk())
        var second = try TestMember.configuration("b")
        (second.memberFile, second.rejoinsAfterLeave) = (file, rejoins)
        let again = second
        try await TestMember.with([try TestMember.configuration("a")]) { members in
            let first = members[0]
            try await TestMember.with([again]) { others in
                #expect(await others[0].pool.join([first.address]).joined == 1)
                let isKept = try await holds(within: .seconds(5)) { try file.load() == ["a": first.address] }
                #expect(isKept)
                #expect(await others[0].pool.join([others[0].address]) == JoinOutcome(), "its own address is none")
                if leaves { await others[0].pool.leave() }
            }
            #expect(try file.load() == (isBack ? ["a": first.address] : [:]))
            try await TestMember.with([again]) { others in
                await others[0].pool.rejoin()
                #expect(others[0].listing.contains("a:alive") == isBack, "\(others[0].listing)")
            }
        }
    }

    @Test func aDamagedListOfMembersIsForgotten() async throws {
        let folder = try TemporaryFolder("pool")
        try folder.write("members.json", "no list")
        var configuration = try TestMember.configuration("a")
        configuration.memberFile = MemberFile(path: folder.path + "/members.json", disk: SystemDisk())
        try await TestMember.with([configuration]) { members in
            await members[0].pool.rejoin()
            #expect(members[0].listing == ["a:alive"])
        }
    }

    @Test func addressInUseIsSaid() async throws {
        try await TestMember.with([try TestMember.configuration("a")]) { members in
            var second = try TestMember.configuration("b")
            second.bind = try #require(NetworkAddress(members[0].address, defaultPort: 0))
            try await TestMember.with([second]) { others in
                #expect(others[0].address.contains("cannot listen for gossip at \(members[0].address)"))
                #expect(
                    await others[0].pool.join([members[0].address]).failures.values.first
                        == "the gossip pool is not running")
            }
        }
    }

    @Test func unusableConfigurationIsRefused() async throws {
        let log = quietLogger
        var nameless = try TestMember.configuration("a")
        nameless.name = ""
        #expect(throws: PoolError.self) { try GossipPool(nameless, seam: systemSeam, log: log) }
        var wordy = try TestMember.configuration("a")
        wordy.tags = ["x": String(repeating: "y", count: 600)]
        #expect(throws: PoolError.self) { try GossipPool(wordy, seam: systemSeam, log: log) }
        var everywhere = try TestMember.configuration("a")
        everywhere.bind = NetworkAddress(host: "0.0.0.0", port: 0)
        try await TestMember.with([everywhere]) { members in
            #expect(members[0].address.contains("set advertise.serf"))
        }
    }
}
