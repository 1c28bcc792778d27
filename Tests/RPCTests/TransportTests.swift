import Basics
import NIOCore
import NIOPosix
import RPC
import Synchronization
import Testing

/// Calls over real sockets on the loopback.
struct TransportTests {
    @Test func manyCallsShareAConnection() async throws {
        try await withServer { peer, _ in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let body = Array("call \(number)".utf8)
                        return try await peer.call(TestHandler.echo, body, deadline: .seconds(20)) == body
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
            let large = [UInt8](repeating: 7, count: 3 << 20)
            #expect(try await peer.call(TestHandler.echo, large, deadline: .seconds(20)) == large)
        }
    }

    @Test func errorsArriveWithCodeAndText() async throws {
        try await withServer { peer, _ in
            await #expect(throws: CallError(.conflict, "already there")) {
                try await peer.call(TestHandler.fail, [], deadline: .seconds(20))
            }
            let limits = try await peer.call(TestHandler.echo, [1], deadline: .seconds(20))
            #expect(limits == [1])
        }
    }

    @Test func bodiesBeyondTheLimitAreRefusedByEitherEnd() async throws {
        var settings = TransportSettings()
        settings.bodyBytesMax = 1_000
        try await withServer(settings) { peer, _ in
            let error = await #expect(throws: CallError.self) {
                try await peer.call(TestHandler.echo, [UInt8](repeating: 0, count: 1_001), deadline: .seconds(20))
            }
            #expect(error?.code == .tooLarge)
            let reply = await #expect(throws: CallError.self) {
                try await peer.call(TestHandler.big, Array("2000".utf8), deadline: .seconds(20))
            }
            #expect(
                reply?.code == .tooLarge
                    && reply?.message.contains("a reply of 2000 bytes exceeds the limit of 1000") == true)
            let after = try await peer.call(TestHandler.echo, [1], deadline: .seconds(20))
            #expect(after == [1], "the connection goes on")
        }
    }

    @Test func aCallEndsAtItsDeadline() async throws {
        try await withServer { peer, handler in
            let error = await #expect(throws: CallError.self) {
                try await peer.call(TestHandler.hang, [], deadline: .milliseconds(30))
            }
            #expect(error?.code == .deadline && error?.message.contains("within 30ms") == true)
            handler.release()
        }
    }

    /// Cancelling the caller's task cancels the handler's.
    @Test func cancellationReachesTheHandler() async throws {
        try await withServer { peer, handler in
            await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await peer.call(TestHandler.hang, [], deadline: .seconds(600)) }
                await handler.hanging.wait()
                group.cancelAll()
                await #expect(throws: CancellationError.self) { try await group.next() }
            }
            await handler.cancelled.wait()
        }
    }

    @Test func aStreamArrivesInOrderAndEnds() async throws {
        try await withServer { peer, _ in
            let items = try await peer.stream(TestHandler.count, Array("5000".utf8))
            var numbers: [Int] = []
            while let batch = try await items.next() {
                numbers += batch.compactMap { Int(String(decoding: $0, as: UTF8.self)) }
            }
            #expect(numbers == Array(0..<5_000))
        }
    }

    @Test func aStreamsErrorComesAfterItsItems() async throws {
        try await withServer { peer, _ in
            let items = try await peer.stream(TestHandler.fail, [])
            #expect(try await items.next() == [[1]])
            await #expect(throws: CallError(.conflict, "already there")) { try await items.next() }
        }
    }

    /// A reader that takes nothing stops the sender after the window; nothing piles up.
    @Test func aSlowReaderStopsTheSender() async throws {
        var settings = TransportSettings()
        settings.streamWindowBytes = 10_000
        try await withServer(settings) { peer, handler in
            let items = try await peer.stream(TestHandler.flood, [])
            await handler.blocked.wait()
            #expect(handler.itemsSent <= 11, "\(handler.itemsSent) items of 1,000 bytes in a window of 10,000")
            var taken = 0
            while taken < 100, let batch = try await items.next() { taken += batch.count }
            #expect(taken >= 100)
            items.cancel()
            await handler.cancelled.wait()
        }
    }

    @Test func callsFailWhenTheServerGoesAndWorkWhenItIsBack() async throws {
        let client = TCPNetwork(settings: quick)
        let port = Shared(0)
        for _ in 0..<2 {
            let handler = TestHandler()
            let server = TCPNetwork(settings: quick)
            try await serving(server, handler, port: port.withLock { $0 }) { address in
                port.withLock { $0 = address.port }
                let peer = client.peer(at: address)
                try await eventually { try await peer.call(TestHandler.echo, [9], deadline: .seconds(20)) == [9] }
                await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await peer.call(TestHandler.hang, [], deadline: .seconds(4)) }
                    await handler.hanging.wait()
                    server.disconnectAll()
                    let error = await #expect(throws: CallError.self) { try await group.next() }
                    #expect(error?.code == .unavailable)
                }
            }
        }
        let error = await #expect(throws: CallError.self) {
            try await client.peer(at: NetworkAddress(host: "127.0.0.1", port: port.withLock { $0 }))
                .call(TestHandler.echo, [], deadline: .seconds(20))
        }
        #expect(error?.code == .undone, "nobody was reached")
        client.disconnect()
    }

    @Test func drainingAnswersWhatIsUnderWay() async throws {
        let client = TCPNetwork(settings: quick)
        let server = TCPNetwork(settings: quick)
        let handler = TestHandler()
        try await serving(server, handler) { address in
            let peer = client.peer(at: address)
            try await withThrowingTaskGroup(of: [UInt8].self) { group in
                group.addTask { try await peer.call(TestHandler.hang, [], deadline: .seconds(20)) }
                await handler.hanging.wait()
                group.addTask {
                    await server.drain(time: RealTime())
                    return []
                }
                handler.release()
                let answers = try await group.reduce(into: []) { $0.append($1) }
                #expect(answers.contains(Array("released".utf8)))
            }
            await #expect(throws: CallError.self) { try await peer.call(TestHandler.echo, [], deadline: .seconds(20)) }
        }
        client.disconnect()
    }

    /// Garbage, silence and HTTP on the port end that connection alone.
    @Test(arguments: ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\u{16}\u{3}\u{1}", "\0\0\0\0\0\0\0\0\0\0\0\0", ""])
    func strangersAreTurnedAway(bytes: String) async throws {
        // Too few bytes are waited on for so long; the test's own peer must greet within it, on a busy machine too.
        var settings = quick
        settings.handshakeTimeout = .seconds(2)
        try await withServer(settings, client: quick) { peer, handler in
            #expect(try await peer.call(TestHandler.echo, [0], deadline: .seconds(20)) == [0])
            let stranger = try await Stranger.connect(to: handler.ownPort.withLock { $0 })
            try await stranger.send(Array(bytes.utf8))
            let received = await stranger.receive()
            #expect(received.contains("the first bytes are not Drover's"), "\(received)")
            #expect(
                try await peer.call(TestHandler.echo, [1], deadline: .seconds(20)) == [1], "only the stranger is gone")
        }
    }

    /// A peer that says hello and then nothing more is pinged and dropped.
    @Test func silenceEndsAConnection() async throws {
        var settings = quick
        settings.keepAlive = .milliseconds(300)
        try await withServer(settings) { peer, _ in
            let port = try #require(
                Int(String(decoding: try await peer.call(TestHandler.port, [], deadline: .seconds(20)), as: UTF8.self)))
            let hello: [UInt8] =
                [0x20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0] + Array("DROVERPC".utf8)
                + [1, 0, 1, 0, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0]
            let stranger = try await Stranger.connect(to: port)
            try await stranger.send(hello)
            let received = await stranger.receive()
            #expect(received.contains("nothing was heard"), "\(received)")
            let after = try await peer.call(TestHandler.echo, [1], deadline: .seconds(20))
            #expect(after == [1], "the pinged client stays")
        }
    }

    @Test func aPortInUseIsNamed() async throws {
        let server = TCPNetwork()
        try await serving(server, TestHandler()) { address in
            let error = await #expect(throws: CallError.self) {
                try await TCPNetwork().serve(at: address, handler: TestHandler()) { _ in }
            }
            #expect(
                error?.code == .conflict
                    && error?.message.contains("cannot listen at 127.0.0.1:\(address.port)") == true)
        }
    }
}
