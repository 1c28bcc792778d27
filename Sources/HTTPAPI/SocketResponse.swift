internal import Basics
internal import Connections
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore
internal import RPC

/// The answer to a WebSocket's handshake: 101, and then whatever is said over it.
struct SocketResponse: Sendable {
    /// Bytes of one message at most; Nomad's client sends some 3 KiB at a time. 1 MiB.
    private static let messageBytesMax = 1 << 20
    /// How long the other end may take to close after this one; 1 s.
    private static let drainMax = Duration.seconds(1)

    private let key: String
    private let time: any TimeSource
    private let serve: @Sendable (WebSocketConnection) async -> Void

    /// - Throws: ``CallError`` when the request is no handshake, or a page of another origin's.
    init(
        _ request: APIRequest, time: any TimeSource, serve: @escaping @Sendable (WebSocketConnection) async -> Void
    ) throws(CallError) {
        let headers = request.request.headers
        let refusal = WebSocketHandshake.refusal { name in HTTPField.Name(name).flatMap { headers[$0] } }
        if let refusal { throw CallError(.invalid, refusal) }
        // Browsers let any page open a WebSocket to any host (RFC 6455 §10.2).
        if let origin = headers[.origin], let host = request.request.head.authority, !origin.hasSuffix("://\(host)") {
            throw CallError(.permission, "the page is of \(origin), and only those of \(host) may use this")
        }
        key = HTTPField.Name("sec-websocket-key").flatMap { headers[$0] } ?? ""
        self.time = time
        self.serve = serve
    }

    /// Takes the connection over, serves it and closes it.
    func run(on channel: any Channel, headers: [(String, String)]) async throws {
        let connection = try await ConnectionTap.take(channel)
        var head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        head.append("Sec-WebSocket-Accept: \(WebSocketHandshake.accept(key))")
        head += headers.map { "\($0.0): \($0.1)" }
        try await connection.write(Array((head + ["", ""]).joined(separator: "\r\n").utf8))
        let socket = WebSocketConnection(connection, role: .server, messageBytesMax: SocketResponse.messageBytesMax)
        await serve(socket)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await socket.drain() }
            group.addTask { [time] in try? await time.sleep(for: SocketResponse.drainMax) }
            await group.next()
            group.cancelAll()
        }
        await connection.close()
    }
}
