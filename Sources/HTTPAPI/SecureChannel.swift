internal import Basics
internal import Connections
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTPTypes

/// HTTP/1.1 under TLS. Who speaks plain HTTP to it is told so.
struct SecureChannel: ServerChildChannel {
    let base: TappedChannel
    let security: APISecurity
    let report: @Sendable (_ address: String, _ reason: String) -> Void

    /// As Go's servers say it.
    private static let needsTLS = "Client sent an HTTP request to an HTTPS server.\n"

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(detector(channel))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }

    private func detector(_ channel: any Channel) -> TLSDetector {
        let timeout = TimeAmount.nanoseconds(security.handshakeTimeout.nanosecondCount)
        let (security, report) = (security, report)
        return TLSDetector(timeout: timeout) {
            let address = channel.remoteAddress?.ipAddress ?? "unknown"
            report(address, "nothing was said within \(security.handshakeTimeout.goText)")
        } decide: { isTLS, context in
            let address = context.remoteAddress?.ipAddress ?? "unknown"
            guard isTLS else {
                report(address, "it does not speak TLS, and this port speaks nothing else")
                let head = [
                    "HTTP/1.1 400 Bad Request", "Content-Type: text/plain; charset=utf-8", "Connection: close",
                    "Content-Length: \(Self.needsTLS.utf8.count)", "", Self.needsTLS,
                ]
                return .refuse(Array(head.joined(separator: "\r\n").utf8))
            }
            try context.pipeline.syncOperations.addHandlers(
                [
                    security.source.current.serverHandler(asksCertificate: security.asksCertificate),
                    HandshakeGuard(timeout: timeout) { report(address, $0) },
                ], position: .after(context.handler))
            return .goOn
        }
    }
}
