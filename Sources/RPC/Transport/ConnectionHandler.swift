internal import Basics
internal import Connections
internal import NIOCore
internal import NIOSSL

/// What a connection does with its frames: an accepted or a made one. Called on the connection's event loop.
protocol ConnectionSession: AnyObject, Sendable {
    var outbox: Outbox { get }

    /// The other end said hello: frames may go both ways.
    func opened(_ hello: Hello, origin: CallOrigin)

    func receive(_ frame: Frame) throws(FrameError)

    /// The connection is gone; called once. `isUndone` when the other end said that it took nothing on it.
    func closed(_ reason: String, isUndone: Bool)
}

/// Who is let onto a connection, and who is told of those that are not.
struct ConnectionGate: Sendable {
    /// Why a peer with these names in its certificate, which said this hello, is turned away, if it is.
    var refusal: @Sendable (_ certificateNames: [String], Hello) -> String? = { _, _ in nil }
    /// The region that a peer's certificate names.
    var region: @Sendable (_ certificateNames: [String]) -> String? = { _ in nil }
    /// Told of a peer that was turned away, or that turned this end away, before or after the hello.
    var report: @Sendable (_ address: String, _ reason: String) -> Void = { _, _ in }
    /// Shared by accepted connections; those this end made hold what it asked for.
    var budget: ByteBudget?
}

