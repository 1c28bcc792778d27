/// What one datagram holds once its label and encryption are off: messages, in layers of checksum, compression and compound.
package enum Packet {
    /// The messages in `packet`, in order, and what could not be read; damage to one part of a compound leaves the others.
    ///
    /// Bounded by ``WireLimits``: bytes after decompression, messages, and layers.
    package static func read(_ packet: [UInt8]) -> (messages: [SwimMessage], failures: [WireError]) {
        var reading = Reading()
        reading.open(packet, depth: 0)
        return (reading.messages, reading.failures)
    }

    /// One packet of `messages`, each an encoded message: alone as it is, several as a compound.
    ///
    /// At most 255 messages of at most 65,535 bytes each; callers fill up to a packet's size, which is far below both.
    package static func join(_ messages: [[UInt8]], withChecksum: Bool) -> [UInt8] {
        precondition(messages.count <= 255, "\(messages.count) messages do not fit a compound")
        var packet = messages.count == 1 ? messages[0] : [MessageType.compound.rawValue, UInt8(messages.count)]
        if messages.count != 1 {
            for message in messages { packet.appendBigEndian(UInt64(message.count), count: 2) }
            for message in messages { packet += message }
        }
        guard withChecksum else { return packet }
        var guarded = [MessageType.hasCRC.rawValue]
        guarded.appendBigEndian(UInt64(CRC32.checksum(packet)), count: 4)
        return guarded + packet
    }

    /// Bytes that a compound adds: two, and two for each message; a checksum adds five.
    package static let compoundBytes = 2
    package static let compoundBytesPerMessage = 2
    package static let checksumBytes = 5

    /// One reading of one packet.
    private struct Reading {
        var messages: [SwimMessage] = []
        var failures: [WireError] = []

        mutating func open(_ packet: [UInt8], depth: Int) {
            do throws(WireError) {
                try read(packet, depth: depth)
            } catch {
                failures.append(error)
            }
        }

        private mutating func read(_ packet: [UInt8], depth: Int) throws(WireError) {
            guard let code = packet.first else { throw .truncated(needed: 1) }
            guard let type = MessageType(rawValue: code) else { throw .malformed("a message of unknown type \(code)") }
            guard depth <= WireLimits.packetDepthMax else { throw .malformed("more than \(depth) layers in a packet") }
            guard messages.count < WireLimits.packetMessagesMax else {
                throw .malformed("too many messages in a packet")
            }
            let body = Array(packet.dropFirst())
            switch type {
            case .hasCRC: try readGuarded(body, depth: depth)
            case .compress:
                let inner = try CompressedMessage(body, limit: WireLimits.packetBytesMax)
                try read(inner.bytes, depth: depth + 1)
            case .compound: try readCompound(body, depth: depth)
            default: messages.append(try SwimMessage(type, body: body))
            }
        }

        private mutating func readGuarded(_ body: [UInt8], depth: Int) throws(WireError) {
            guard body.count > 4 else { throw .truncated(needed: 6) }
            let inner = Array(body[4...])
            guard UInt32(body.bigEndian(at: 0, count: 4)) == CRC32.checksum(inner) else {
                throw .malformed("a checksum that does not match")
            }
            try read(inner, depth: depth + 1)
        }

        private mutating func readCompound(_ body: [UInt8], depth: Int) throws(WireError) {
            guard let first = body.first else { throw .truncated(needed: 2) }
            let count = Int(first)
            guard body.count >= 1 + 2 * count else { throw .truncated(needed: 2 + 2 * count) }
            var position = 1 + 2 * count
            for index in 0..<count {
                let length = Int(body.bigEndian(at: 1 + 2 * index, count: 2))
                guard body.count - position >= length else { throw .truncated(needed: 1 + position + length) }
                open(Array(body[position..<position + length]), depth: depth + 1)
                position += length
            }
        }
    }
}

/// The body of a compressed message: an algorithm, of which LZW is the only one, and the bytes.
struct CompressedMessage {
    /// Type byte and body of the message within.
    let bytes: [UInt8]

    init(_ body: [UInt8], limit: Int) throws(WireError) {
        var reader = MessagePackReader(body)
        try self.init(from: &reader, limit: limit)
    }

    init(from reader: inout MessagePackReader, limit: Int) throws(WireError) {
        var (algorithm, compressed) = (UInt8(0), [UInt8]())
        try reader.readFields { reader, key throws(WireError) in
            switch key {
            case "Algo": algorithm = try reader.readInteger()
            case "Buf": compressed = try reader.readBytes(limit: limit)
            default: return false
            }
            return true
        }
        guard algorithm == 0 else { throw .malformed("compression of unknown kind \(algorithm)") }
        bytes = try LZW.decompress(compressed, limit: limit)
    }
}
