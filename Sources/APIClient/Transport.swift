internal import Basics
internal import Connections
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// No answer: the agent cannot be reached, or the connection broke.
public struct ConnectionError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

struct TransportRequest: Sendable {
    var method: String
    /// Path and query.
    var target: String
    var headers: [(String, String)]
    var body: [UInt8]?
}

struct ResponseHead: Sendable {
    var status: Int
    /// Names in lower case; of repeated ones the last.
    var headers: [String: String]
}

/// Why TLS ended after the handshake, which an agent that asks for a certificate may say no earlier (TLS 1.3).
private final class BrokenTLS: Sendable {
    private let state = Mutex<String?>(nil)

    var reason: String? { state.withLock { $0 } }

    func note(_ reason: String) { state.withLock { $0 = $0 ?? reason } }
}

/// HTTP/1.1 over one connection a request, under TLS where the address says so.
struct Transport: Sendable {
    private typealias Connection = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    /// Connecting, and the TLS handshake, may take so long each.
    private static let timeout = TimeAmount.seconds(10)

    let address: AgentAddress
    let tls: ClientTLS

    /// The pieces of an answer's body.
    struct Chunks {
        fileprivate var parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator

        /// The next piece, or nil after the last.
        mutating func next() async throws -> [UInt8]? {
            guard let part = try await parts.next() else {
                throw ConnectionError("the agent closed the connection before the answer was complete")
            }
            guard case .body(let buffer) = part else { return nil }
            return Array(buffer.readableBytesView)
        }
    }

    /// Sends the request and hands the answer to `read`; the connection lives as long as that.
    func exchange<Result>(
        _ request: TransportRequest, read: (ResponseHead, inout Chunks) async throws -> Result
    ) async throws -> Result {
        let broken = BrokenTLS()
        let (connection, handshake) = try await connect(broken)
        do {
            return try await connection.executeThenClose { inbound, outbound in
                try await handshake?.get()
                try await send(request, to: outbound)
                var parts = inbound.makeAsyncIterator()
                // Informational heads (100 Continue) are dropped by NIO's decoder.
                guard case .head(let head)? = try await parts.next() else {
                    throw ConnectionError("the agent at \(address) closed the connection without an answer")
                }
                var headers: [String: String] = [:]
                for (name, value) in head.headers { headers[name.lowercased()] = value }
                var chunks = Chunks(parts: parts)
                return try await read(ResponseHead(status: Int(head.status.code), headers: headers), &chunks)
            }
        } catch {
            throw described(error, broken)
        }
    }

    /// What went wrong on an open connection, for people.
    private func described(_ error: any Error, _ broken: BrokenTLS) -> any Error {
        let isOfTLS = TLSFailure.describe(error, certificate: nil) != nil
        let isBroken = isOfTLS || error is ConnectionError || error is IOError || error is ChannelError
        // How TLS ended says more than how that looks from above it.
        if isBroken, let reason = broken.reason { return ConnectionError("\(address) cannot be used: \(reason)") }
        switch error {
        case is IOError, is ChannelError: return ConnectionError("the connection to \(address) broke: \(error)")
        case is HTTPParserError: return ConnectionError("\(address) does not answer in HTTP: \(error)")
        default: return error
        }
    }

    private var hostHeader: String {
        switch address {
        case .http(let host, let port), .https(let host, let port): "\(NetworkAddress(host: host, port: port))"
        case .unix: "localhost"
        }
    }

