internal import Gossip
internal import NIOCore

/// Reads the one message of a stream and tells it, or why there is none; exactly once.
final class StreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var reader: EnvelopeReader
    /// Nil once it has been told.
    private var told: ((Result<StreamMessage, StreamFailure>) -> Void)?

    init(_ envelope: Envelope, told: @escaping (Result<StreamMessage, StreamFailure>) -> Void) {
        reader = EnvelopeReader(envelope)
        self.told = told
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What follows the message is ignored; the protocol sends nothing there.
        guard told != nil else { return }
        var buffer = unwrapInboundIn(data)
        let bytes = buffer.readBytes(length: buffer.readableBytes) ?? []
        do throws(EnvelopeError) {
            if let message = try reader.append(bytes) { tell(.success(message)) }
        } catch {
            tell(.failure(.refused(error)))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        tell(.failure(.broken("the other end closed the stream")))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        tell(.failure(.broken("\(error)")))
        context.close(promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) { tell(.failure(.broken("the stream was closed"))) }

    private func tell(_ outcome: Result<StreamMessage, StreamFailure>) {
        let told = told
        self.told = nil
        told?(outcome)
    }
}

/// Why a stream brought no message.
enum StreamFailure: Error, CustomStringConvertible {
    /// What came is not for this pool, or no message.
    case refused(EnvelopeError)
    /// The connection ended or failed first.
    case broken(String)

    var description: String {
        switch self {
        case .refused(let error): "\(error)"
        case .broken(let text): text
        }
    }
}
