import Basics
import Model
import RPC
import SimulatedSeam
import Simulation
import StateStore
import Testing

@testable import Server

/// A node's watch of its allocations.
@Suite struct WatchTests {
    /// More allocations than one reply holds come in several, each once, and only the last one says what there is.
    @Test func manyAllocationsComeInSeveralReplies() throws {
        try ServerFixture.run(nodes: 0) { fixture in
            var node = Node.simulated(number: 0, random: fixture.world.random)
            node.nodeResources.cpu.cpuShares = 10_000_000
            node.nodeResources.memory.memoryMB = 10_000_000
            node.nodeResources.disk.diskMB = 10_000_000
            try await fixture.server.propose(.nodeRegister(NodeRegistration(node: node, time: fixture.world.loop.now)))
            let count = WatchAllocationsReply.changedMax + 500
            _ = try await fixture.place(ServerFixture.job("first", count: 10))
            _ = try await fixture.place(ServerFixture.job("many", type: .batch, count: count))
            var call = WatchAllocations()
            (call.nodeID, call.secretID) = (node.id, node.secretID)
            let first = try await fixture.call(call)
            #expect(first.changed.count == WatchAllocationsReply.changedMax && first.present.isEmpty)
            #expect(first.changed.prefix(10).allSatisfy { $0.jobID == "first" } && !first.resume.isNone)
            (call.minIndex, call.resume) = (first.index, first.resume)
            let second = try await fixture.call(call)
            #expect(second.resume.isNone && second.present.count == count + 10)
            let ids = Set((first.changed + second.changed).map { "\($0.id)" })
            #expect(ids == Set(second.present.keys) && first.changed.count + second.changed.count == count + 10)
            #expect(second.index >= first.index && second.changed.allSatisfy { $0.job?.id == "many" })
        }
    }

    @Test func manyJobsComeInSeveralReplies() throws {
        try ServerFixture.run(nodes: 1) { fixture in
            let names = (0...WatchAllocationsReply.jobsMax).map { "job\($0)" }
            for name in names {
                var job = ServerFixture.job(name)
                job.taskGroups[0].tasks[0].resources?.cpu = 1
                job.taskGroups[0].tasks[0].resources?.memoryMB = 10
                _ = try await fixture.place(job)
            }
            let node = try #require(fixture.server.snapshot.node(0))
            var call = WatchAllocations()
            (call.nodeID, call.secretID) = (node.id, node.secretID)
            let first = try await fixture.call(call)
            #expect(first.changed.map(\.jobID) == Array(names.dropLast()) && !first.resume.isNone)
            (call.minIndex, call.resume) = (first.index, first.resume)
            let second = try await fixture.call(call)
            #expect(second.changed.map(\.jobID) == [names.last] && second.resume.isNone)
        }
    }
}
