/// Puts one ``StreamMessage`` together from pieces, in time linear in its size.
///
/// A stream has no length in front; the message tells while it is read. What is complete is read once, and nothing is tried again
/// before the byte the last try stopped at has come, so a peer that trickles bytes buys no work.
package struct StreamDecoder: Sendable {
    private var bytes: [UInt8] = []
    private var stage = Stage.start
    /// A push/pull as far as it is read; beside the stage, so that it grows in place.
    private var state = PushPull(isJoin: false, nodes: [], userState: [])
    /// How many bytes must be there before reading on can help.
    private var needed = 1
    /// `bytes` are what a compressed message held: all of it is there, and what follows in the stream is no part of it.
    private var isUnpacked = false

    private enum Stage {
        case start
        /// Reading nodes of a push/pull into `state`; `position` is where the next one begins.
        case nodes(left: Int, userStateBytes: Int, position: Int)
    }

    package init() {}

    /// Takes the next piece; returns the message once it is complete, nil while it is not. Bytes after it are ignored.
    ///
    /// - Throws: ``WireError`` when the stream holds no message, or one beyond ``WireLimits/streamBytesMax``.
    package mutating func append(_ piece: some Collection<UInt8>) throws(WireError) -> StreamMessage? {
        guard bytes.count + piece.count <= WireLimits.streamBytesMax else {
            throw .malformed("a stream of more than \(WireLimits.streamBytesMax) bytes")
        }
        bytes += piece
        guard bytes.count >= needed else { return nil }
        do throws(WireError) {
            return try read()
        } catch .truncated(let count) {
            guard !isUnpacked else { throw .malformed("a compressed message cut short") }
            guard count <= WireLimits.streamBytesMax else { throw .malformed("a message of \(count) bytes or more") }
            needed = max(count, bytes.count + 1)
            return nil
        }
    }

    private mutating func read() throws(WireError) -> StreamMessage {
        while true {
            switch stage {
            case .start:
                if let message = try readStart() { return message }
            case .nodes(let left, let userStateBytes, let position):
                guard left > 0 else {
                    let end = position + userStateBytes
                    guard bytes.count >= end else { throw .truncated(needed: end) }
                    state.userState = Array(bytes[position..<end])
                    return .pushPull(state)
                }
                var reader = MessagePackReader(bytes, from: position)
                state.nodes.append(try PushPull.NodeState(from: &reader))
                stage = .nodes(left: left - 1, userStateBytes: userStateBytes, position: reader.position)
            }
        }
    }

    /// Reads the type, and the message unless it is a push/pull, which goes on node by node.
    private mutating func readStart() throws(WireError) -> StreamMessage? {
        guard let code = bytes.first else { throw .truncated(needed: 1) }
        guard let type = MessageType(rawValue: code) else { throw .malformed("a stream of unknown type \(code)") }
        var reader = MessagePackReader(bytes, from: 1)
        switch type {
        case .ping: return .ping(try Ping(from: &reader))
        case .ack: return .ack(try Ack(from: &reader))
        case .user: return .user(try readUser(&reader))
        case .error: return .error(try readError(&reader))
        case .pushPull:
            let header = try PushPull.Header(from: &reader)
            state.isJoin = header.isJoin
            stage = .nodes(
                left: header.nodeCount, userStateBytes: header.userStateBytes, position: reader.position)
            return nil
        case .compress:
            bytes = try CompressedMessage(from: &reader, limit: WireLimits.streamBytesMax).bytes
            isUnpacked = true
            guard bytes.first != MessageType.compress.rawValue else {
                throw .malformed("compression within compression")
            }
            return nil
        default: throw .malformed("a stream of type \(type)")
        }
    }

    private func readUser(_ reader: inout MessagePackReader) throws(WireError) -> [UInt8] {
        var count = 0
        try reader.readFields { reader, key throws(WireError) in
            guard key == "UserMsgLen" else { return false }
            count = try reader.readInteger()
            return true
        }
        guard (0...WireLimits.streamBytesMax).contains(count) else {
            throw .malformed("a user message of \(count) bytes")
        }
        let end = reader.position + count
        guard bytes.count >= end else { throw .truncated(needed: end) }
        return Array(bytes[reader.position..<end])
    }

    private func readError(_ reader: inout MessagePackReader) throws(WireError) -> String {
        var text = ""
        try reader.readFields { reader, key throws(WireError) in
            guard key == "Error" else { return false }
            text = try reader.readString(limit: 4_096)
            return true
        }
        return text
    }
}
