import Connections
import Testing

/// The wire of RFC 6455.
@Suite struct WebSocketTests {
    /// The example of §1.3.
    @Test func theHandshakesAnswer() {
        #expect(WebSocketHandshake.accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test(arguments: [
        ([("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade")], nil),
        ([("upgrade", "h2c")], "this path speaks WebSocket"),
        ([("connection", "close")], "this path speaks WebSocket"),
        ([("sec-websocket-version", "8")], "Sec-WebSocket-Version"),
        ([("sec-websocket-key", "c2hvcnQ=")], "Sec-WebSocket-Key"),
    ])
    func whatIsAHandshake(changes: [(String, String)], refusal: String?) {
        var headers = [
            "upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        ]
        for (name, value) in changes { headers[name] = value }
        let said = WebSocketHandshake.refusal { headers[$0] }
        if let refusal { #expect(said?.contains(refusal) == true, "\(said ?? "")") } else { #expect(said == nil) }
    }

    /// The examples of §5.7, byte for byte.
    @Test func framesAreThoseOfTheStandard() {
        let hello = Array("Hello".utf8)
        // FIN and text; 5 bytes
        #expect(WebSocketFrame.encode(.text, hello) == [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f])
        // the mask bit; the mask; the bytes under it
        #expect(
            WebSocketFrame.encode(.text, hello, mask: [0x37, 0xfa, 0x21, 0x3d])
                == [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
        // 126: the length is in two bytes; 127: in eight
        #expect(
            WebSocketFrame.encode(.binary, [UInt8](repeating: 0, count: 256)).prefix(4) == [0x82, 0x7e, 0x01, 0x00])
        #expect(
            WebSocketFrame.encode(.binary, [UInt8](repeating: 0, count: 65_536)).prefix(10)
                == [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0])
        #expect(WebSocketFrame.closing(1008, "no") == [0x03, 0xf0, 0x6e, 0x6f])
        let long = WebSocketFrame.closing(1011, String(repeating: "ä", count: 100))
        #expect(long.count <= 125 && String(decoding: long.dropFirst(2), as: UTF8.self).hasSuffix("ä..."))
    }

    static let mask: [UInt8] = [1, 2, 3, 4]

    static func masked(_ opcode: WebSocketOpcode, _ text: String) -> [UInt8] {
        WebSocketFrame.encode(opcode, Array(text.utf8), mask: mask)
    }

    /// A whole conversation, in pieces of every size.
    @Test(arguments: [1, 2, 3, 7, 1_000_000])
    func messagesComeOutWhole(piece: Int) throws {
        var first = Self.masked(.text, "in ")
        first[0] = 0x01  // no FIN
        let last = Self.masked(.continuation, "pieces")
        let long = String(repeating: "x", count: 70_000)
        let bytes =
            Self.masked(.text, "one") + first + Self.masked(.ping, "?") + last + Self.masked(.binary, long)
            + Self.masked(.pong, "")
            + WebSocketFrame.encode(.close, WebSocketFrame.closing(1000, "bye"), mask: Self.mask)
        var reader = WebSocketReader(expectsMask: true, messageBytesMax: 100_000)
        var events: [WebSocketReader.Event] = []
        for start in stride(from: 0, to: bytes.count, by: piece) {
            reader.feed(Array(bytes[start..<min(start + piece, bytes.count)]))
            while let event = try reader.next() { events.append(event) }
        }
        #expect(
            events == [
                .message(Array("one".utf8)), .ping(Array("?".utf8)), .message(Array("in pieces".utf8)),
                .message(Array(long.utf8)), .pong, .close(code: 1000, reason: "bye"),
            ])
    }

    @Test(arguments: [
        ([0x81, 0x01, 0x41] as [UInt8], 1002, "without a mask"),
        ([0xc1, 0x80, 1, 2, 3, 4], 1002, "unknown kind"),
        ([0x83, 0x80, 1, 2, 3, 4], 1002, "unknown kind"),
        ([0x80, 0x80, 1, 2, 3, 4], 1002, "continuation of no message"),
        ([0x01, 0x80, 1, 2, 3, 4, 0x81, 0x80, 1, 2, 3, 4], 1002, "begins within another"),
        ([0x09, 0x80, 1, 2, 3, 4], 1002, "control frame"),
        ([0x89, 0xfe, 0, 126], 1002, "control frame"),
        ([0x81, 0xfe, 0x10, 0x01, 1, 2, 3, 4], 1009, "4097 bytes"),
        ([0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4], 1009, "at most 4096"),
    ])
    func whatBreaksTheRulesEndsIt(bytes: [UInt8], code: UInt16, text: String) throws {
        var reader = WebSocketReader(expectsMask: true, messageBytesMax: 4_096)
        reader.feed(bytes)
        let error = #expect(throws: WebSocketError.self) { while try reader.next() != nil {} }
        #expect(error?.code == code && error?.description.contains(text) == true, "\(error?.description ?? "")")
    }

    /// Pieces of a message count together.
    @Test func aMessageInManyPiecesHasALimitToo() throws {
        var piece = Self.masked(.text, String(repeating: "x", count: 3_000))
        piece[0] = 0x01
        var reader = WebSocketReader(expectsMask: true, messageBytesMax: 4_096)
        reader.feed(piece + Self.masked(.continuation, String(repeating: "x", count: 3_000)))
        #expect(throws: WebSocketError.self) { try reader.next() }
    }
}
