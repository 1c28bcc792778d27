import Basics
import Model
import RPC
import SimulatedSeam
import Simulation
import StateStore
import Testing

@testable import Server

/// Connections between callers and clients that cannot reach each other.
@Suite struct RelayTests {
    /// The only allocation, on the only node.
    private static func allocation(_ fixture: ServerFixture) throws -> Allocation {
        let snapshot = fixture.server.snapshot
        return snapshot.allocation(try #require(snapshot.allocations(ofNode: 0).first), withJob: false)
    }

    /// A relay to the node of a placed allocation: the caller's end, and the client's with the command it was asked for.
    private static func open(
        _ fixture: ServerFixture
    ) async throws -> (caller: RelayConnection, client: RelayConnection, ticket: RelayTicket) {
        _ = try await fixture.place(ServerFixture.job("job"))
        let allocation = try Self.allocation(fixture)
        let node = try #require(fixture.server.snapshot.node(allocation.nodeID))
        var watch = WatchAllocations()
        (watch.nodeID, watch.secretID) = (node.id, node.secretID)
        watch.minIndex = try await fixture.call(watch).index
        let waiting = watch
        var command = TaskCommand()
        (command.allocation, command.task, command.arguments) = (allocation.id, "main", ["ls", "-l"])
        async let answered = fixture.call(waiting)
        try await fixture.sleep(.milliseconds(100))
        let end = try await fixture.call(OpenRelay(command))
        let tickets = try await answered.tickets
        #expect(tickets.count == 1 && tickets.first?.command.arguments == ["ls", "-l"])
        #expect(tickets.first?.command.mayReachNode == true, "access control is off")
        let ticket = try #require(tickets.first)
        #expect(ticket.end.id != end.id)
        // Each ticket is given out once.
        watch.wait = .zero
        #expect(try await fixture.call(watch).tickets.isEmpty)
        let server = fixture.server
        return (
            RelayConnection(end, servers: server, context: CallContext()),
            RelayConnection(ticket.end, servers: server, context: CallContext()), ticket
        )
    }

    @Test func carriesBothWaysUntilOneCloses() throws {
        try ServerFixture.run(nodes: 1) { fixture in
            let (caller, client, _) = try await Self.open(fixture)
            async let heard = client.receive()
            try await caller.send(CommandInput(data: [1]))
            #expect(try await heard?.map { try CommandInput.read($0) } == [CommandInput(data: [1])])
            try await client.send(CommandOutput(standardOutput: [2]))
            try await client.send(CommandOutput(exitCode: 3))
            await client.close()
            #expect(try await caller.receive()?.count == 2, "what was sent before is read yet")
            #expect(try await caller.receive() == nil)
            let gone = await #expect(throws: CallError.self) { try await caller.send(CommandInput()) }
            #expect(gone?.code == .unavailable)
        }
    }

    @Test func errorsArriveAsTheyWere() throws {
        try ServerFixture.run(nodes: 1) { fixture in
            let (caller, client, _) = try await Self.open(fixture)
            await client.close(CallError(.permission, "no"))
            let error = await #expect(throws: CallError.self) { _ = try await caller.receive() }
            #expect(error == CallError(.permission, "no"))
        }
    }

    /// A mailbox that nobody reads holds its sender back, and does not grow.
    @Test func aReaderThatLagsHoldsTheSenderBack() throws {
        try ServerFixture.run(nodes: 1) { fixture in
            let (caller, _, ticket) = try await Self.open(fixture)
            let piece = RawJSON(Array("\"\(String(repeating: "x", count: 100_000))\"".utf8))
            var taken = 0
            while try await fixture.call(SendRelayed([piece], from: ticket.end)).isTaken { taken += 1 }
            #expect(taken == 3, "256 KiB and what goes beyond with the last")
            async let more = fixture.call(SendRelayed([piece], from: ticket.end)).isTaken
            try await fixture.sleep(.seconds(1))
            #expect(try await caller.receive()?.count == 3)
            #expect(try await more)
            let large = RawJSON([UInt8](repeating: 0x20, count: RelayHub.sendBytesMax + 1))
            let error = await #expect(throws: CallError.self) {
                try await fixture.call(SendRelayed([large], from: ticket.end))
            }
            #expect(error?.code == .tooLarge)
        }
    }

