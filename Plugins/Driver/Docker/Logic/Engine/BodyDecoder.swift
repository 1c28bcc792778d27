internal import DroverSDK

/// The body of a response out of the bytes of its connection (RFC 9112 §6 and §7.1).
struct BodyDecoder: Sendable {
    private enum Stage: Equatable {
        /// So many bytes are still to come.
        case counted(Int)
        /// A chunk's size line, or what of it has come.
        case size([UInt8])
        /// Inside a chunk.
        case chunk(Int)
        /// The line end after a chunk.
        case chunkEnd
        /// Fields after the last chunk; the bytes of the line so far.
        case trailer(Int)
        /// All until the connection closes.
        case untilClose
        case done
    }

    private var stage: Stage

    /// Bytes of a chunk's size line with its extensions.
    static let sizeLineBytesMax = 1 << 10

    /// - Throws: ``PluginError/Code/io`` for a length that is none.
    init(_ head: ResponseHead) throws(PluginError) {
        if head.status < 200 || head.status == 204 || head.status == 304 {
            stage = .done
        } else if let coding = head.fields["transfer-encoding"] {
            guard coding.lowercased() == "chunked" else {
                throw ResponseHead.garbage("its transfer coding is \"\(coding)\"")
            }
            stage = .size([])
        } else if let text = head.fields["content-length"] {
            guard let length = Int(text), length >= 0 else {
                throw ResponseHead.garbage("its length is \"\(text)\"")
            }
            stage = length == 0 ? .done : .counted(length)
        } else {
            stage = .untilClose
        }
    }

    /// Whether the whole body has been seen.
    var isComplete: Bool { stage == .done }

    /// Says that the connection has closed.
    ///
    /// - Throws: ``PluginError/Code/retry`` when the body is incomplete.
    mutating func close() throws(PluginError) {
        guard stage == .untilClose || stage == .done else {
            throw PluginError(.retry, "the engine closed the connection in the middle of an answer")
        }
        stage = .done
    }

    /// The part of the body that is in `bytes`, which follow those of the calls before.
    mutating func decode(_ bytes: [UInt8]) throws(PluginError) -> [UInt8] {
        var rest = bytes[...]
        var body: [UInt8] = []
        while !rest.isEmpty, stage != .done {
            switch stage {
            case .counted(let count):
                body += rest.prefix(count)
                stage = count <= rest.count ? .done : .counted(count - rest.count)
                rest = rest.dropFirst(count)
            case .chunk(let count):
                body += rest.prefix(count)
                stage = count <= rest.count ? .chunkEnd : .chunk(count - rest.count)
                rest = rest.dropFirst(count)
            case .untilClose:
                body += rest
                rest = []
            default:
                try line(rest.removeFirst())
            }
        }
        return body
    }

    /// One byte of what lies around chunks.
    private mutating func line(_ byte: UInt8) throws(PluginError) {
        let isEnd = byte == UInt8(ascii: "\n")
        switch stage {
        case .size(var text):
            if isEnd {
                stage = try Self.stage(afterSizeLine: text)
            } else {
                text.append(byte)
                guard text.count <= Self.sizeLineBytesMax else { throw ResponseHead.garbage("a chunk has no size") }
                stage = .size(text)
            }
        case .chunkEnd:
            guard isEnd || byte == UInt8(ascii: "\r") else {
                throw ResponseHead.garbage("a chunk is longer than it says")
            }
            if isEnd { stage = .size([]) }
        case .trailer(let length):
            if isEnd {
                stage = length == 0 ? .done : .trailer(0)
            } else if byte != UInt8(ascii: "\r") {
                guard length < ResponseHead.bytesMax else { throw ResponseHead.garbage("its trailer is too long") }
                stage = .trailer(length + 1)
            }
        default: break
        }
    }

    private static func stage(afterSizeLine text: [UInt8]) throws(PluginError) -> Stage {
        let digits = text.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: " ") }
        let word = String(decoding: digits, as: UTF8.self)
        guard !word.hasPrefix("+"), let size = Int(word, radix: 16), size >= 0, size < 1 << 40 else {
            throw ResponseHead.garbage("a chunk's size is \"\(word)\"")
        }
        return size == 0 ? .trailer(0) : .chunk(size)
    }
}
