internal import Basics
internal import Synchronization

/// Messages over a connection whose handshake is done. One reader at a time, any number of senders.
package final class WebSocketConnection: Sendable {
    package enum Role: Sendable {
        case server
        case client
    }

    private let connection: TappedConnection
    private let role: Role
    private let reader: Mutex<WebSocketReader>
    private let isClosing = Mutex(false)

    /// `read` is what has been read from the connection after the handshake.
    package init(_ connection: TappedConnection, role: Role, messageBytesMax: Int, read: [UInt8] = []) {
        self.connection = connection
        self.role = role
        var reader = WebSocketReader(expectsMask: role == .server, messageBytesMax: messageBytesMax)
        reader.feed(read)
        self.reader = Mutex(reader)
    }

    /// Bytes that came so far: whether the other end shows signs of life.
    package var receivedBytes: Int { connection.receivedBytes }

    /// The next message; nil when the other end closed without complaint or is gone.
    ///
    /// - Throws: ``WebSocketError`` with its code and reason when it closed for one, or for what it broke.
    package func next() async throws -> [UInt8]? {
        while true {
            guard let event = try reader.withLock({ reader throws(WebSocketError) in try reader.next() }) else {
                guard let bytes = try await connection.read() else { return nil }
                reader.withLock { $0.feed(bytes) }
                continue
            }
            switch event {
            case .message(let bytes): return bytes
            case .ping(let bytes): try await write(.pong, bytes)
            case .pong: break
            case .close(let code, let reason):
                // 1000: done; 1001: going away; 1005: says nothing.
                guard code == 1000 || code == 1001 || code == 1005 else { throw WebSocketError(code, reason) }
                return nil
            }
        }
    }

    /// Sends a message of text; returns once the network has taken it, throws once the connection is gone.
    package func send(_ text: [UInt8]) async throws { try await write(.text, text) }

    /// Asks the other end for a sign of life.
    package func ping() async throws { try await write(.ping, []) }

    /// Says that this end closes, once, and why. The connection stays open for what is still to be read.
    package func close(_ code: UInt16 = 1000, _ reason: String = "") async {
        let isFirst = isClosing.withLock { isClosing in
            defer { isClosing = true }
            return !isClosing
        }
        if isFirst { try? await write(.close, WebSocketFrame.closing(code, reason)) }
    }

    /// Reads and drops what comes until the other end has closed: whoever closes a connection with bytes unread resets it, and
    /// what was sent last is lost with it.
    package func drain() async {
        while let bytes = try? await connection.read() { _ = bytes }
    }

    private func write(_ opcode: WebSocketOpcode, _ payload: [UInt8]) async throws {
        let mask = role == .client ? (0..<4).map { _ in UInt8.random(in: 0...255) } : nil
        try await connection.write(WebSocketFrame.encode(opcode, payload, mask: mask))
    }
}
