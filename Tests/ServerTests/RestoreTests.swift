import Basics
import Model
import RPC
import StateStore
import Synchronization
import Testing

@testable import Server

extension ServerAgent {
    /// The archive that `/v1/operator/snapshot` hands out.
    func archive(stale: Bool = false, redact: Bool = false) async throws -> [UInt8] {
        var save = SaveSnapshot()
        (save.stale, save.redact) = (stale, redact)
        let saved = try await call(save, context: CallContext())
        var bytes: [UInt8] = []
        while UInt64(bytes.count) < saved.size {
            let read = ReadSnapshot(saved, offset: UInt64(bytes.count))
            bytes += try await call(read, context: CallContext()).data.bytes
        }
        return bytes
    }

    /// What the API does with a `PUT` to it.
    @discardableResult
    func restore(_ archive: [UInt8], pieceBytes: Int = 1_000) async throws -> UInt64 {
        var call = RestoreSnapshot()
        while true {
            let piece = archive.dropFirst(Int(call.offset)).prefix(pieceBytes)
            call.data.bytes = Array(piece)
            call.isLast = Int(call.offset) + piece.count == archive.count
            let reply = try await self.call(call, context: CallContext())
            if call.isLast { return reply.index }
            call.id = reply.id
            call.offset += UInt64(piece.count)
        }
    }
}

@Suite struct RestoreTests {
    private static func names(_ server: ServerAgent) -> Set<String> {
        Set(server.snapshot.namespaces.map(\.name)).subtracting(["default"])
    }

    private static func write(_ name: String, to server: ServerAgent) async throws {
        var call = UpsertNamespace()
        call.namespace.name = name
        _ = try await server.call(call, context: CallContext())
    }

    @Test func workGoesOnFromTheSavedState() throws {
        try ServerFixture.run { fixture in
            let server = fixture.server
            #expect(try await fixture.place(ServerFixture.job("kept", count: 2))?.allocations.count == 2)
            let archive = try await server.archive()
            #expect(try await fixture.place(ServerFixture.job("undone", count: 2))?.allocations.count == 2)
            let before = server.snapshot.index
            let index = try await server.restore(archive)
            #expect(index > before && server.isLeader)
            #expect(server.snapshot.job("default", "undone") == nil && server.snapshot.job("default", "kept") != nil)
            #expect(server.snapshot.restoredIndex == index && server.snapshot.incomingRestore == nil)
            // The queues know the restored tables: a job is placed, and its evaluation ends.
            #expect(try await fixture.place(ServerFixture.job("next", count: 3))?.allocations.count == 3)
            #expect(server.snapshot.jobSummary("default", "kept")?.summary["group"] != nil)
            // A client that knew the old state is told all of the new one.
            let node = try #require(server.snapshot.node(0))
            var watch = WatchAllocations()
            (watch.nodeID, watch.secretID, watch.minIndex) = (node.id, node.secretID, before)
            let reply = try await fixture.call(watch)
            #expect(reply.changed.count == reply.present.count && reply.index >= index)
        }
    }

    @Test func refusedArchivesChangeNothing() throws {
        try ServerFixture.run { fixture in
            let server = fixture.server
            try await Self.write("one", to: server)
            let archive = try await server.archive()
            let redacted = try await server.archive(redact: true)
            try await Self.write("two", to: server)
            let index = server.snapshot.index
            var flipped = archive
            flipped[archive.count / 2] ^= 1
            for (bad, reason) in [
                (Array(archive.prefix(archive.count / 2)), "damaged"), (flipped, "damaged"),
                (Array("hello".utf8), "no gzip"), ([], "empty"), (redacted, "redacted"),
            ] {
                let error = await #expect(throws: CallError.self) { try await server.restore(bad) }
                #expect(error?.code == .invalid && error?.message.contains(reason) == true, "\(error?.message ?? "")")
            }
            #expect(server.snapshot.index == index, "not even an entry was written")
            // A piece that does not follow the one before.
            var gap = RestoreSnapshot()
            gap.offset = 7
            let error = await #expect(throws: CallError.self) { try await fixture.call(gap) }
            #expect(error?.code == .conflict)
            #expect(Self.names(server) == ["one", "two"])
            try await server.restore(archive)
            #expect(Self.names(server) == ["one"])
        }
    }

