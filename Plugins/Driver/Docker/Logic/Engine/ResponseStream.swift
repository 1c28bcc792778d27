internal import DroverSDK

/// An answer under way: its head, and its body as it comes. Close it when done.
final class ResponseStream: @unchecked Sendable {
    let head: ResponseHead
    /// The connection; after an upgrade bytes go both ways on it.
    let connection: any ByteStream
    private var decoder: BodyDecoder
    /// Bytes that came with the head. (Used by one task at a time, as the decoder.)
    private var early: [UInt8]

    static let partBytesMax = 64 << 10

    private init(_ head: ResponseHead, _ connection: any ByteStream, _ decoder: BodyDecoder, early: [UInt8]) {
        self.head = head
        self.connection = connection
        self.decoder = decoder
        self.early = early
    }

    /// Reads the head of an answer from `connection`.
    static func open(_ connection: any ByteStream) async throws -> ResponseStream {
        var bytes: [UInt8] = []
        while true {
            if !bytes.isEmpty, let head = try ResponseHead.take(from: &bytes) {
                // Heads with 1xx announce another one, but for 101: that is the upgrade.
                if head.status < 200, head.status != 101 { continue }
                return ResponseStream(head, connection, try BodyDecoder(head), early: bytes)
            }
            let part = try await connection.read(max: partBytesMax)
            guard !part.isEmpty else {
                throw PluginError(.retry, "the engine closed the connection without an answer")
            }
            bytes += part
        }
    }

    /// The next bytes of the body; empty at its end.
    func next() async throws -> [UInt8] {
        while !decoder.isComplete {
            let part = try decoder.decode(try await raw())
            if !part.isEmpty { return part }
        }
        return []
    }

    /// The next bytes of an upgraded connection; empty when the engine has closed it.
    func nextUpgraded() async throws -> [UInt8] {
        if !early.isEmpty {
            defer { early = [] }
            return early
        }
        return try await connection.read(max: Self.partBytesMax)
    }

    private func raw() async throws -> [UInt8] {
        let bytes = try await nextUpgraded()
        if bytes.isEmpty { try decoder.close() }
        return bytes
    }

    /// The rest of the body.
    ///
    /// - Throws: ``PluginError/Code/limit`` when it is longer than `max` bytes.
    func all(max: Int) async throws -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let part = try await next()
            if part.isEmpty { return body }
            body += part
            guard body.count <= max else { throw PluginError(.limit, "an answer of the engine exceeds \(max) bytes") }
        }
    }

    func close() { connection.close() }
}

/// JSON values, one a line, out of a stream.
struct JSONLines {
    private var line: [UInt8] = []

    /// Bytes of a line; longer ones end the stream.
    static let lineBytesMax = 1 << 20

    /// The values that `bytes` completes.
    mutating func feed(_ bytes: [UInt8]) throws(PluginError) -> [JSON] {
        var values: [JSON] = []
        for part in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if part.offset > 0 {
                if let value = try value() { values.append(value) }
                line = []
            }
            line += part.element
            guard line.count <= Self.lineBytesMax else {
                throw PluginError(.limit, "the engine sent a line of more than \(Self.lineBytesMax) bytes")
            }
        }
        return values
    }

    private func value() throws(PluginError) -> JSON? {
        let text = String(decoding: line, as: UTF8.self)
        // `nil` alone would be JSON's null.
        return text.allSatisfy(\.isWhitespace) ? JSON?.none : try JSON(parsing: text)
    }
}
