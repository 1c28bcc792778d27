import Basics
import Model
import RPC
import SimulatedSeam
import StateStore
import Testing

@testable import Server

/// What servers do about variables, the locks on them, and the keys that they are encrypted with.
@Suite struct VariableCallTests {
    static func put(_ path: String, _ value: String, cas: UInt64? = nil) -> PutVariable {
        var call = PutVariable()
        (call.variable.namespace, call.variable.path) = ("default", path)
        call.variable.items = ["password": value]
        if let cas { (call.modifyIndex, call.checkAndSet) = (cas, true) }
        return call
    }

    private static func acquire(_ path: String) -> PutVariable {
        var call = put(path, "x")
        call.variable.items = [:]
        call.acquires = true
        return call
    }

    private static func keep(_ path: String, _ id: ID, releases: Bool = false) -> KeepVariableLock {
        var call = KeepVariableLock()
        (call.namespace, call.path, call.lockID, call.releases) = ("default", path, id, releases)
        return call
    }

    private static func message<Call: ServerCall>(_ call: Call, on fixture: ServerFixture) async -> String {
        do {
            _ = try await fixture.call(call)
            return "accepted"
        } catch {
            return (error as? CallError)?.message ?? "\(error)"
        }
    }

    @Test func whatIsWrittenIsReadAndNowhereInTheClear() throws {
        try ServerFixture.run(nodes: 0) { fixture in
            let created = try await fixture.call(Self.put("web/db", "hunter2"))
            #expect(!created.isConflict && created.variable.items == ["password": "hunter2"])
            #expect(created.variable.createIndex == created.index && created.variable.modifyIndex == created.index)
            let answer = try await fixture.call(Query(.variable, id: "web/db"))
            #expect(try Variable(json: answer.body.bytes) == created.variable && answer.index == created.index)
            let list = try await fixture.call(Query(.variables))
            #expect(!String(decoding: list.body.bytes, as: UTF8.self).contains("password"))
            try await fixture.server.saveSnapshot()
            for clear in ["hunter2", "password"] {
                #expect(!fixture.server.snapshot.encoded.contains(Array(clear.utf8)))
            }
            let missing = await Self.message(Query(.variable, id: "web"), on: fixture)
            #expect(missing == "variable not found")
        }
    }

    @Test func conflictsAreAnsweredWithWhatIsThere() throws {
        try ServerFixture.run(nodes: 0) { fixture in
            let first = try await fixture.call(Self.put("a", "one", cas: 0))
            let conflict = try await fixture.call(Self.put("a", "two", cas: 0))
            #expect(conflict.isConflict && conflict.variable == first.variable)
            let second = try await fixture.call(Self.put("a", "two", cas: first.index))
            #expect(second.variable.items == ["password": "two"] && second.variable.createIndex == first.index)
            var deletion = DeleteVariable()
            (deletion.namespace, deletion.path) = ("default", "a")
            (deletion.modifyIndex, deletion.checkAndSet) = (first.index, true)
            let kept = try await fixture.call(deletion)
            #expect(kept.isConflict && kept.variable == second.variable)
            deletion.modifyIndex = second.index
            #expect(try await !fixture.call(deletion).isConflict)
            let absent = try await fixture.call(Self.put("a", "three", cas: second.index))
            #expect(absent.isConflict && absent.variable.path == "a" && absent.variable.modifyIndex == 0)
        }
    }

    @Test(arguments: [
        ("nomad/secret", 1, "reserved path"), ("nomad", 1, "reserved path"), ("a b", 1, "invalid path"),
        ("", 1, "needs a path"), ("a", 0, "without items"), ("a", 65_529, "limited to 64 KiB"),
        (String(repeating: "p", count: 129), 1, "invalid path"), ("nomad/jobs/web", 65_528, "accepted"),
        ("nomad/job-templates", 1, "accepted"), (String(repeating: "p", count: 128), 1, "accepted"),
    ])
    func rules(path: String, bytes: Int, message: String) throws {
        let answer = try ServerFixture.run(nodes: 0) { fixture in
            var call = Self.put(path, String(repeating: "v", count: bytes))
            if bytes == 0 { call.variable.items = [:] }
            return await Self.message(call, on: fixture)
        }
        #expect(answer.contains(message), "\(answer)")
    }

