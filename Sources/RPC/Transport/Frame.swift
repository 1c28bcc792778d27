internal import NIOCore

/// The unit of the wire. All numbers are little-endian.
///
///     length u32 (of what follows: 8 + body) · kind u8 · flags u8 · method u16 · id u32 · body
///
/// The first frame each way is a ``Kind/hello``. Ids are chosen by the caller; each names one call until its reply,
/// error or end.
struct Frame: Equatable, Sendable {
    static let headerBytes = 12
    /// Length of the header's part that the length field counts.
    static let countedHeaderBytes = 8

    enum Kind: UInt8, Sendable, CaseIterable {
        /// A ``Hello``; id 0.
        case hello = 1
        /// Caller → server: deadline in milliseconds u32 (0: none), then the request. Flags: ``streams``,
        /// ``isCancellable``.
        case call = 2
        /// Server → caller: the answer.
        case reply = 3
        /// Either way: code u16, then a text for people. Ends the call; with id 0 the connection.
        case error = 4
        /// Server → caller: one item of a stream.
        case item = 5
        /// Server → caller: no more items.
        case end = 6
        /// Caller → server: so many more bytes of items may be sent, u32.
        case credit = 7
        /// Caller → server: the answer is no longer wanted.
        case cancel = 8
        /// Either way; answered by a pong with the same body of at most 8 bytes.
        case ping = 9
        case pong = 10
        /// Server → caller: make no new calls here; those under way will still be answered.
        case drain = 11
    }

    /// Flag of a call: it is answered by items.
    static let streams: UInt8 = 1
    /// Flag of a call: it may take long, so the server should listen for a cancel.
    static let isCancellable: UInt8 = 2

    var kind: Kind
    var flags: UInt8 = 0
    var method: UInt16 = 0
    var id: UInt32 = 0
    var body: [UInt8] = []

    /// Appends the frame to `buffer`; `prefix` goes before the body.
    static func write(
        _ kind: Kind, flags: UInt8 = 0, method: UInt16 = 0, id: UInt32, prefix: UInt32? = nil, body: [UInt8] = [],
        to buffer: inout ByteBuffer
    ) {
        let count = countedHeaderBytes + (prefix == nil ? 0 : 4) + body.count
        buffer.reserveCapacity(minimumWritableBytes: count + 4)
        buffer.writeMultipleIntegers(
            UInt32(count), kind.rawValue, flags, method, id, endianness: .little,
            as: (UInt32, UInt8, UInt8, UInt16, UInt32).self)
        if let prefix { buffer.writeInteger(prefix, endianness: .little) }
        buffer.writeBytes(body)
    }
}

/// Bytes that no correct peer sends. The connection is closed with this text.
enum FrameError: Error, Equatable, CustomStringConvertible {
    case tooShort(length: UInt32)
    case tooLong(length: UInt32, limit: Int)
    case unknownKind(UInt8)
    case badBody(Frame.Kind)
    case noHello
    case secondHello
    case misplaced(Frame.Kind)

    var description: String {
        switch self {
        case .tooShort(let length): "a frame claims \(length) bytes, fewer than a header"
        case .tooLong(let length, let limit): "a frame of \(length) bytes exceeds the limit of \(limit)"
        case .unknownKind(let kind): "frame kind \(kind) is unknown; is this a Drover port, and of this release?"
        case .badBody(let kind): "the body of a \(kind) frame cannot be read"
        case .noHello: "the first bytes are not Drover's; is this its RPC port, and is TLS on or off at both ends?"
        case .secondHello: "a second hello on one connection"
        case .misplaced(let kind): "a \(kind) frame makes no sense in this direction"
        }
    }
}

/// Cuts a stream of bytes into frames; the same bytes give the same frames however they are split.
struct FrameDecoder {
    /// The longest frame accepted, header included; checked before anything is allocated for it.
    let frameBytesMax: Int
    private var buffer = ByteBuffer()
    private var hasHello = false

    init(frameBytesMax: Int) { self.frameBytesMax = frameBytesMax }

    /// Bytes of a frame that has not come whole.
    var bytesHeld: Int { buffer.readableBytes }

    mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            // What was read stays in the buffer until dropped; in large pieces, so that the rest is seldom moved.
            if buffer.readerIndex > 64 << 10 { buffer.discardReadBytes() }
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole frame; nil until more bytes come.
    mutating func next() throws(FrameError) -> Frame? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, endianness: .little, as: UInt32.self) else {
            return nil
        }
        try check(length)
        guard buffer.readableBytes >= 4 + Int(length) else { return nil }
        guard
            let (_, kindNumber, flags, method, id) = buffer.readMultipleIntegers(
                endianness: .little, as: (UInt32, UInt8, UInt8, UInt16, UInt32).self),
            let body = buffer.readBytes(length: Int(length) - Frame.countedHeaderBytes)
        else { return nil }
        guard let kind = Frame.Kind(rawValue: kindNumber) else { throw .unknownKind(kindNumber) }
        guard hasHello || kind == .hello || kind == .error else { throw .noHello }
        guard !(hasHello && kind == .hello) else { throw .secondHello }
        hasHello = hasHello || kind == .hello
        return Frame(kind: kind, flags: flags, method: method, id: id, body: body)
    }

    private func check(_ length: UInt32) throws(FrameError) {
        // Until the hello is seen anything may be at the other end; a hello is small.
        let limit = hasHello ? frameBytesMax : min(frameBytesMax, Hello.frameBytesMax)
        guard Int(length) + 4 <= limit else { throw hasHello ? .tooLong(length: length, limit: limit) : .noHello }
        guard Int(length) >= Frame.countedHeaderBytes else { throw hasHello ? .tooShort(length: length) : .noHello }
    }
}
