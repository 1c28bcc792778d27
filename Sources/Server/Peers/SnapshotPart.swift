internal import Basics
internal import Consensus
internal import Model
internal import Raft

/// A piece of a snapshot on its way to a follower that lags behind the log, as it travels in one call.
///
///     version u8 (1) · cluster 16 bytes · from text · address text · to text · term · index · term of that entry ·
///     membership data · transfer · offset · last u8 · content data · checksum u64
///
/// The checksum is the CRC-32C of all before it. Parts of one transfer come in order, each after the one before was
/// answered; the last one is answered once the whole snapshot is on stable storage.
struct SnapshotPart: Hashable, Sendable {
    private static let version: UInt8 = 1
    /// Content of one part; 1 MiB.
    static let contentBytesMax = 1 << 20

    var cluster: ID
    var from: ServerID
    var address: String
    var to: ServerID
    /// The sender's term.
    var term: UInt64
    var metadata: SnapshotMetadata
    /// Drawn anew for each try, so that parts of an older one are told from it.
    var transfer: UInt64
    /// Bytes of content before this part.
    var offset: UInt64
    var isLast = false
    var content: [UInt8] = []

    var encoded: [UInt8] {
        var writer = ByteWriter(capacity: content.count + 256)
        writer.byte(SnapshotPart.version)
        writer.id(cluster)
        for text in [from.name, address, to.name] { writer.text(text) }
        for number in [term, metadata.index, metadata.term] { writer.number(number) }
        writer.data(metadata.membership.bytes)
        writer.number(transfer)
        writer.number(offset)
        writer.flag(isLast)
        writer.data(content)
        writer.word(UInt64(CRC32C.checksum(writer.bytes)))
        return writer.bytes
    }
}

extension SnapshotPart {
    /// Reads what ``encoded`` wrote; throws for anything else.
    init(decoding bytes: [UInt8]) throws(CodecError) {
        let count = bytes.count - 8
        guard count > 0 else { throw CodecError(message: "too short for a part of a snapshot", position: 0) }
        var tail = ByteReader(bytes[count...])
        guard try tail.word() == UInt64(CRC32C.checksum(Array(bytes[..<count]))) else {
            throw CodecError(message: "the checksum of a part of a snapshot does not fit", position: count)
        }
        var reader = ByteReader(bytes[..<count])
        let version = try reader.byte()
        guard version == SnapshotPart.version else {
            throw reader.error("a snapshot of version \(version), which this release does not know")
        }
        cluster = try reader.id()
        from = ServerID(try reader.text())
        address = try reader.text()
        to = ServerID(try reader.text())
        term = try reader.number()
        let (index, indexTerm) = (try reader.number(), try reader.number())
        guard max(term, index, indexTerm) < 1 << 62 else { throw reader.error("\(index) is no index") }
        guard let membership = Membership(bytes: Array(try reader.data())) else {
            throw reader.error("the membership of a snapshot cannot be read")
        }
        metadata = SnapshotMetadata(index: index, term: indexTerm, membership: membership)
        transfer = try reader.number()
        offset = try reader.number()
        isLast = try reader.flag()
        content = Array(try reader.data())
        guard content.count <= SnapshotPart.contentBytesMax, reader.isAtEnd else {
            throw reader.error("a part of \(content.count) bytes, with \(reader.left) behind it")
        }
    }
}