    /// A client that never comes, one that falls silent, and one whose connection breaks.
    @Test func whoIsGoneEndsIt() throws {
        try ServerFixture.run(nodes: 1) { fixture in
            _ = try await fixture.place(ServerFixture.job("job"))
            let allocation = try Self.allocation(fixture)
            var command = TaskCommand()
            command.allocation = allocation.id
            let alone = try await fixture.call(OpenRelay(command))
            let caller = RelayConnection(alone, servers: fixture.server, context: CallContext())
            let error = await #expect(throws: CallError.self) { _ = try await caller.receive() }
            #expect(error?.code == .unavailable && error?.message.contains("did not answer within 10s") == true)
        }
        try ServerFixture.run(nodes: 1) { fixture in
            let (caller, client, _) = try await Self.open(fixture)
            try await client.send(CommandOutput())
            _ = try await caller.receive()
            let error = await #expect(throws: CallError.self) { _ = try await caller.receive() }
            #expect(error?.message == "the other side of the connection has fallen silent")
        }
        try ServerFixture.run(nodes: 1) { fixture in
            let (caller, client, _) = try await Self.open(fixture)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await client.receive() }
                try? await fixture.sleep(.seconds(1))
                group.cancelAll()
            }
            let error = await #expect(throws: CallError.self) { _ = try await caller.receive() }
            #expect(error?.message == "the other side of the connection is gone")
        }
    }

    /// An end that works for long, and one whose reader takes no more, say that they are there.
    @Test func whoPausesIsNotTakenForGone() throws {
        try ServerFixture.run(nodes: 1) { fixture in
            let (caller, client, _) = try await Self.open(fixture)
            try await client.send(CommandOutput())
            _ = try await caller.receive()
            async let heard = caller.receive()
            try await client.alive(fixture.world.loop) {
                try await fixture.sleep(.seconds(150))
                try await client.send(CommandOutput(exitCode: 1))
            }
            #expect(try await heard?.count == 1)
        }
        try ServerFixture.run(nodes: 1) { fixture in
            let (_, _, _) = try await Self.open(fixture)
            let allocation = try Self.allocation(fixture).id
            let node = RelayedNode(servers: fixture.server, context: CallContext(), time: fixture.world.loop)
            async let opened = node.stream(allocation: allocation, path: "a", from: FilePosition(), follow: true)
            let client = try await Self.takeTicket(fixture)
            for _ in 0..<2 { try await client.send(JSON.object([])) }
            let stream = try await opened
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { while try await client.receive() != nil {} }
                group.addTask { await stream.keepOpen() }
                defer { group.cancelAll() }
                try await fixture.sleep(.seconds(150))
                try await client.send(FileFrame(data: [7], file: "a", offset: 1))
                #expect(try await stream.next()?.data == [7])
            }
        }
    }

    /// The client's end of the relay that was asked for last.
    private static func takeTicket(_ fixture: ServerFixture) async throws -> RelayConnection {
        let node = try #require(fixture.server.snapshot.node(try allocation(fixture).nodeID))
        var watch = WatchAllocations()
        (watch.nodeID, watch.secretID, watch.minIndex) = (node.id, node.secretID, UInt64(Int64.max))
        let ticket = try #require(try await fixture.call(watch).tickets.last)
        return RelayConnection(ticket.end, servers: fixture.server, context: CallContext())
    }

    @Test func whatCannotBeReachedIsSaid() throws {
        try ServerFixture.run(nodes: 1) { fixture in
            let unknown = await #expect(throws: CallError.self) { try await fixture.call(OpenRelay(TaskCommand())) }
            #expect(unknown?.code == .notFound)
            let stranger = RelayEnd(server: fixture.server.id, id: ID(high: 1, low: 1))
            let noEnd = await #expect(throws: CallError.self) { try await fixture.call(ReceiveRelayed(at: stranger)) }
            #expect(noEnd?.code == .notFound)
            let elsewhere = RelayEnd(server: "server-9", id: ID(high: 1, low: 1))
            let noServer = await #expect(throws: CallError.self) {
                try await fixture.call(ReceiveRelayed(at: elsewhere))
            }
            #expect(noServer?.message.contains("server-9, is gone") == true)
        }
    }

    /// What is no program, too, is a ticket; what cannot be asked is told at once.
    @Test func requestsReachTheNode() throws {
        try ServerFixture.run(nodes: 1) { fixture in
            let (_, _, ticket) = try await Self.open(fixture)
            #expect(ticket.request == nil)
            let allocation = try Self.allocation(fixture)
            let node = try #require(fixture.server.snapshot.node(allocation.nodeID))
            _ = try await fixture.call(AskNode(NodeRequest(.restart, allocation: allocation.id, task: "main")))
            _ = try await fixture.call(AskNode(NodeRequest(.hostStatistics), node: node.id))
            var watch = WatchAllocations()
            (watch.nodeID, watch.secretID, watch.wait) = (node.id, node.secretID, .zero)
            let requests = try await fixture.call(watch).tickets.compactMap(\.request)
            #expect(requests.map(\.kind) == [.restart, .hostStatistics] && requests.first?.task == "main")
            for call in [AskNode(NodeRequest(.file)), AskNode(NodeRequest(.collectNode), node: ID(high: 1, low: 9))] {
                let error = await #expect(throws: CallError.self) { try await fixture.call(call) }
                #expect(error?.code == .notFound && error?.message.contains("Unknown") == true)
            }
            let later = AskNode(try NodeRequest(json: Array(#"{"Kind":"dance"}"#.utf8)), node: node.id)
            let unknown = await #expect(throws: CallError.self) { try await fixture.call(later) }
            #expect(unknown?.code == .unsupported)
            try await fixture.server.propose(
                .nodeStatus(
                    NodeStatusChange(nodes: [node.id], status: .down, message: "", time: fixture.world.loop.now)))
            let down = await #expect(throws: CallError.self) {
                try await fixture.call(AskNode(NodeRequest(.hostStatistics), node: node.id))
            }
            #expect(down?.code == .unavailable && down?.message.contains("No path to node") == true)
        }
    }

    @Test func thereAreOnlySoMany() throws {
        let hub = RelayHub()
        func open(_ ids: (ID, ID)) throws -> RelayEnd {
            try hub.open(node: ID(high: 3, low: 3), server: "s", ids: ids, now: Uptime(nanoseconds: 0)) {
                RelayTicket(end: $0, command: TaskCommand())
            }
        }
        for number in 0..<UInt64(RelayHub.relaysMax) {
            let ids = (ID(high: 1, low: number), ID(high: 2, low: number))
            _ = try open(ids)
        }
        let ids = (ID(high: 4, low: 1), ID(high: 4, low: 2))
        let error = #expect(throws: CallError.self) {
            try open(ids)
        }
        #expect(error?.code == .limited)
        hub.close(ID(high: 2, low: 0), RelayHub.Closing())
        hub.expire(now: Uptime(nanoseconds: 3_600_000_000_000))
        hub.expire(now: Uptime(nanoseconds: 7_200_000_000_000))
        _ = try open(ids)
        #expect(hub.takeTickets(ID(high: 3, low: 3)).count == 1, "tickets go with their relays")
    }
}
