internal import Basics

/// Reads the framed JSON of `/v1/client/fs/stream` and `/logs`: objects one after the other, cut anywhere.
public struct FrameDecoder: Sendable {
    /// One frame: data, an event, or neither for a heartbeat.
    public struct Frame: Sendable, Equatable {
        public var data: [UInt8]
        public var file: String
        /// `file deleted` or `file truncated`, else empty.
        public var event: String

        public var isHeartbeat: Bool { data.isEmpty && file.isEmpty && event.isEmpty }
    }

    /// A frame longer than this is refused. 16 MiB.
    public static let frameBytesMax = 16 << 20

    private var buffer: [UInt8] = []
    private var depth = 0
    private var isInString = false
    private var isEscaped = false

    public init() {}

    /// Takes the next bytes and returns the frames they complete.
    ///
    /// - Throws: `JSONError` for bytes that are no frames, ``ConnectionError`` for a frame beyond the limit.
    public mutating func add(_ bytes: [UInt8]) throws -> [Frame] {
        var frames: [Frame] = []
        for byte in bytes {
            buffer.append(byte)
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == 0x5c {
                    isEscaped = true
                } else if byte == 0x22 {
                    isInString = false
                }
                continue
            }
            switch byte {
            case 0x22: isInString = true
            case UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "}"):
                depth -= 1
                guard depth == 0 else { continue }
                frames.append(FrameDecoder.frame(try JSONParser.parse(buffer)))
                buffer.removeAll(keepingCapacity: true)
            default: continue
            }
        }
        guard buffer.count <= FrameDecoder.frameBytesMax else {
            throw ConnectionError("a frame of the stream is too long")
        }
        return frames
    }

    private static func frame(_ json: JSON) -> Frame {
        Frame(
            data: decodeBase64(json["Data"]?.string ?? ""), file: json["File"]?.string ?? "",
            event: json["FileEvent"]?.string ?? "")
    }

    /// RFC 4648 §4; characters outside the alphabet end the text.
    static func decodeBase64(_ text: String) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count / 4 * 3)
        var word: UInt32 = 0
        var bits = 0
        for byte in text.utf8 {
            guard let digit = digit(byte) else { break }
            word = word << 6 | digit
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            out.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
        }
        return out
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x41...0x5a: UInt32(byte) - 0x41
        case 0x61...0x7a: UInt32(byte) - 0x61 + 26
        case 0x30...0x39: UInt32(byte) - 0x30 + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
