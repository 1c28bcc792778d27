import Basics
import RPC
import Testing

/// Peers that send garbage, too much, too slowly or too often: turned away, told of, and harmless to others.
struct StrangerTests {
    @Test func connectionsOfOneAddressAreLimited() async throws {
        var settings = quick
        settings.connectionsPerClientMax = 2
        let reports = Shared<[String]>([])
        let server = TCPNetwork(settings: settings) { address, reason in
            reports.withLock { $0.append("\(address): \(reason)") }
        }
        try await serving(server, TestHandler()) { address in
            let clients = [TCPNetwork(settings: quick), TCPNetwork(settings: quick), TCPNetwork(settings: quick)]
            defer { for client in clients { client.disconnect() } }
            for client in clients[..<2] {
                _ = try await client.peer(at: address).call(TestHandler.echo, [], deadline: .seconds(20))
            }
            let error = await #expect(throws: CallError.self) {
                try await clients[2].peer(at: address).call(TestHandler.echo, [], deadline: .seconds(20))
            }
            #expect(error?.code == .undone && error?.message.contains("2 connections of this address are open") == true)
            #expect(reports.withLock { $0 } == ["127.0.0.1: 2 connections of this address are open"])
            clients[0].disconnect()
            try await eventually {
                _ = try await clients[2].peer(at: address).call(TestHandler.echo, [], deadline: .seconds(20))
                return true
            }
        }
    }

    /// Unfinished frames of all connections together have a bound; who exceeds it goes, the others stay.
    @Test func unfinishedFramesAreBoundedInAll() async throws {
        var settings = quick
        settings.receivedBytesMax = 4 << 20
        let reports = Shared<[String]>([])
        let handler = TestHandler()
        let server = TCPNetwork(settings: settings) { _, reason in reports.withLock { $0.append(reason) } }
        try await serving(server, handler) { address in
            // A call frame that claims 48 MiB, of which 3 come on each of two connections.
            let head = StrangerTests.hello + [0, 0, 0, 3, 2, 0, 1, 0, 1, 0, 0, 0]
            let bytes = head + [UInt8](repeating: 0, count: 3 << 20)
            let first = try await Stranger.connect(to: address.port)
            try await first.send(bytes)
            try await eventually { server.receivedBytes >= 3 << 20 }
            let second = try await Stranger.connect(to: address.port)
            try await second.send(bytes)
            let answer = await second.receive()
            #expect(answer.contains("unfinished frames and requests of all connections"), "\(answer)")
            #expect(reports.withLock { $0.count } == 1)
            let client = TCPNetwork(settings: quick)
            defer { client.disconnect() }
            #expect(try await client.peer(at: address).call(TestHandler.echo, [1], deadline: .seconds(20)) == [1])
            await first.close()
            try await eventually { server.receivedBytes == 0 }
        }
    }

    /// A frame that trickles in ends its connection in the end.
    @Test func slowFramesEndTheirConnection() async throws {
        var settings = quick
        settings.keepAlive = .milliseconds(100)
        settings.frameTimeout = .milliseconds(150)
        try await serving(TCPNetwork(settings: settings), TestHandler()) { address in
            let stranger = try await Stranger.connect(to: address.port)
            try await stranger.send(StrangerTests.hello + [100, 0, 0, 0, 2, 0, 1, 0, 1, 0, 0, 0])
            async let answer = stranger.receive()
            for _ in 0..<60 {
                do { try await stranger.send([0]) } catch { break }
                try await Task.sleep(for: .milliseconds(20))
            }
            let text = await answer
            #expect(text.contains("a frame was not finished within 150ms"), "\(text)")
        }
    }

    /// Any bytes at all, many connections at once: no crash, no growth, and a client beside them is served.
    @Test func garbageFromManyHarmsNobody() async throws {
        var settings = quick
        settings.handshakeTimeout = .milliseconds(500)
        let server = TCPNetwork(settings: settings)
        try await serving(server, TestHandler()) { address in
            let client = TCPNetwork(settings: quick)
            defer { client.disconnect() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for seed in 0..<200 {
                    group.addTask {
                        var generator = SeededGenerator(seed: UInt64(seed))
                        let stranger = try await Stranger.connect(to: address.port)
                        var bytes: [UInt8] = seed % 2 == 0 ? StrangerTests.hello : []
                        for _ in 0..<Int.random(in: 0...400, using: &generator) {
                            bytes.append(UInt8.random(in: 0...255, using: &generator))
                        }
                        try? await stranger.send(bytes)
                        await stranger.close()
                    }
                }
                for number in 0..<200 {
                    let body = [UInt8(number)]
                    #expect(
                        try await client.peer(at: address).call(TestHandler.echo, body, deadline: .seconds(20)) == body)
                }
                try await group.waitForAll()
            }
            try await eventually { server.receivedBytes == 0 }
        }
    }

    private static let hello: [UInt8] =
        [0x20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0] + Array("DROVERPC".utf8)
        + [1, 0, 1, 0, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0]
}
