internal import Connections
internal import HummingbirdCore
internal import Logging
internal import NIOCore

/// HTTP/1.1 whose connections can become something else, and answer what is short in one piece.
struct TappedChannel: ServerChildChannel {
    let base: HTTP1Channel
    let exchange: Exchange

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(ConnectionTap())
        }.flatMap { base.setup(channel: channel, logger: logger) }.flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let connection = try pipeline.handler(type: HTTPConnectionStateHandler.self)
            try pipeline.addHandler(ShortRequestHandler(exchange: exchange), position: .after(connection))
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}