    @Test func aLockThatIsNotRenewedIsLostAndThenFree() throws {
        try ServerFixture.run(nodes: 0) { fixture in
            let held = try await fixture.call(Self.acquire("leader"))
            let id = try #require(held.variable.lock?.id)
            #expect(!held.isConflict && held.variable.items.isEmpty)
            #expect(try await fixture.call(Self.acquire("leader")).isConflict)
            for _ in 0..<4 {
                try await fixture.sleep(.seconds(10))
                #expect(try await !fixture.call(Self.keep("leader", id)).isConflict)
            }
            #expect(try await fixture.call(Self.keep("leader", ID(high: 1, low: 1))).isConflict)
            try await fixture.sleep(.seconds(16))
            #expect(try await fixture.call(Self.keep("leader", id)).isConflict, "it has lapsed")
            #expect(try await fixture.call(Self.acquire("leader")).isConflict, "and its delay is not over")
            try await fixture.sleep(.seconds(15))
            let next = try await fixture.call(Self.acquire("leader"))
            let nextID = try #require(next.variable.lock?.id)
            #expect(!next.isConflict && nextID != id)
            #expect(try await fixture.call(Self.keep("leader", id, releases: true)).isConflict)
            let released = try await fixture.call(Self.keep("leader", nextID, releases: true))
            #expect(!released.isConflict && released.variable.lock == nil)
            #expect(try await !fixture.call(Self.acquire("leader")).isConflict, "given back, it is free at once")
            let absent = await Self.message(Self.keep("absent", id), on: fixture)
            #expect(absent == "variable not found")
        }
    }

