import Basics
import Model
import RPC
import SimulatedSeam
import Simulation
import StateStore
import Testing

@testable import Server

/// Heartbeats on their way to the leader.
struct HeartbeatTests {
    private static let count = 100

    private static func servers(isEarlier: Bool = false) -> [SimulatedServers.Settings] {
        (1...3).map { number in
            var settings = SimulatedServers.Settings(number: number)
            settings.isEarlier = isEarlier
            return settings
        }
    }

    /// Registers nodes through a server that does not lead; that server and the nodes.
    private static func nodes(_ group: SimulatedServers) async throws -> (ServerAgent, [Node]) {
        try await group.eventually("three voters") { group.isFormed([1, 2, 3]) }
        let follower = try #require(group.all.first { !$0.isLeader })
        let nodes = (0..<count).map { number in
            var node = Node.simulated(number: number, random: group.world.random)
            node.status = .initializing
            return node
        }
        for node in nodes { _ = try await follower.call(RegisterNode(node: node), context: CallContext()) }
        return (follower, nodes)
    }

    /// All of them at once; the answers in the order of the nodes.
    private static func beat(
        _ nodes: [Node], at server: ServerAgent
    ) async -> [Result<RegisterNodeReply, any Error>] {
        await withTaskGroup(of: (Int, Result<RegisterNodeReply, any Error>).self) { group in
            for (position, node) in nodes.enumerated() {
                group.addTask {
                    do {
                        let beat = Heartbeat(nodeID: node.id, secretID: node.secretID)
                        return (position, .success(try await server.call(beat, context: CallContext())))
                    } catch {
                        return (position, .failure(error))
                    }
                }
            }
            var answers: [Int: Result<RegisterNodeReply, any Error>] = [:]
            for await (position, answer) in group { answers[position] = answer }
            return nodes.indices.compactMap { answers[$0] }
        }
    }

    @Test func thoseThatWaitAreOneCall() throws {
        try SimulatedServers.run(Self.servers()) { group in
            var (follower, nodes) = try await Self.nodes(group)
            let before = (group.calls(.heartbeat), group.calls(.heartbeatBatch))
            let index = try #require(group.leader).snapshot.index
            // One of them is a stranger, and one has the wrong secret.
            nodes[7].id = ID(high: 7, low: 7)
            nodes[8].secretID = ID(high: 8, low: 8)
            let answers = await Self.beat(nodes, at: follower)
            #expect(group.calls(.heartbeat) == before.0 && group.calls(.heartbeatBatch) == before.1 + 1)
            #expect(answers.count == Self.count)
            for (position, answer) in answers.enumerated() {
                switch (position, answer) {
                case (7, .failure(let error)): #expect((error as? CallError)?.code == .notFound)
                case (8, .failure(let error)): #expect((error as? CallError)?.code == .permission)
                default:
                    let reply = try answer.get()
                    #expect(reply.heartbeatTTL >= .seconds(10) && reply.servers.count == 3)
                    #expect(reply.nodeCount == Self.count)
                }
            }
            let leader = try #require(group.leader)
            let ready = nodes.filter { leader.snapshot.node($0.id)?.status == .ready }
            #expect(ready.count == Self.count - 2)
            #expect(
                leader.snapshot.index <= index + 3, "they became ready by one entry, give or take what else is logged")
        }
    }

    /// A leader that knows no batches gets each on its own.
    @Test func anEarlierLeaderHearsEach() throws {
        try SimulatedServers.run(Self.servers(isEarlier: true)) { group in
            let (follower, nodes) = try await Self.nodes(group)
            let answers = await Self.beat(nodes, at: follower)
            #expect(try answers.allSatisfy { try $0.get().heartbeatTTL >= .seconds(10) })
            #expect(group.calls(.heartbeat) == Self.count)
        }
    }

    /// A change of leaders costs no heartbeat: whoever leads answers.
    @Test func anotherLeaderAnswers() throws {
        try SimulatedServers.run(Self.servers()) { group in
            let (follower, nodes) = try await Self.nodes(group)
            let old = try #require(group.leader)
            _ = try await old.call(TransferLeadership(), context: CallContext())
            let answers = await Self.beat(nodes, at: follower)
            #expect(answers.count == Self.count)
            for answer in answers { #expect(try answer.get().heartbeatTTL >= .seconds(10)) }
        }
    }
}
