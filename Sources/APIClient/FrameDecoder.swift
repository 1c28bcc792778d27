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
            data: Base64.decode(json["Data"]?.string ?? "") ?? [], file: json["File"]?.string ?? "",
            event: json["FileEvent"]?.string ?? "")
    }
}
