internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes
internal import Synchronization

/// Counts the open connections of each client address.
final class ConnectionLimiter: Sendable {
    private let limit: Int
    private let counts = Mutex<[String: Int]>([:])

    /// - Parameter limit: connections an address may have open; 0 is no limit.
    init(limit: Int) { self.limit = limit }

    /// Counts one more; false when that is one too many.
    func open(_ address: String) -> Bool {
        counts.withLock { counts in
            let count = counts[address, default: 0] + 1
            counts[address] = count
            return limit == 0 || count <= limit
        }
    }

    func close(_ address: String) {
        counts.withLock { counts in
            let count = counts[address, default: 1] - 1
            counts[address] = count > 0 ? count : nil
        }
    }
}

/// Answers 429 and closes a connection beyond its client's limit.
///
/// One for each connection, on its event loop.
final class ConnectionLimitHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundOut = HTTPResponsePart

    private let limiter: ConnectionLimiter
    private var address: String?
    private var isRefused = false

    init(limiter: ConnectionLimiter) { self.limiter = limiter }

    func channelActive(context: ChannelHandlerContext) {
        // Connections through a socket file have no address and are not limited.
        if let address = context.channel.remoteAddress?.ipAddress {
            self.address = address
            isRefused = !limiter.open(address)
        }
        guard isRefused else { return context.fireChannelActive() }
        // Who sends no request within a second is not waited for.
        let channel = context.channel
        context.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isRefused else { return context.fireChannelRead(data) }
        // Closing before the request is read would reset the connection, and the answer would be lost with it.
        if case .end = unwrapInboundIn(data) { refuse(context) }
    }

    private func refuse(_ context: ChannelHandlerContext) {
        let text = ByteBuffer(
            string: "Your IP is issuing too many concurrent connections, please rate limit your calls\n")
        var head = HTTPResponse(status: .tooManyRequests)
        head.headerFields[.contentLength] = String(text.readableBytes)
        head.headerFields[.connection] = "close"
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(text)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let address { limiter.close(address) }
        address = nil
        context.fireChannelInactive()
    }
}
