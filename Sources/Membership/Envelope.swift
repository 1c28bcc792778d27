internal import Gossip

/// What surrounds packets and streams: the pool's label, and encryption when there is a keyring.
struct Envelope: Sendable {
    let label: String
    var keyring: Keyring?

    /// Bytes added to a packet.
    var packetBytes: Int { GossipLabel.header(label).count + (keyring == nil ? 0 : Keyring.overheadBytes) }

    func sealPacket(_ packet: [UInt8]) throws -> [UInt8] {
        guard let keyring else { return GossipLabel.header(label) + packet }
        return GossipLabel.header(label) + (try keyring.seal(packet, authenticating: Array(label.utf8)))
    }

    func openPacket(_ bytes: [UInt8]) throws(EnvelopeError) -> [UInt8] {
        let labelled: (label: String, rest: [UInt8])
        do throws(WireError) {
            labelled = try GossipLabel.split(bytes)
        } catch {
            throw .unreadable(error)
        }
        guard labelled.label == label else { throw .otherLabel(labelled.label) }
        guard let keyring else { return labelled.rest }
        guard let plain = keyring.open(labelled.rest, authenticating: Array(label.utf8)) else { throw .sealedOtherwise }
        return plain
    }

    /// A type byte, the length in four bytes, and the sealed message; the tag covers these five bytes and the label.
    func sealStream(_ message: [UInt8]) throws -> [UInt8] {
        guard let keyring else { return GossipLabel.header(label) + message }
        var head = [MessageType.encrypt.rawValue]
        head.appendBigEndian(UInt64(message.count + Keyring.overheadBytes), count: 4)
        return GossipLabel.header(label) + head + (try keyring.seal(message, authenticating: head + label.utf8))
    }
}

/// Why a packet or a stream was refused.
enum EnvelopeError: Error, Equatable, CustomStringConvertible {
    case otherLabel(String)
    /// Not encrypted, or with a key that is not in the keyring.
    case sealedOtherwise
    /// Encrypted, and there is no keyring here.
    case noKeyring
    case unreadable(WireError)

    var description: String {
        switch self {
        case .otherLabel(let label): "the sender belongs to the pool labelled \"\(label)\", not to this one"
        case .sealedOtherwise:
            "the sender has another gossip key, or none; give all servers the same key (server.encrypt)"
        case .noKeyring: "the sender encrypts its gossip and this server has no key; set server.encrypt"
        case .unreadable(let error): "\(error)"
        }
    }
}

/// Takes label and encryption off a stream that arrives in pieces, and puts its message together.
struct EnvelopeReader: Sendable {
    private let envelope: Envelope
    /// Bytes not passed on yet.
    private var pending: [UInt8] = []
    private var stage = Stage.label
    private var decoder = StreamDecoder()

    private enum Stage {
        case label
        case encryption
        /// In clear: all goes to the decoder.
        case clear
    }

    init(_ envelope: Envelope) { self.envelope = envelope }

    /// Takes the next piece; returns the message once it is complete.
    mutating func append(_ piece: [UInt8]) throws(EnvelopeError) -> StreamMessage? {
        pending += piece
        if stage == .label, try !readLabel() { return nil }
        if stage == .encryption { return try readEncrypted() }
        guard stage == .clear else { return nil }
        defer { pending = [] }
        return try decode(pending)
    }

    /// False while the label is not complete.
    private mutating func readLabel() throws(EnvelopeError) -> Bool {
        guard !pending.isEmpty else { return false }
        let labelled: (label: String, rest: [UInt8])
        do throws(WireError) {
            labelled = try GossipLabel.split(pending)
        } catch .truncated {
            return false
        } catch {
            throw .unreadable(error)
        }
        guard labelled.label == envelope.label else { throw .otherLabel(labelled.label) }
        pending = labelled.rest
        stage = .encryption
        return true
    }

    private mutating func readEncrypted() throws(EnvelopeError) -> StreamMessage? {
        guard let type = pending.first else { return nil }
        guard type == MessageType.encrypt.rawValue else {
            guard envelope.keyring == nil else { throw .sealedOtherwise }
            stage = .clear
            defer { pending = [] }
            return try decode(pending)
        }
        guard let keyring = envelope.keyring else { throw .noKeyring }
        guard pending.count >= 5 else { return nil }
        let count = Int(pending.bigEndian(at: 1, count: 4))
        guard count <= WireLimits.streamBytesMax else {
            throw .unreadable(.malformed("a sealed stream of \(count) bytes"))
        }
        guard pending.count >= 5 + count else { return nil }
        let context = Array(pending[..<5]) + envelope.label.utf8
        guard let plain = keyring.open(Array(pending[5..<5 + count]), authenticating: context) else {
            throw .sealedOtherwise
        }
        guard let message = try decode(plain) else { throw .unreadable(.malformed("a sealed stream cut short")) }
        return message
    }

    private mutating func decode(_ bytes: [UInt8]) throws(EnvelopeError) -> StreamMessage? {
        do throws(WireError) {
            return try decoder.append(bytes)
        } catch {
            throw .unreadable(error)
        }
    }
}