    /// A waiting reader learns at once that the state is another, though its object's index went back.
    @Test func waitingReadersAreWoken() throws {
        try ServerFixture.run { fixture in
            let server = fixture.server
            let archive = try await server.archive()
            try await Self.write("later", to: server)
            var query = Query(.namespaces)
            query.minIndex = server.snapshot.index
            let waiting = query
            async let answer = fixture.call(waiting)
            try await fixture.sleep(.seconds(1))
            let index = try await server.restore(archive)
            #expect(try await answer.index == index)
        }
    }

    @Test func everyServerTakesItOver() throws {
        let three = [1, 2, 3].map { SimulatedServers.Settings(number: $0) }
        try SimulatedServers.run(three) { group in
            try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
            let follower = try #require(group.all.first { !$0.isLeader })
            try await Self.write("saved", to: follower)
            // Taken from the leader through a follower, and from the follower itself.
            let archive = try await follower.archive()
            try await group.eventually("the follower has it") { Self.names(follower) == ["saved"] }
            #expect(try await follower.archive(stale: true).count > 100)
            try await Self.write("undone", to: follower)
            let index = try await follower.restore(archive)
            try await group.eventually("all have it") {
                group.all.allSatisfy { $0.snapshot.index >= index && Self.names($0) == ["saved"] }
            }
            try await Self.write("after", to: follower)
            try await group.eventually("all go on") { group.all.allSatisfy { Self.names($0) == ["saved", "after"] } }
        }
    }

    /// A cluster that is further, or not as far, takes it over with an index above both; so do servers started later.
    @Test func anotherClusterTakesItOver() throws {
        let archive = Mutex<[UInt8]>([])
        try ServerFixture.run { fixture in
            for number in 0..<40 { try await Self.write("n\(number % 4)", to: fixture.server) }
            let bytes = try await fixture.server.archive()
            archive.withLock { $0 = bytes }
        }
        let three = [1, 2, 3].map { SimulatedServers.Settings(number: $0) }
        try SimulatedServers.run(three) { group in
            try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
            let leader = try #require(group.leader)
            let index = try await leader.restore(archive.withLock { $0 })
            #expect(index > 40)
            try await Self.write("after", to: leader)
            #expect(leader.snapshot.index == index + 1)
            try await leader.saveSnapshot()
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await group.run(SimulatedServers.Settings(number: 4, expect: 0)) }
                try await group.eventually("four voters") { group.isFormed([1, 2, 3, 4]) }
                let names: Set = ["n0", "n1", "n2", "n3", "after"]
                try await group.eventually("it has all") { group[4].map(Self.names) == names }
                #expect(group[4]?.snapshot.index == group.leader?.snapshot.index)
                tasks.cancelAll()
            }
        }
    }

    /// The leader dies with half of a state in the log: the next one drops it, and nothing has changed.
    @Test func aRestoreThatBrokeOffLeavesNothing() throws {
        let two = [1, 2].map { SimulatedServers.Settings(number: $0) }
        try SimulatedServers.run(two) { group in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await group.run(SimulatedServers.Settings(number: 3)) }
                try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
                if group[3]?.isLeader != true {
                    var transfer = TransferLeadership()
                    transfer.id = "id-3"
                    _ = try await group[1]?.call(transfer, context: CallContext())
                    try await group.eventually("the third leads") { group[3]?.isLeader == true }
                }
                let leader = try #require(group[3])
                try await Self.write("kept", to: leader)
                let part = RestorePart(id: ID(high: 1, low: 9), offset: 0, bytes: [UInt8](repeating: 1, count: 5_000))
                try await leader.propose(.restorePart(part))
                try await group.eventually("all have the part") {
                    group.all.allSatisfy { $0.snapshot.incomingRestore == part.id }
                }
                tasks.cancelAll()
            }
            try await group.eventually("another one leads") { group.leader != nil }
            try await group.eventually("the part is gone") {
                group.all.count == 2 && group.all.allSatisfy { $0.snapshot.incomingRestore == nil }
            }
            #expect(group.all.allSatisfy { Self.names($0) == ["kept"] && $0.snapshot.restoredIndex == 0 })
        }
    }
}
