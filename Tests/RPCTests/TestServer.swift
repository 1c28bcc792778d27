import Basics
import NIOCore
import NIOPosix
import RPC
import Synchronization
import Testing

/// A value under a lock that closures can share.
final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    func withLock<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result {
        value.withLock { body(&$0) }
    }
}

/// Something that happens once; waiting for it is no timing.
final class Milestone: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(of: Void.self) }

    func reach() { continuation.finish() }

    func wait() async { for await _ in stream {} }
}

struct RealTime: TimeSource {
    var now: Timestamp { .never }
    var uptime: Uptime { Uptime(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds)) }
    func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}

final class TestHandler: CallHandler {
    static let echo: UInt16 = 1
    static let fail: UInt16 = 2
    static let hang: UInt16 = 3
    static let count: UInt16 = 4
    static let flood: UInt16 = 5
    static let big: UInt16 = 6
    static let port: UInt16 = 7
    static let caller: UInt16 = 8

    let hanging = Milestone()
    let cancelled = Milestone()
    let blocked = Milestone()
    let ownPort = Shared(0)
    private let released = Milestone()
    private let sent = Shared(0)

    var itemsSent: Int { sent.withLock { $0 } }

    func release() { released.reach() }

    func handle(_ method: UInt16, _ body: [UInt8], from caller: CallOrigin) async throws -> [UInt8] {
        switch method {
        case TestHandler.echo: return body
        case TestHandler.hang:
            hanging.reach()
            await released.wait()
            if Task.isCancelled { cancelled.reach() }
            return Array("released".utf8)
        case TestHandler.big: return [UInt8](repeating: 1, count: Int(String(decoding: body, as: UTF8.self)) ?? 0)
        case TestHandler.port: return Array("\(ownPort.withLock { $0 })".utf8)
        case TestHandler.caller: return Array((caller.certificateName ?? "none").utf8)
        default: throw CallError(.conflict, "already there")
        }
    }

    func handleStream(_ method: UInt16, _ body: [UInt8], from caller: CallOrigin, to sink: any ItemSink) async throws {
        switch method {
        case TestHandler.count:
            for number in 0..<(Int(String(decoding: body, as: UTF8.self)) ?? 0) {
                try await sink.send(Array("\(number)".utf8))
            }
        case TestHandler.flood: try await flood(sink)
        default:
            try await sink.send([1])
            throw CallError(.conflict, "already there")
        }
    }

    /// Sends until told to stop; notices when a send has to wait.
    private func flood(_ sink: any ItemSink) async throws {
        defer { cancelled.reach() }
        while true {
            if itemsSent >= 9 { blocked.reach() }
            try await sink.send([UInt8](repeating: 2, count: 1_000))
            sent.withLock { $0 += 1 }
        }
    }
}

/// Settings with short pauses between attempts.
var quick: TransportSettings {
    var settings = TransportSettings()
    settings.retryBase = .milliseconds(2)
    settings.retryLimit = .milliseconds(5)
    settings.role = .tool
    settings.name = "test"
    return settings
}

/// Serves on a free port while `body` runs.
func serving(
    _ server: TCPNetwork, _ handler: TestHandler, port: Int = 0, _ body: @Sendable (NetworkAddress) async throws -> Void
) async throws {
    let (ready, isReady) = AsyncStream.makeStream(of: NetworkAddress.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            defer { isReady.finish() }
            try await server.serve(at: NetworkAddress(host: "127.0.0.1", port: port), handler: handler) {
                isReady.yield($0)
            }
        }
        for await address in ready {
            handler.ownPort.withLock { $0 = address.port }
            try await body(address)
            break
        }
        group.cancelAll()
        try await group.waitForAll()
    }
}

/// Serves with `settings` while `body` runs; its peer has the same ones, or `client`.
func withServer(
    _ settings: TransportSettings = quick, client clientSettings: TransportSettings? = nil,
    _ body: @Sendable (any Peer, TestHandler) async throws -> Void
) async throws {
    let client = TCPNetwork(settings: clientSettings ?? settings)
    let handler = TestHandler()
    try await serving(TCPNetwork(settings: settings), handler) { try await body(client.peer(at: $0), handler) }
    client.disconnect()
}

/// Tries until it is true.
func eventually(_ body: @Sendable () async throws -> Bool) async throws {
    while true {
        if (try? await body()) == true { return }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// A peer made of bytes.
struct Stranger: Sendable {
    private let channel: any Channel
    private let collected: Shared<[UInt8]>

    private init(channel: any Channel, collected: Shared<[UInt8]>) {
        self.channel = channel
        self.collected = collected
    }

    static func connect(to port: Int) async throws -> Stranger {
        let collected = Shared<[UInt8]>([])
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(collected))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return Stranger(channel: channel, collected: collected)
    }

    func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    /// All that came until the connection ended.
    func receive() async -> String {
        try? await channel.closeFuture.get()
        return String(decoding: collected.withLock { $0 }, as: UTF8.self)
    }

    func close() async { try? await channel.close() }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let collected: Shared<[UInt8]>

    init(_ collected: Shared<[UInt8]>) { self.collected = collected }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Array(unwrapInboundIn(data).readableBytesView)
        collected.withLock { $0 += bytes }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
