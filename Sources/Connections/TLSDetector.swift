package import NIOCore

/// Waits for an accepted connection's first bytes, lets `decide` set up what they ask for, and steps aside.
///
/// A TLS record begins with 22 (handshake) and the major version 3 (RFC 8446 §5.1), which neither an HTTP request nor a frame of ours does.
/// One for each connection, on its event loop.
package final class TLSDetector: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    package enum Decision {
        /// The handlers behind this one take the bytes.
        case goOn
        /// The bytes are answered with these and the connection is closed.
        case refuse([UInt8])
    }

    private let timeout: TimeAmount
    private let decide: (_ isTLS: Bool, ChannelHandlerContext) throws -> Decision
    private let late: () -> Void
    private var held: ByteBuffer?
    private var timer: Scheduled<Void>?
    private var isDone = false

    /// The first bytes are waited for so long; then `late` is called and the connection closed. `decide` adds handlers after this
    /// one, or refuses.
    package init(
        timeout: TimeAmount, late: @escaping () -> Void,
        decide: @escaping (_ isTLS: Bool, ChannelHandlerContext) throws -> Decision
    ) {
        self.timeout = timeout
        self.late = late
        self.decide = decide
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: timeout) {
            let (handler, context) = bound.value
            guard !handler.isDone else { return }
            handler.isDone = true
            handler.late()
            context.close(promise: nil)
        }
    }

    package func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    package func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return }
        var bytes = unwrapInboundIn(data)
        if var held {
            held.writeBuffer(&bytes)
            bytes = held
        }
        let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self)
        let second = bytes.getInteger(at: bytes.readerIndex + 1, as: UInt8.self)
        guard first != 22 || second != nil else {
            held = bytes
            return
        }
        isDone = true
        timer?.cancel()
        do {
            switch try decide(first == 22 && second == 3, context) {
            case .goOn:
                context.fireChannelRead(NIOAny(bytes))
                context.pipeline.syncOperations.removeHandler(self, promise: nil)
            case .refuse(let answer):
                let channel = context.channel
                context.writeAndFlush(NIOAny(ByteBuffer(bytes: answer))).whenComplete { _ in
                    channel.close(promise: nil)
                }
            }
        } catch {
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }
}
