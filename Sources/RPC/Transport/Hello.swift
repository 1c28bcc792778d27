internal import NIOCore

/// What each end says first: that it speaks this protocol, which versions, who it is, and how much it takes.
///
///     magic "DROVERPC" u64 · version min u16 · version max u16 · role u8 · 0 u8 · name bytes u16 · body bytes max u32
///     ·
///     stream window u32 · name, UTF-8
struct Hello: Equatable, Sendable {
    static let magic: UInt64 = 0x4350_5245_564f_5244
    static let version: UInt16 = 1
    static let frameBytesMax = 1_024
    static let nameBytesMax = 512

    var versionMin = Hello.version
    var versionMax = Hello.version
    var role: TransportRole
    /// For people: a node's name or a server's id.
    var name: String
    /// The largest body this end accepts.
    var bodyBytesMax: UInt32
    /// How many bytes of items this end takes on a stream before it gives credit.
    var streamWindowBytes: UInt32

    var bytes: [UInt8] {
        var buffer = ByteBuffer()
        let name = Array(self.name.utf8.prefix(Hello.nameBytesMax))
        buffer.writeInteger(Hello.magic, endianness: .little)
        buffer.writeMultipleIntegers(
            versionMin, versionMax, role.rawValue, UInt8(0), UInt16(name.count), bodyBytesMax, streamWindowBytes,
            endianness: .little, as: (UInt16, UInt16, UInt8, UInt8, UInt16, UInt32, UInt32).self)
        buffer.writeBytes(name)
        return Array(buffer.readableBytesView)
    }

    init(role: TransportRole, name: String, bodyBytesMax: UInt32, streamWindowBytes: UInt32) {
        self.role = role
        self.name = name
        self.bodyBytesMax = bodyBytesMax
        self.streamWindowBytes = streamWindowBytes
    }

    /// Bytes after the name are ignored: a later release may say more.
    init(_ bytes: [UInt8]) throws(FrameError) {
        var buffer = ByteBuffer(bytes: bytes)
        guard buffer.readInteger(endianness: .little, as: UInt64.self) == Hello.magic else { throw .noHello }
        guard
            let fields = buffer.readMultipleIntegers(
                endianness: .little, as: (UInt16, UInt16, UInt8, UInt8, UInt16, UInt32, UInt32).self),
            let name = buffer.readBytes(length: Int(fields.4)), let text = String(validating: name, as: UTF8.self)
        else { throw .badBody(.hello) }
        // A role of a later release has no rights here that a tool has not.
        self.init(
            role: TransportRole(rawValue: fields.2) ?? .tool, name: text, bodyBytesMax: fields.5,
            streamWindowBytes: fields.6)
        (versionMin, versionMax) = (fields.0, fields.1)
    }

    /// Why the two ends cannot talk, if they cannot.
    func mismatch(with other: Hello) -> String? {
        if max(versionMin, other.versionMin) <= min(versionMax, other.versionMax) { return nil }
        return
            "protocol versions do not meet: \(other.name) speaks \(other.versionMin) to \(other.versionMax), this end "
            + "\(versionMin) to \(versionMax); upgrade the older one"
    }
}

/// What an end of a connection is.
package enum TransportRole: UInt8, Sendable {
    case server = 1
    case client = 2
    /// Tools and tests.
    case tool = 3
}
