internal import Basics
internal import Connections
internal import NIOCore

/// First in an accepted connection's pipeline: counts it, and turns it away beyond a limit.
///
/// One for each connection, on its event loop.
final class AdmissionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let limiter: ConnectionLimiter
    /// The peer is told in plain; under TLS it could not read it.
    private let isPlain: Bool
    private let report: @Sendable (_ address: String, _ reason: String) -> Void
    private var address: String?

    init(
        limiter: ConnectionLimiter, isPlain: Bool,
        report: @escaping @Sendable (_ address: String, _ reason: String) -> Void
    ) {
        self.limiter = limiter
        self.isPlain = isPlain
        self.report = report
    }

    func channelActive(context: ChannelHandlerContext) {
        let address = context.remoteAddress?.ipAddress ?? "unknown"
        self.address = address
        guard let reason = limiter.open(address) else { return context.fireChannelActive() }
        report(address, reason)
        var answer = ByteBuffer()
        if isPlain { Frame.write(.error, id: 0, body: CallError(.undone, reason).frameBody, to: &answer) }
        let channel = context.channel
        context.writeAndFlush(NIOAny(answer)).whenComplete { _ in channel.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let address { limiter.close(address) }
        address = nil
        context.fireChannelInactive()
    }
}