    private func send(
        _ request: TransportRequest, to outbound: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>
    ) async throws {
        var headers = HTTPHeaders(request.headers)
        headers.replaceOrAdd(name: "Host", value: hostHeader)
        headers.add(name: "Accept", value: "application/json, text/plain, */*")
        headers.add(name: "User-Agent", value: "drover")
        if let body = request.body {
            headers.replaceOrAdd(name: "Content-Length", value: String(body.count))
            if !headers.contains(name: "Content-Type") { headers.add(name: "Content-Type", value: "application/json") }
        }
        let head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: request.method), uri: request.target, headers: headers)
        var parts: [HTTPClientRequestPart] = [.head(head)]
        if let body = request.body, !body.isEmpty { parts.append(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
        // All in one go: an agent may answer the head and close before a later write has begun, and that write would
        // fail instead of the answer being read.
        try await outbound.write(contentsOf: parts + [.end(nil)])
    }

    /// Bytes of one message, and of an answer that is not a WebSocket's, at most.
    private static let messageBytesMax = 1 << 20

    /// Makes the request's connection a WebSocket and hands it to `use`; it lives as long as that.
    ///
    /// - Throws: ``APIError`` when the agent answers something else than 101.
    func socket<Result>(
        _ request: TransportRequest, use: (WebSocketConnection) async throws -> Result
    ) async throws -> Result {
        let broken = BrokenTLS()
        let (connection, handshake) = try await connect(broken) { channel in
            let tap = ConnectionTap()
            try channel.pipeline.syncOperations.addHandler(tap)
            return tap.take(channel)
        }
        let result: Result
        do {
            try await handshake?.get()
            let rest = try await shakeHands(connection, request)
            let socket = WebSocketConnection(
                connection, role: .client, messageBytesMax: Transport.messageBytesMax, read: rest)
            result = try await use(socket)
        } catch {
            await connection.close()
            throw described(error, broken)
        }
        await connection.close()
        return result
    }

    /// Asks for a WebSocket; returns what came after the answer's head.
    private func shakeHands(_ connection: TappedConnection, _ request: TransportRequest) async throws -> [UInt8] {
        let key = Base64.encode((0..<16).map { _ in UInt8.random(in: 0...255) })
        var lines = ["\(request.method) \(request.target) HTTP/1.1", "Host: \(hostHeader)", "User-Agent: drover"]
        lines += [
            "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: \(key)",
        ]
        lines += request.headers.map { "\($0.0): \($0.1)" }
        try await connection.write(Array((lines + ["", ""]).joined(separator: "\r\n").utf8))
        var bytes: [UInt8] = []
        while true {
            guard let more = try await connection.read() else {
                throw ConnectionError("the agent at \(address) closed the connection without an answer")
            }
            bytes += more
            if let head = HandshakeAnswer(bytes) {
                guard head.status == 101 else { throw try await refusal(head, connection) }
                guard head.headers["sec-websocket-accept"] == WebSocketHandshake.accept(key) else {
                    throw ConnectionError("\(address) does not answer as a WebSocket's server must")
                }
                return head.rest
            }
            guard bytes.count <= Transport.messageBytesMax else {
                throw ConnectionError("\(address) does not answer in HTTP")
            }
        }
    }

    /// The error that the agent answered instead.
    private func refusal(_ head: HandshakeAnswer, _ connection: TappedConnection) async throws -> APIError {
        var body = head.rest
        let length = min(head.headers["content-length"].flatMap { Int($0) } ?? .max, Transport.messageBytesMax)
        while body.count < length, let more = try await connection.read() { body += more }
        return APIError(status: head.status, message: String(decoding: body, as: UTF8.self))
    }

    /// A connection that speaks HTTP, and, under TLS, when it may be used.
    private func connect(_ broken: BrokenTLS) async throws(ConnectionError) -> (Connection, EventLoopFuture<Void>?) {
        try await connect(broken) { channel in
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            return try Connection(wrappingChannelSynchronously: channel)
        }
    }

    /// A connection on which `begin` puts what speaks, and, under TLS, when it may be used.
    private func connect<Opened: Sendable>(
        _ broken: BrokenTLS, begin: @escaping @Sendable (any Channel) throws -> Opened
    ) async throws(ConnectionError) -> (Opened, EventLoopFuture<Void>?) {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(Self.timeout)
        let security: NIOSSLContext? = if case .https = address { try tls.context() } else { nil }
        let setUp: @Sendable (any Channel) -> EventLoopFuture<(Opened, EventLoopFuture<Void>?)> = { channel in
            channel.eventLoop.makeCompletedFuture {
                let handshake = try security.map { try beginTLS(channel, $0, broken) }
                return (try begin(channel), handshake)
            }
        }
        do {
            switch address {
            case .http(let host, let port), .https(let host, let port):
                return try await bootstrap.connect(host: host, port: port, channelInitializer: setUp)
            case .unix(let path):
                return try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: setUp)
            }
        } catch {
            throw ConnectionError("cannot reach the agent at \(address): \(Transport.reason(of: error))")
        }
    }

    /// Puts TLS at the bottom of the channel; the future fails with ``ConnectionError``.
    private func beginTLS(
        _ channel: any Channel, _ context: NIOSSLContext, _ broken: BrokenTLS
    ) throws -> EventLoopFuture<Void> {
        guard case .https(let host, _) = address else { return channel.eventLoop.makeSucceededVoidFuture() }
        // Of an address, which is no name that TLS could ask for, the certificate must name the address itself.
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        let asked = tls.serverName ?? (isAddress ? nil : host)
        let handler: NIOSSLClientHandler
        do {
            handler = try NIOSSLClientHandler(context: context, serverHostname: asked)
        } catch is NIOSSLExtraError {
            throw ConnectionError("TLS cannot ask for the name \"\(asked ?? "")\"; set -tls-server-name to a host name")
        }
        let handshake = channel.eventLoop.makePromise(of: Void.self)
        try channel.pipeline.syncOperations.addHandlers([
            handler,
            HandshakeGuard(timeout: Self.timeout) { [tls] certificate in
                // The library takes a certificate that names the address, whatever name is asked for.
                guard let name = tls.serverName, !tls.skipsVerification else { return nil }
                return TLSFailure.refusal(of: certificate, for: name)
            } failed: { [address] reason in
                handshake.fail(ConnectionError("\(address) cannot be used: \(reason)"))
            } completed: {
                handshake.succeed()
            } broken: { reason in
                broken.note(reason)
            },
        ])
        return handshake.futureResult
    }

    private static func reason(of error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let failure = error.connectionErrors.first { return reason(of: failure.error) }
            return "no address for host \"\(error.host)\""
        case let error as IOError where error.errnoCode == ECONNREFUSED:
            return "connection refused; is an agent running there?"
        case let error as IOError where error.errnoCode == ENOENT: return "no such socket; is an agent running there?"
        default: return "\(error)"
        }
    }
}
