/// What the other end of a WebSocket broke, and the code its connection is closed with (RFC 6455 §7.4.1).
package struct WebSocketError: Error, Equatable, Sendable, CustomStringConvertible {
    package let code: UInt16
    package let description: String

    package init(_ code: UInt16, _ description: String) {
        self.code = code
        self.description = description
    }
}

/// Cuts the bytes of a WebSocket connection into messages (RFC 6455 §5).
package struct WebSocketReader: Sendable {
    package enum Event: Equatable, Sendable {
        /// A whole one, of text or of bytes.
        case message([UInt8])
        case ping([UInt8])
        case pong
        /// The other end closes; 1005 when it names no code.
        case close(code: UInt16, reason: String)
    }

    /// Whether frames must be masked, as all that clients send must be, and none that servers do.
    private let expectsMask: Bool
    private let messageBytesMax: Int
    private var bytes: [UInt8] = []
    private var start = 0
    /// The frames so far of a message in several.
    private var message: [UInt8]?

    /// A message longer than `messageBytesMax` is an error of code 1009.
    package init(expectsMask: Bool, messageBytesMax: Int) {
        self.expectsMask = expectsMask
        self.messageBytesMax = messageBytesMax
    }

    package mutating func feed(_ more: [UInt8]) {
        bytes.removeFirst(start)
        start = 0
        bytes += more
    }

    /// The next event, or nil when more bytes are needed. After an error there is no going on.
    package mutating func next() throws(WebSocketError) -> Event? {
        while let (opcode, isFinal, payload) = try frame() {
            switch opcode {
            case .continuation:
                guard var whole = message else { throw WebSocketError(1002, "a continuation of no message") }
                whole += payload
                guard whole.count <= messageBytesMax else { throw tooLong(whole.count) }
                message = isFinal ? nil : whole
                if isFinal { return .message(whole) }
            case .text, .binary:
                guard message == nil else { throw WebSocketError(1002, "a message begins within another") }
                if isFinal { return .message(payload) }
                message = payload
            case .ping: return .ping(payload)
            case .pong: return .pong
            case .close:
                guard payload.count >= 2 else { return .close(code: 1005, reason: "") }
                let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
                return .close(code: code, reason: String(decoding: payload.dropFirst(2), as: UTF8.self))
            }
        }
        return nil
    }

    private mutating func frame() throws(WebSocketError) -> (WebSocketOpcode, isFinal: Bool, payload: [UInt8])? {
        let available = bytes[start...]
        guard available.count >= 2 else { return nil }
        let (first, second) = (bytes[start], bytes[start + 1])
        guard first & 0x70 == 0, let opcode = WebSocketOpcode(rawValue: first & 0x0f) else {
            throw WebSocketError(1002, "a frame of an unknown kind")
        }
        let isFinal = first & 0x80 != 0
        guard (second & 0x80 != 0) == expectsMask else {
            throw WebSocketError(1002, expectsMask ? "a frame without a mask" : "a frame with a mask")
        }
        let lengthBytes = second & 0x7f == 127 ? 8 : second & 0x7f == 126 ? 2 : 0
        let headBytes = 2 + lengthBytes + (expectsMask ? 4 : 0)
        if opcode.isControl, !isFinal || lengthBytes > 0 {
            throw WebSocketError(1002, "a control frame in pieces, or longer than 125 bytes")
        }
        guard available.count >= headBytes else { return nil }
        let length =
            lengthBytes == 0
            ? UInt64(second & 0x7f)
            : bytes[(start + 2)..<(start + 2 + lengthBytes)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(messageBytesMax) else { throw tooLong(Int(clamping: length)) }
        guard available.count - headBytes >= Int(length) else { return nil }
        var payload = Array(bytes[(start + headBytes)..<(start + headBytes + Int(length))])
        if expectsMask { WebSocketFrame.mask(&payload, with: bytes[(start + headBytes - 4)..<(start + headBytes)]) }
        start += headBytes + Int(length)
        return (opcode, isFinal, payload)
    }

    private func tooLong(_ count: Int) -> WebSocketError {
        WebSocketError(1009, "a message of \(count) bytes; at most \(messageBytesMax) are taken")
    }
}

/// Kinds of frames (RFC 6455 §5.2).
package enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10

    var isControl: Bool { rawValue >= 8 }
}

/// Writes frames.
package enum WebSocketFrame {
    /// One whole frame; `mask`, four bytes, is what clients must give, each time a new one nobody can guess.
    package static func encode(_ opcode: WebSocketOpcode, _ payload: [UInt8], mask: [UInt8]? = nil) -> [UInt8] {
        var frame = [0x80 | opcode.rawValue]
        frame.reserveCapacity(payload.count + 14)
        let flag: UInt8 = mask == nil ? 0 : 0x80
        switch payload.count {
        case ..<126: frame.append(flag | UInt8(payload.count))
        case ..<65_536:
            frame.append(flag | 126)
            frame += [UInt8(payload.count >> 8), UInt8(truncatingIfNeeded: payload.count)]
        default:
            frame.append(flag | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                frame.append(UInt8(truncatingIfNeeded: payload.count >> shift))
            }
        }
        guard let mask else { return frame + payload }
        var masked = payload
        WebSocketFrame.mask(&masked, with: mask[...])
        return frame + mask + masked
    }

    /// A close frame's payload; a reason beyond 123 bytes is cut, between characters.
    package static func closing(_ code: UInt16, _ reason: String) -> [UInt8] {
        var text = reason
        if text.utf8.count > 123 {
            while text.utf8.count > 120 { text.removeLast() }
            text += "..."
        }
        return [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)] + text.utf8
    }

    static func mask(_ bytes: inout [UInt8], with mask: ArraySlice<UInt8>) {
        let first = mask.startIndex
        for index in bytes.indices { bytes[index] ^= mask[first + index & 3] }
    }
}