/// The bottom of a connection: hello, framing, keep-alive, and one reason when it ends. Lives on its event loop.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let session: any ConnectionSession
    private let settings: TransportSettings
    private let gate: ConnectionGate
    private var decoder: FrameDecoder
    private var phase = Phase.greeting
    private var reason: String?
    private var isUndone = false
    private var lastRead = NIODeadline.now()
    /// A ping went out and nothing was heard since.
    private var isPinged = false
    private var timer: Scheduled<Void>?
    /// Bytes of an unfinished frame, taken from the budget, and when that frame began.
    private var heldBytes = 0
    private var unfinishedSince: NIODeadline?

    private enum Phase {
        case greeting
        case open
        case closed
    }

    init(session: any ConnectionSession, settings: TransportSettings, gate: ConnectionGate) {
        self.session = session
        self.settings = settings
        self.gate = gate
        decoder = FrameDecoder(frameBytesMax: settings.bodyBytesMax + Frame.headerBytes + 4)
    }

    // MARK: - Life

    func channelActive(context: ChannelHandlerContext) {
        greet(context)
        context.fireChannelActive()
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { greet(context) }
    }

    private func greet(_ context: ChannelHandlerContext) {
        guard timer == nil else { return }
        let hello = Hello(
            role: settings.role, name: settings.name, bodyBytesMax: UInt32(clamping: settings.bodyBytesMax),
            streamWindowBytes: UInt32(clamping: settings.streamWindowBytes))
        var buffer = context.channel.allocator.buffer(capacity: 64)
        Frame.write(.hello, id: 0, body: hello.bytes, to: &buffer)
        context.writeAndFlush(NIOAny(buffer), promise: nil)
        schedule(context, in: settings.handshakeTimeout)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(reason ?? "the other end closed the connection")
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end(reason ?? "the connection was closed") }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        if reason == nil, case .greeting = phase, let text = TLSFailure.describe(error, certificate: certificate) {
            reason = text
            report(context, text)
        }
        reason = reason ?? TLSFailure.describe(error, certificate: nil) ?? "\(error)"
        context.close(promise: nil)
    }

    private func end(_ reason: String) {
        timer?.cancel()
        gate.budget?.giveBack(heldBytes)
        heldBytes = 0
        guard case .closed = phase else {
            phase = .closed
            session.outbox.close()
            session.closed(reason, isUndone: isUndone)
            return
        }
    }

    /// Closes because of what the other end did, and tells it.
    private func refuse(_ context: ChannelHandlerContext, _ text: String) {
        reason = text
        report(context, text)
        var buffer = context.channel.allocator.buffer(capacity: 64)
        // Before the hello nothing of the other end's calls was taken.
        let code = if case .greeting = phase { CallError.Code.undone } else { CallError.Code.invalid }
        Frame.write(.error, id: 0, body: CallError(code, text).frameBody, to: &buffer)
        let channel = context.channel
        context.writeAndFlush(NIOAny(buffer)).whenComplete { _ in channel.close(promise: nil) }
    }

    private func report(_ context: ChannelHandlerContext, _ text: String) {
        gate.report(context.remoteAddress?.ipAddress ?? "unknown", text)
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard reason == nil else { return }
        lastRead = .now()
        isPinged = false
        decoder.append(unwrapInboundIn(data))
        do throws(FrameError) {
            while reason == nil, let frame = try decoder.next() {
                unfinishedSince = nil
                try receive(frame, context)
            }
        } catch {
            return refuse(context, error.description)
        }
        hold(decoder.bytesHeld, context)
    }

    /// Accounts for what is kept of a frame that has not come whole.
    private func hold(_ bytes: Int, _ context: ChannelHandlerContext) {
        unfinishedSince = bytes == 0 ? nil : unfinishedSince ?? .now()
        guard let budget = gate.budget, bytes != heldBytes, reason == nil else { return }
        if bytes < heldBytes {
            budget.giveBack(heldBytes - bytes)
        } else if !budget.take(bytes - heldBytes) {
            return refuse(context, "unfinished frames and requests of all connections take all the memory they may")
        }
        heldBytes = bytes
    }

    private func receive(_ frame: Frame, _ context: ChannelHandlerContext) throws(FrameError) {
        switch frame.kind {
        case .hello: try welcome(Hello(frame.body), context)
        case .ping:
            guard frame.body.count <= 8 else { throw .badBody(.ping) }
            session.outbox.add { Frame.write(.pong, id: 0, body: frame.body, to: &$0) }
        case .pong: break
        case .error where frame.id == 0:
            let refusal = CallError(frameBody: frame.body)
            let text = "the other end refused: \(refusal.message)"
            isUndone = refusal.code == .undone
            reason = text
            report(context, text)
            context.close(promise: nil)
        case .call, .reply, .error, .item, .end, .credit, .cancel, .drain: try session.receive(frame)
        }
    }

    private func welcome(_ hello: Hello, _ context: ChannelHandlerContext) {
        let own = Hello(role: settings.role, name: settings.name, bodyBytesMax: 0, streamWindowBytes: 0)
        if let mismatch = own.mismatch(with: hello) { return refuse(context, mismatch) }
        let names = context.peerCertificateNames
        if let text = gate.refusal(names, hello) { return refuse(context, text) }
        phase = .open
        timer?.cancel()
        schedule(context, in: settings.keepAlive)
        let address = context.remoteAddress?.ipAddress ?? "unknown"
        let origin = CallOrigin(
            address: address, certificateName: names.first, isServer: hello.role == .server, region: gate.region(names))
        session.opened(hello, origin: origin)
        session.outbox.open(context.channel)
    }

    // MARK: - Time

    private func schedule(_ context: ChannelHandlerContext, in delay: Duration) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: .nanoseconds(delay.nanosecondCount)) {
            let (handler, context) = bound.value
            handler.timerFired(context)
        }
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        switch phase {
        case .closed: return
        case .greeting: refuse(context, "no hello within \(settings.handshakeTimeout.goText): \(FrameError.noHello)")
        case .open:
            if isPinged {
                return refuse(context, "nothing was heard for \(settings.keepAlive.goText) after a ping")
            }
            if let unfinishedSince, unfinishedSince + .nanoseconds(settings.frameTimeout.nanosecondCount) < .now() {
                return refuse(context, "a frame was not finished within \(settings.frameTimeout.goText)")
            }
            let silence = Duration.nanoseconds((NIODeadline.now() - lastRead).nanoseconds)
            if silence >= settings.keepAlive {
                isPinged = true
                session.outbox.add { Frame.write(.ping, id: 0, to: &$0) }
            }
            schedule(context, in: settings.keepAlive)
        }
    }
}

extension ChannelHandlerContext {
    /// The DNS names in the peer's verified certificate; empty without TLS.
    fileprivate var peerCertificateNames: [String] {
        (try? pipeline.syncOperations.nioSSL_peerCertificate())?.dnsNames ?? []
    }
}

extension CallError {
    /// Code u16, then the text.
    var frameBody: [UInt8] {
        let number = code.rawValue
        return [UInt8(number & 0xff), UInt8(number >> 8)] + Array(message.utf8.prefix(64 << 10))
    }

    /// An unknown code, of a later release, becomes ``Code/failed``.
    init(frameBody: [UInt8]) {
        guard frameBody.count >= 2 else {
            self.init(.failed, "the other end reported an error without saying which")
            return
        }
        let number = UInt16(frameBody[0]) | UInt16(frameBody[1]) << 8
        self.init(Code(rawValue: number) ?? .failed, String(decoding: frameBody[2...], as: UTF8.self))
    }
}
