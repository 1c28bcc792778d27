package import NIOCore
internal import Synchronization

/// The bytes of a connection, for a task that reads and writes them itself. One reader at a time.
package final class TappedConnection: Sendable {
    /// Bytes held for the reader before no more are taken from the network; 256 KiB.
    private static let bytesMax = 256 << 10

    private struct State {
        var held: [ByteBuffer] = []
        var heldBytes = 0
        var receivedBytes = 0
        var hasEnded = false
        var reader: CheckedContinuation<Void, Never>?
    }

    package let channel: any Channel
    private let tap: NIOLoopBound<ConnectionTap>
    private let state = Mutex(State())

    /// On the event loop.
    fileprivate init(_ channel: any Channel, _ tap: ConnectionTap) {
        self.channel = channel
        self.tap = NIOLoopBound(tap, eventLoop: channel.eventLoop)
    }

    /// All that came so far.
    package var receivedBytes: Int { state.withLock { $0.receivedBytes } }

    /// The next bytes; nil once the other end has ended its side. Throws `CancellationError`.
    package func read() async throws -> [UInt8]? {
        while true {
            let (bytes, wasFull, hasEnded) = state.withLock { state -> ([UInt8], Bool, Bool) in
                defer { (state.held, state.heldBytes) = ([], 0) }
                let bytes = state.held.flatMap { Array($0.readableBytesView) }
                return (bytes, state.heldBytes >= TappedConnection.bytesMax, state.hasEnded)
            }
            if wasFull { channel.read() }
            if !bytes.isEmpty { return bytes }
            if hasEnded { return nil }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isReady = state.withLock { state in
                        guard state.held.isEmpty, !state.hasEnded, !Task.isCancelled else { return true }
                        state.reader = continuation
                        return false
                    }
                    if isReady { continuation.resume() }
                }
            } onCancel: {
                wake()
            }
            try Task.checkCancellation()
        }
    }

    /// Writes bytes, behind those of earlier calls; returns once the network has taken them.
    package func write(_ bytes: [UInt8]) async throws {
        let buffer = channel.allocator.buffer(bytes: bytes)
        try await channel.eventLoop.flatSubmit { [tap, channel] in
            tap.value.write(buffer) ?? channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }.get()
    }

    package func close() async {
        channel.close(promise: nil)
        try? await channel.closeFuture.get()
    }

    fileprivate var isFull: Bool { state.withLock { $0.heldBytes >= TappedConnection.bytesMax } }

    fileprivate func receive(_ buffer: ByteBuffer) {
        state.withLock { state in
            state.held.append(buffer)
            state.heldBytes += buffer.readableBytes
            state.receivedBytes += buffer.readableBytes
        }
        wake()
    }

    fileprivate func end() {
        state.withLock { $0.hasEnded = true }
        wake()
    }

    private func wake() {
        let reader = state.withLock { state in
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }
}

/// Lets bytes pass until a task takes the connection over; then none reach the handlers behind it any more.
///
/// Lies above TLS and below HTTP. One for each connection, on its event loop.
package final class ConnectionTap: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private var taken: TappedConnection?
    private var context: ChannelHandlerContext?

    package init() {}

    package func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    package func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Takes over what comes from now on. On the event loop.
    package func take(_ channel: any Channel) -> TappedConnection {
        let connection = TappedConnection(channel, self)
        taken = connection
        return connection
    }

    /// Takes over the connection of `channel`, which has a tap.
    package static func take(_ channel: any Channel) async throws -> TappedConnection {
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: ConnectionTap.self).take(channel)
        }.get()
    }

    /// Nil when the connection has been torn down.
    fileprivate func write(_ buffer: ByteBuffer) -> EventLoopFuture<Void>? {
        context?.writeAndFlush(wrapOutboundOut(buffer))
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let taken else { return context.fireChannelRead(data) }
        taken.receive(unwrapInboundIn(data))
    }

    package func read(context: ChannelHandlerContext) {
        // Reading goes on when the task has taken what there is: see `TappedConnection.read`.
        if taken?.isFull != true { context.read() }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        taken?.end()
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let taken else { return context.fireErrorCaught(error) }
        taken.end()
        context.close(promise: nil)
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, case .inputClosed = event { taken?.end() }
        context.fireUserInboundEventTriggered(event)
    }
}
