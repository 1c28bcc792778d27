internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import NIOHTTPTypes

/// Answers writes with a small body in one piece, without the streams of parts that other requests and answers go through.
/// Everything else passes.
///
/// One for each connection, on its event loop, before the streams' handler.
final class ShortRequestHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// A larger body is a stream's; 64 KiB.
    private static let bodyBytesMax = 64 << 10

    private enum State {
        case idle
        case reading(HTTPRequest, ByteBuffer)
        case answering
    }

    private let exchange: Exchange
    private var state = State.idle
    /// Requests that passed and are not answered yet: what follows them passes too, so that answers keep the requests' order.
    private var passedCount = 0
    /// What came while a request was being answered: of a client that does not wait for answers. Nothing more is read then.
    private var waiting = CircularBuffer<HTTPRequestPart>()
    private var isReadHeld = false
    /// The other side has ended its input meanwhile: it is told on after the answers, as who hears of it closes.
    private var hasInputEnded = false

    init(exchange: Exchange) { self.exchange = exchange }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .answering = state { return waiting.append(unwrapInboundIn(data)) }
        take(unwrapInboundIn(data), context)
    }

    func read(context: ChannelHandlerContext) {
        if case .answering = state, !waiting.isEmpty { isReadHeld = true } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .answering = state, case .inputClosed? = event as? ChannelEvent {
            hasInputEnded = true
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { passedCount -= 1 }
        context.write(data, promise: promise)
    }

    private func take(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
        switch (state, part) {
        case (.idle, .head(let head)) where passedCount == 0 && ShortRequestHandler.isShort(head):
            state = .reading(head, ByteBuffer())
        case (.reading(let head, var body), .body(let bytes)):
            // The one reference, or the append would copy what there is.
            state = .idle
            body.writeImmutableBuffer(bytes)
            state = .reading(head, body)
        case (.reading(let head, let body), .end):
            state = .answering
            answer(Request(head: head, body: RequestBody(buffer: body)), context)
        default:
            if case .head = part { passedCount += 1 }
            context.fireChannelRead(wrapInboundOut(part))
        }
    }

    private static func isShort(_ head: HTTPRequest) -> Bool {
        guard [.put, .post, .delete].contains(head.method) else { return false }
        var length = 0
        for field in head.headerFields {
            switch field.name {
            case .contentLength: length = Int(field.value) ?? .max
            case .transferEncoding, .expect, .upgrade: return false
            case .connection where field.value.lowercased() != "keep-alive": return false
            default: break
            }
        }
        return length <= bodyBytesMax
    }

    private func answer(_ request: Request, _ context: ChannelHandlerContext) {
        let answer = context.eventLoop.makeFutureWithTask { [exchange, channel = context.channel] in
            try await exchange.answer(request, on: channel)
        }
        answer.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let (head, body)): self.finish(head, body, context)
            // As of a stream that breaks off.
            case .failure: context.close(promise: nil)
            }
        }
    }

    private func finish(_ head: HTTPResponse, _ body: ByteBuffer, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if body.readableBytes > 0 { context.write(wrapOutboundOut(.body(body)), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        state = .idle
        goOn(context)
    }

    /// Takes what came while a request was being answered.
    private func goOn(_ context: ChannelHandlerContext) {
        let passedBefore = passedCount
        while let part = waiting.first {
            if case .answering = state { return }
            waiting.removeFirst()
            take(part, context)
        }
        if passedCount > passedBefore { context.fireChannelReadComplete() }
        if case .answering = state { return }
        if isReadHeld {
            isReadHeld = false
            context.read()
        }
        if hasInputEnded {
            hasInputEnded = false
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
    }
}
