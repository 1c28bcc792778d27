internal import NIOCore

/// Hands on each datagram with its sender.
final class PacketHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let received: ([UInt8], SocketAddress) -> Void

    init(received: @escaping ([UInt8], SocketAddress) -> Void) { self.received = received }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var envelope = unwrapInboundIn(data)
        guard let bytes = envelope.data.readBytes(length: envelope.data.readableBytes) else { return }
        received(bytes, envelope.remoteAddress)
    }

    /// A datagram that could not be sent (a host unreachable) is lost, as datagrams may be.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