    @Test(arguments: [
        ("{}", "accepted"), (#"{"ID": "", "TTL": "", "LockDelay": ""}"#, "accepted"),
        (#"{"TTL": "9s"}"#, "invalid lock TTL 9s"), (#"{"TTL": "25h"}"#, "invalid lock TTL 25h"),
        (#"{"LockDelay": "-1s"}"#, "invalid lock delay -1s"), (#"{"TTL": "10s", "LockDelay": "24h"}"#, "accepted"),
    ])
    func termsOfLocks(json: String, message: String) throws {
        let answer = try ServerFixture.run(nodes: 0) { fixture in
            var call = Self.acquire("a")
            call.variable.lock = try VariableLock(json: Array(json.utf8))
            let answer = await Self.message(call, on: fixture)
            let held = fixture.server.snapshot.variable(VariableKey(namespace: "default", path: "a"))?.metadata.lock
            #expect(held.map { $0.ttl.duration >= .seconds(10) } ?? (answer != "accepted"))
            return answer
        }
        #expect(answer.contains(message), "\(answer)")
    }

    /// What servers tell each other is not for clients and tools.
    @Test func keysAreForServersOnly() throws {
        try ServerFixture.run(nodes: 0) { fixture in
            _ = try await fixture.call(Self.put("a", "x"))
            var call = FetchRootKey()
            call.keyID = try #require(fixture.server.snapshot.activeRootKey?.keyID)
            let body = Envelope(context: CallContext(), call: call).jsonBytes
            let method = FetchRootKey.method.rawValue
            let key = try await fixture.server.handle(method, body, from: CallOrigin(address: "192.0.2.2"))
            #expect(try RootKey(json: key).keyID == call.keyID)
            await #expect(throws: CallError(.permission, "Permission denied: only servers may make this call")) {
                try await fixture.server.handle(method, body, from: CallOrigin(address: "192.0.2.2", isServer: false))
            }
        }
    }

    @Test func fullRotationEncryptsAllAnew() throws {
        try ServerFixture.run(nodes: 0) { fixture in
            for number in 0..<150 { _ = try await fixture.call(Self.put("v/\(number)", "value \(number)")) }
            let first = try #require(fixture.server.snapshot.activeRootKey?.keyID)
            var rotation = RotateRootKey()
            rotation.full = true
            let key = try await fixture.call(rotation).key
            #expect(key.state == .active && key.keyID != first)
            try await fixture.sleep(.seconds(3))
            let snapshot = fixture.server.snapshot
            #expect(snapshot.rootKey(first)?.state == .deprecated)
            var sealedWith: Set<ID> = []
            snapshot.forEachVariable { record in
                sealedWith.insert(record.sealed.keyID)
                return true
            }
            #expect(sealedWith == [key.keyID])
            var deletion = DeleteRootKey()
            deletion.keyID = first
            _ = try await fixture.call(deletion)
            try await fixture.sleep(.seconds(2))
            #expect(fixture.server.keystore.ids == [key.keyID])
            let answer = try await fixture.call(Query(.variable, id: "v/149"))
            #expect(try Variable(json: answer.body.bytes).items == ["password": "value 149"])
        }
    }

    @Test func aPrepublishedKeyIsUsedFromItsTimeOn() throws {
        try ServerFixture.run(nodes: 0) { fixture in
            _ = try await fixture.call(Self.put("a", "x"))
            var rotation = RotateRootKey()
            rotation.publishTime = fixture.world.loop.now + .seconds(60)
            let key = try await fixture.call(rotation).key
            #expect(key.state == .prepublished && fixture.server.snapshot.activeRootKey?.keyID != key.keyID)
            try await fixture.sleep(.seconds(62))
            #expect(fixture.server.snapshot.activeRootKey?.keyID == key.keyID)
            rotation.full = true
            let both = await Self.message(rotation, on: fixture)
            #expect(both.contains("give full or publish_time"))
        }
    }

    @Test func sealedItemsOpenOnlyWhereTheyBelong() throws {
        try ServerFixture.run(nodes: 0) { fixture in
            let keystore = fixture.server.keystore
            let (one, other) = (keystore.newKey(), keystore.newKey())
            try await keystore.store(one)
            let key = VariableKey(namespace: "default", path: "a")
            let sealed = try keystore.seal(["k": "v"], for: key, with: one.keyID)
            #expect(try keystore.open(sealed, of: key) == ["k": "v"])
            #expect(try keystore.seal(["k": "v"], for: key, with: one.keyID) != sealed, "each time with another nonce")
            #expect(throws: CallError.self) {
                try keystore.open(sealed, of: VariableKey(namespace: "default", path: "b"))
            }
            for position in sealed.bytes.indices {
                var changed = sealed
                changed.bytes[position] ^= 1
                #expect(throws: CallError.self) { try keystore.open(changed, of: key) }
            }
            let elsewhere = SealedItems(keyID: other.keyID, bytes: sealed.bytes)
            #expect(throws: MissingRootKey.self) { try keystore.open(elsewhere, of: key) }
            var broken = other
            broken.key = "AAAA"
            await #expect(throws: CallError.self) { try await keystore.store(broken) }
        }
    }

    /// Whoever leads next, whoever is new, and whoever has lost its keystore: all have the keys and read what was written.
    @Test func everyServerHasTheKeys() throws {
        let three = [1, 2, 3].map { SimulatedServers.Settings(number: $0) }
        try SimulatedServers.run(three, seed: 5) { group in
            try await group.eventually("a cluster of three") { group.isFormed([1, 2, 3]) }
            let other = try #require(group.all.first { !$0.isLeader })
            let written = try await other.call(Self.put("a", "hunter2"), context: CallContext())
            let key = try #require(group.leader?.snapshot.activeRootKey?.keyID)
            #expect(group.all.count { $0.keystore.contains(key) } >= 2, "a majority has it before it is used")
            try await group.eventually("all have it") { group.all.allSatisfy { $0.keystore.contains(key) } }
            for server in group.all {
                try await group.eventually("read from any") {
                    var query = Query(.variable, id: "a")
                    query.stale = true
                    guard let reply = try? await server.call(query, context: CallContext()) else { return false }
                    return try Variable(json: reply.body.bytes) == written.variable
                }
            }
            // One that has lost its keystore fetches the key when it is asked.
            try await other.keystore.remove(key)
            var query = Query(.variable, id: "a")
            query.stale = true
            let reply = try await other.call(query, context: CallContext())
            #expect(try Variable(json: reply.body.bytes) == written.variable && other.keystore.contains(key))

            var transfer = TransferLeadership()
            transfer.id = other.id
            _ = try await other.call(transfer, context: CallContext())
            try await group.eventually("another leads") { other.isLeader }
            let next = try await other.call(Self.put("a", "two", cas: written.index), context: CallContext())
            #expect(!next.isConflict && group.leader?.snapshot.activeRootKey?.keyID == key, "with the same key")
        }
    }
}
