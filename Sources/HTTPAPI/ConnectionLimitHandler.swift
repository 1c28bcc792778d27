internal import Connections
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes

/// Answers 429 and closes a connection beyond a limit; tells of those that do not speak HTTP.
///
/// One for each connection, on its event loop.
final class ConnectionLimitHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundOut = HTTPResponsePart

    private let limiter: ConnectionLimiter
    private let report: @Sendable (_ address: String, _ reason: String) -> Void
    private var address: String?
    private var isRefused = false

    init(
        limiter: ConnectionLimiter, report: @escaping @Sendable (_ address: String, _ reason: String) -> Void
    ) {
        self.limiter = limiter
        self.report = report
    }

    func channelActive(context: ChannelHandlerContext) {
        // Connections through a socket file have no address and are not limited.
        if let address = context.channel.remoteAddress?.ipAddress {
            self.address = address
            let broken = limiter.open(address)
            isRefused = broken != nil
            if let broken { report(address, broken) }
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

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is HTTPParserError { report(address ?? "unknown", "what it sent is no HTTP request: \(error)") }
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let address { limiter.close(address) }
        address = nil
        context.fireChannelInactive()
    }
}
