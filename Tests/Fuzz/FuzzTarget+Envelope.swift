import Basics

@testable import Gossip
@testable import Membership

/// What surrounds gossip: label and encryption.
extension FuzzTarget {
    /// Packets and streams that others seal, read with and without a key, and the same sealed and opened here.
    static func envelope(_ bytes: [UInt8]) {
        for envelope in envelopes {
            if let packet = try? envelope.openPacket(bytes), let again = try? envelope.sealPacket(packet) {
                precondition((try? envelope.openPacket(again)) == packet, "a packet cannot be opened again")
            }
            let whole = read(bytes, envelope, pieceBytes: max(1, bytes.count))
            let pieces = read(bytes, envelope, pieceBytes: 5)
            precondition(whole == pieces, "cut: \(String(describing: pieces)); whole: \(String(describing: whole))")
            // Whatever is sealed with the key is opened to the same bytes, and read or refused.
            guard let packet = try? envelope.sealPacket(bytes), let stream = try? envelope.sealStream(bytes) else {
                continue
            }
            // In clear a packet may begin like a label.
            if envelope.keyring != nil {
                precondition((try? envelope.openPacket(packet)) == bytes, "what was sealed cannot be opened")
            }
            _ = read(stream, envelope, pieceBytes: 7)
        }
    }

    private static let envelopes: [Envelope] = {
        let keyring = try? Keyring(keys: [[UInt8](repeating: 7, count: 32), [UInt8](repeating: 8, count: 16)])
        return ["", "pool"].flatMap { [Envelope(label: $0, keyring: nil), Envelope(label: $0, keyring: keyring)] }
    }()

    /// The message in a stream; nil when it is refused or not complete.
    private static func read(_ bytes: [UInt8], _ envelope: Envelope, pieceBytes: Int) -> StreamMessage? {
        var reader = EnvelopeReader(envelope)
        for position in stride(from: 0, to: bytes.count, by: pieceBytes) {
            do {
                let piece = Array(bytes[position..<min(position + pieceBytes, bytes.count)])
                if let message = try reader.append(piece) { return message }
            } catch {
                return nil
            }
        }
        return nil
    }

    static var sealedSeeds: [[UInt8]] {
        let message = StreamMessage.error("no").encoded
        return envelopes.flatMap { envelope in
            [try? envelope.sealPacket(Packet.join([message], withChecksum: true)), try? envelope.sealStream(message)]
                .compactMap { $0 }
        }
    }
}
