internal import DroverSDK

/// Standard output and error out of one stream: frames of 8 bytes of head - kind, three zeros, length in big-endian - and content
/// (Engine API: ContainerAttach, stream format).
struct FrameDecoder {
    enum Stream: Sendable {
        case output
        case error
    }

    private var bytes: [UInt8] = []

    /// Bytes of one frame's content.
    static let contentBytesMax = 16 << 20

    /// The frames that `more` completes.
    ///
    /// - Throws: ``PluginError/Code/io`` for anything that is no frame.
    mutating func feed(_ more: [UInt8]) throws(PluginError) -> [(stream: Stream, content: ArraySlice<UInt8>)] {
        bytes += more
        var frames: [(stream: Stream, content: ArraySlice<UInt8>)] = []
        var at = 0
        while bytes.count - at >= 8 {
            let head = bytes[at..<at + 8]
            let length = head.suffix(4).reduce(0) { $0 << 8 | Int($1) }
            guard bytes[at] <= 2, head.dropFirst().prefix(3).allSatisfy({ $0 == 0 }), length <= Self.contentBytesMax
            else { throw PluginError(.io, "the engine's stream of output has a frame that begins with \(Array(head))") }
            guard bytes.count - at - 8 >= length else { break }
            frames.append((bytes[at] == 2 ? .error : .output, bytes[at + 8..<at + 8 + length]))
            at += 8 + length
        }
        bytes.removeFirst(at)
        return frames
    }
}
