package import NIOCore
package import NIOSSL
internal import NIOTLS

/// Behind a connection's TLS handler: ends a handshake that fails or takes too long, and says why.
///
/// One for each connection, on its event loop.
package final class HandshakeGuard: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer

    private let timeout: TimeAmount
    private let accept: (NIOSSLCertificate?) -> String?
    private let failed: (String) -> Void
    private let completed: () -> Void
    private let broken: (String) -> Void
    private var timer: Scheduled<Void>?
    private var isDone = false

    /// One of `failed` and `completed` is called, once; `failed` with words for people.
    ///
    /// `accept` looks at the certificate the other end showed, and says why it is not taken, if it is not. `broken` is called when
    /// TLS fails after the handshake, as it does on a client that lacks a certificate (TLS 1.3).
    package init(
        timeout: TimeAmount, accept: @escaping (NIOSSLCertificate?) -> String? = { _ in nil },
        failed: @escaping (String) -> Void, completed: @escaping () -> Void = {},
        broken: @escaping (String) -> Void = { _ in }
    ) {
        self.timeout = timeout
        self.accept = accept
        self.failed = failed
        self.completed = completed
        self.broken = broken
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: timeout) {
            let (handler, context) = bound.value
            handler.end("the TLS handshake took too long", context)
        }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        end("the connection ended during the TLS handshake", context)
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent, !isDone {
            if let text = accept(try? context.pipeline.syncOperations.nioSSL_peerCertificate()) {
                return end(text, context)
            }
            isDone = true
            timer?.cancel()
            completed()
        }
        context.fireUserInboundEventTriggered(event)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        guard let text = TLSFailure.describe(error, certificate: certificate) else {
            return context.fireErrorCaught(error)
        }
        guard isDone else { return end(text, context) }
        broken(text)
        context.fireErrorCaught(error)
    }

    private func end(_ reason: String, _ context: ChannelHandlerContext) {
        guard !isDone else { return }
        isDone = true
        timer?.cancel()
        failed(reason)
        context.close(promise: nil)
    }
}
